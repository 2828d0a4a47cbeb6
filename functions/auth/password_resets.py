"""Passwords forgotten: a link by mail, good once, to set a new one."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from typing import Annotated

from msgspec import Meta, Struct
from sqlalchemy import text, update

from auth import ending, mail, one_time_tokens, passwords, subjects, throttle
from auth.errors import TokenSpent
from auth.events import PLATFORM_TENANT, MailRequested, SessionRevoked, UserPasswordChanged
from auth.names import Password
from auth.tables import users
from common.operation import PUBLIC, Uses, operation
from common.principal import Principal
from common.work import Work

Text = Annotated[str, Meta(max_length=256)]


class ResetRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Whose password is forgotten."""

    tenant: Text
    email: Text


class Accepted(Struct, frozen=True):
    """The same for every address."""

    detail: str = "If there is an account with this address, a mail is on its way."


class NewPassword(Struct, frozen=True, forbid_unknown_fields=True):
    """A new password, with the code from the mail."""

    token: Annotated[str, Meta(max_length=500)]
    password: Password


@operation("POST /auth/password-resets", permission=PUBLIC, status=202, emits=MailRequested)
def ask(asked: ResetRequest, work: Work) -> Accepted:
    """Ask for a mail to set a new password. The answer is the same whether such an account exists or not."""
    tenant = work.execute(text("select auth.tenant_of(:slug)"), {"slug": asked.tenant}).scalar_one()
    work.enter(tenant or PLATFORM_TENANT)
    email = asked.email.strip().lower()
    key = sha256(f"reset\0{asked.tenant}\0{email}".encode()).digest()
    if throttle.within(work, key, most=5, period=timedelta(hours=1)):
        mail.ask(work, "password", email)
    return Accepted()


@operation(
    "POST /auth/password-resets/confirm",
    permission=PUBLIC,
    status=204,
    emits=(UserPasswordChanged, SessionRevoked),
    uses={Uses.SIGNING},
    memory=1024,
    concurrency=20,
    answers=(410,),
)
def confirm(new: NewPassword, work: Work) -> None:
    """Set a new password with the code from the mail. All sessions end, and a lock is lifted."""
    row = one_time_tokens.find(work, new.token, "password")
    subject = None if row is None else subjects.by_id(work, row.user_id)
    if (
        row is None
        or subject is None
        or not one_time_tokens.good(row, work)
        or subject.status != "active"
        or subject.email != row.data["email"]
    ):
        raise TokenSpent("Ask for a new mail; this one was used or is too old.")
    subject.settings.check_password(new.password, subject.email, subject.name)
    work.act_as(Principal("user", subject.id, work.tenant))
    one_time_tokens.use(work, row)
    changed = (
        update(users)
        .where(users.c.tenant_id == work.tenant, users.c.id == subject.id)
        .values(
            password_hash=passwords.digest(new.password),
            email_verified=True,
            locked_until=None,
            authorization_version=users.c.authorization_version + 1,
            version=users.c.version + 1,
            updated_at=work.now,
        )
        .returning(users.c.version)
    )
    version = work.execute(changed).scalar_one()
    throttle.clear(work, throttle.account_key(subject.tenant_slug, subject.email))
    ending.end_of_user(work, subject.id, "password")
    work.emit(UserPasswordChanged(subject.id, "reset", True, version))
