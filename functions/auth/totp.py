"""Authenticators: set up, confirmed with a first code, removed; recovery codes for the day it is lost."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from auth import in_person, one_time_passwords, sealing, second_factor, throttle, users
from auth.errors import TotpAbsent, TotpActive, WrongCode
from auth.events import TotpChanged
from auth.subjects import Subject
from auth.tables import totp
from common.errors import TooManyRequests
from common.operation import SELF, Uses, operation
from common.principal import Principal
from common.request import Request
from common.work import Work

Code = Annotated[str, Meta(min_length=6, max_length=40)]


class Enrolment(Struct, frozen=True):
    """An authenticator to be: its secret (base32), and the same as a URI for a QR code."""

    secret: str
    uri: str


class FirstCode(Struct, frozen=True, forbid_unknown_fields=True):
    """A code that shows that the authenticator works."""

    code: Code


class RecoveryCodes(Struct, frozen=True):
    """Codes to sign in without the authenticator, each good once, shown this once."""

    recovery_codes: list[str]


@operation("POST /auth/me/totp", permission=SELF, uses={Uses.SIGNING}, answers=in_person.REFUSALS)
def enrol(principal: Principal, work: Work) -> Enrolment:
    """Begin to set up an authenticator. It counts once a code of it has confirmed it."""
    subject = in_person.require(principal, work)
    if subject.totp_secret is not None:
        raise TotpActive("Remove the present authenticator first.")
    secret = one_time_passwords.new_secret()
    sealed = sealing.encrypt(secret, second_factor.label(subject.id))
    begun = insert(totp).values(tenant_id=work.tenant, user_id=subject.id, secret=sealed, created_at=work.now)
    work.execute(
        begun.on_conflict_do_update(
            index_elements=[totp.c.tenant_id, totp.c.user_id],
            set_={"secret": begun.excluded.secret, "created_at": work.now},
            where=totp.c.confirmed_at.is_(None),
        )
    )
    uri = one_time_passwords.uri(secret, subject.tenant_slug, subject.email)
    return Enrolment(one_time_passwords.readable(secret), uri)


@operation(
    "POST /auth/me/totp/confirm",
    permission=SELF,
    emits=TotpChanged,
    uses={Uses.SIGNING},
    answers=in_person.REFUSALS,
)
def confirm(first: FirstCode, principal: Principal, request: Request, work: Work) -> RecoveryCodes:
    """Confirm the authenticator with a code of it. Every sign-in asks for one from here on."""
    subject = in_person.require(principal, work)
    if subject.totp_secret is not None:
        raise TotpActive("The authenticator is confirmed already.")
    waiting = select(totp.c.secret).where(totp.c.tenant_id == work.tenant, totp.c.user_id == subject.id)
    stored = work.execute(waiting).scalar_one_or_none()
    if stored is None:
        raise TotpAbsent("Begin with POST /auth/me/totp.")
    secret = sealing.decrypt(stored, second_factor.label(subject.id))
    with_patience = _patient(subject, request, work)
    if not second_factor.use_code(work, subject.id, secret, first.code, confirmed=work.now):
        throttle.fail(work, with_patience, locked=False)
        raise WrongCode("The code is not the authenticator's present one; check its clock.")
    codes = second_factor.new_recovery_codes(work, subject.id)
    work.emit(TotpChanged(subject.id, True))
    return RecoveryCodes(codes)


@operation(
    "DELETE /auth/me/totp",
    permission=SELF,
    status=204,
    emits=TotpChanged,
    uses={Uses.SIGNING},
    answers=in_person.REFUSALS,
)
def remove(code: Code, principal: Principal, request: Request, work: Work) -> None:
    """Remove the authenticator; ``code`` is one of its codes or a recovery code."""
    subject = in_person.require(principal, work)
    if subject.totp_secret is None:
        raise TotpAbsent("There is no authenticator to remove.")
    attempt = _patient(subject, request, work)
    if not second_factor.accepts(work, subject, code):
        throttle.fail(work, attempt, locked=False)
        raise WrongCode("The code is neither the authenticator's present one nor an unused recovery code.")
    users.remove_second_factor(work, subject.id)


def _patient(subject: Subject, request: Request, work: Work) -> throttle.Attempt:
    """Refuse while too many codes were wrong: they are short enough to be guessed."""
    attempt = throttle.begin(work, subject.tenant_slug, subject.email, request.source_ip)
    blocked = attempt.account_blocked_until
    if blocked is not None and blocked > work.now:
        wait = int((blocked - work.now).total_seconds()) + 1
        raise TooManyRequests("Too many wrong codes; wait.", retry_after=wait)
    return attempt
