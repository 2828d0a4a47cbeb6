"""Who signs in: password and second factor checked, failures counted, nothing told that helps to guess.

An unknown tenant or user, a wrong password, a locked and a deactivated account get the same answer for the
same work: one hash, the same statements, one event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import update

from auth import metrics, passwords, second_factor, throttle
from auth.errors import BadCredentials, OneTimeCodeRequired, Throttled
from auth.events import LoginFailed, UserLocked
from auth.subjects import Subject
from auth.tables import users
from auth.throttle import Attempt
from common.identifiers import uuid7
from common.principal import Principal
from common.request import Request
from common.work import Work

Reason = Literal["password", "otp", "locked", "deactivated"]


@dataclass(frozen=True)
class Presented:
    """What somebody signs in with."""

    slug: str
    email: str
    password: str
    otp: str | None


def verify(given: Presented, request: Request, work: Work) -> tuple[Subject, list[str]]:
    """The user who proved to be one, and the methods by which (RFC 8176), acting from here on."""
    email = given.email.strip().lower()
    attempt = throttle.begin(work, given.slug, email, request.source_ip)
    if attempt.address_blocked_until is not None and attempt.address_blocked_until > work.now:
        metrics.login_attempts_total.inc(result="throttled")
        wait = (attempt.address_blocked_until - work.now).total_seconds()
        raise Throttled("Too many sign-ins failed from your address.", retry_after=int(wait) + 1)
    subject = attempt.subject
    matched = passwords.matches(subject.password_hash if subject else None, given.password)
    locked = attempt.account_blocked_until is not None and attempt.account_blocked_until > work.now
    if locked or not matched or subject is None or subject.status != "active":
        reason: Reason = "locked" if locked else "password" if not matched else "deactivated"
        raise _refusal(subject, reason, attempt, request, work)
    work.act_as(Principal("user", subject.id, work.tenant))
    methods = ["pwd"]
    if subject.totp_secret is not None:
        if not given.otp:
            metrics.login_attempts_total.inc(result="otp_required")
            raise OneTimeCodeRequired("Send otp: the code of your authenticator, or a recovery code.")
        if not second_factor.accepts(work, subject, given.otp):
            raise _refusal(subject, "otp", attempt, request, work)
        methods.append("otp")
    throttle.succeed(work, attempt)
    if passwords.outdated(subject.password_hash or ""):
        rehashed = update(users).where(users.c.tenant_id == work.tenant, users.c.id == subject.id)
        work.execute(rehashed.values(password_hash=passwords.digest(given.password)))
    metrics.login_attempts_total.inc(result="succeeded")
    return subject, methods


def _refusal(
    subject: Subject | None, reason: Reason, attempt: Attempt, request: Request, work: Work
) -> BadCredentials:
    metrics.login_attempts_total.inc(result="locked" if reason == "locked" else "failed")
    closed = throttle.fail(work, attempt, locked=reason == "locked")
    work.emit(LoginFailed(uuid7(), subject.id if subject else None, reason, request.source_ip))
    if closed is not None:
        # Run for an unknown user, too, so that being closed takes the same time.
        own = (users.c.tenant_id == work.tenant, users.c.id == (subject.id if subject else None))
        lock = update(users).where(*own).returning(users.c.version)
        values = {"locked_until": closed.until, "version": users.c.version + 1, "updated_at": work.now}
        version = work.execute(lock.values(values)).scalar_one_or_none()
        if subject is not None and version is not None:
            work.emit(UserLocked(subject.id, closed.until, closed.failures, request.source_ip, version))
    return BadCredentials("Check tenant, address and password.")
