"""Addresses proved: a code by mail, sent back."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct
from sqlalchemy import update

from auth import mail, one_time_tokens, subjects
from auth.errors import TokenSpent
from auth.events import MailRequested, UserUpdated
from auth.tables import users
from common.errors import NotFound
from common.operation import PUBLIC, SELF, Uses, operation
from common.principal import Principal
from common.work import Work


class Proof(Struct, frozen=True, forbid_unknown_fields=True):
    """The code from the mail."""

    token: Annotated[str, Meta(max_length=500)]


@operation("POST /auth/email-verifications", permission=SELF, status=202, emits=MailRequested, answers=(404,))
def ask(principal: Principal, work: Work) -> None:
    """Have the mail sent again that proves the caller's address."""
    subject = subjects.by_id(work, principal.id) if principal.id else None
    if subject is None:
        raise NotFound("The token speaks for no user.")
    if not subject.email_verified:
        mail.ask(work, "email", subject.email)


@operation(
    "POST /auth/email-verifications/confirm",
    permission=PUBLIC,
    status=204,
    emits=UserUpdated,
    uses={Uses.SIGNING},
    answers=(410,),
)
def confirm(proof: Proof, work: Work) -> None:
    """Prove an address with the code that was mailed to it."""
    row = one_time_tokens.find(work, proof.token, "email")
    subject = None if row is None else subjects.by_id(work, row.user_id)
    if (
        row is None
        or subject is None
        or not one_time_tokens.good(row, work)
        or subject.email != row.data["email"]
    ):
        raise TokenSpent("Ask for a new mail; this one was used, is too old, or was for another address.")
    work.act_as(Principal("user", subject.id, work.tenant))
    one_time_tokens.use(work, row)
    changed = (
        update(users)
        .where(users.c.tenant_id == work.tenant, users.c.id == subject.id)
        .values(email_verified=True, version=users.c.version + 1, updated_at=work.now)
        .returning(users.c.version)
    )
    version = work.execute(changed).scalar_one()
    work.emit(UserUpdated(subject.id, subject.email, True, subject.name, subject.status, version))
