"""The browser's own session: one sign-in does for all of a tenant's applications.

It is a session like the others (listed, gone with a changed password, ended at once by whoever may), whose
client is the browser itself: its secret is in a cookie, and no token is ever issued for it. What applications
get on its strength are sessions of their own, which end with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, select, update

from auth import ending, issuing, opaque, refresh, subjects
from auth.events import SessionRefreshed
from auth.issuing import BROWSER
from auth.opaque import Opaque
from auth.subjects import Subject
from auth.tables import sessions
from common.principal import Principal
from common.request import Request
from common.work import Work

AT_ONCE = 20
"""Tenants that one browser is taken to be signed in to."""


@dataclass(frozen=True)
class BrowserSession:
    """A user who is signed in to a tenant in this browser."""

    id: UUID
    subject: Subject
    methods: Sequence[str]
    authenticated_at: datetime


def present(request: Request, tenant: UUID, work: Work) -> BrowserSession | None:
    """The living session of the entered tenant that the request's cookie names; its user acts from here on.

    One that was begun with fewer factors than a sign-in would take now is none.
    """
    found = _find(request, tenant, work)
    if found is None:
        return None
    row, subject = found
    if "otp" not in row.methods and (subject.totp_secret is not None or subject.settings.mfa_required):
        return None
    work.act_as(Principal("user", subject.id, work.tenant))
    return BrowserSession(row.id, subject, row.methods, row.authenticated_at or row.created_at)


def start(
    subject: Subject, methods: Sequence[str], request: Request, work: Work
) -> tuple[BrowserSession, str]:
    """The session after a sign-in, and the cookie to set.

    Who was signed in already has proved it anew: the session goes on with a new secret. Somebody else's ends.
    """
    found = _find(request, work.tenant, work)
    if found is not None and found[1].id == subject.id:
        identifier, secret = found[0].id, Opaque.fresh(work.tenant, found[0].id)
        proof = {"refresh_hash": secret.digest, "methods": list(methods), "authenticated_at": work.now}
        _renew(found[0], subject, request, work, **proof)
    else:
        if found is not None:
            ending.end(work, "logout", sessions.c.id == found[0].id)
        session, secret = issuing.start(subject, methods, request, work, client_id=BROWSER)
        identifier = session.id
    begun = BrowserSession(identifier, subject, methods, work.now)
    return begun, _cookie(request, work.tenant, secret.text)


def keep(session: BrowserSession, request: Request, work: Work) -> None:
    """Note that the session was used, where the tenant has unused ones end."""
    if session.subject.settings.idle_seconds is not None:
        row = work.execute(_of(session.id, work)).one()
        _renew(row, session.subject, request, work)


def lives(session: UUID, work: Work) -> bool:
    """Whether a browser's session has not ended."""
    row = work.execute(_of(session, work)).one_or_none()
    return row is not None and refresh.lives(row, work)


def cookies(request: Request) -> list[str]:
    """The values of the browser's cookies, one for each tenant that somebody signed in to."""
    prefix = _name(request, "")
    return sorted(value for name, value in request.cookies.items() if name.startswith(prefix))[:AT_ONCE]


def tenants(request: Request) -> list[UUID]:
    """The tenants that the browser has cookies of."""
    tokens = [opaque.read(value) for value in cookies(request)]
    return list(dict.fromkeys(token.tenant for token in tokens if token is not None))


def end(request: Request, tenant: UUID, work: Work, *, of: UUID | None = None) -> None:
    """Sign the browser out of the entered tenant: the user ``of`` that id, or whoever it is."""
    found = _find(request, tenant, work)
    if found is not None and of in (None, found[1].id):
        work.act_as(Principal("user", found[1].id, tenant))
        ending.end(work, "logout", sessions.c.id == found[0].id)


def no_cookie(request: Request, tenant: UUID) -> str:
    """The header's value that takes the tenant's cookie away."""
    return f"{_cookie(request, tenant, '')}; Max-Age=0"


def _find(request: Request, tenant: UUID, work: Work) -> tuple[Row[Any], Subject] | None:
    token = opaque.read(request.cookies.get(_name(request, tenant.hex), ""))
    if token is None or token.tenant != tenant:
        return None
    row = work.execute(_of(token.id, work).with_for_update()).one_or_none()
    if row is None or not refresh.current(row, token) or not refresh.lives(row, work):
        return None
    subject = subjects.by_id(work, row.user_id)
    return None if subject is None or subject.status != "active" else (row, subject)


def _of(session: UUID, work: Work) -> Select[Any]:
    return select(sessions).where(
        sessions.c.tenant_id == work.tenant, sessions.c.id == session, sessions.c.client_id == BROWSER
    )


def _renew(row: Row[Any], subject: Subject, request: Request, work: Work, **values: Any) -> None:
    work.execute(
        update(sessions)
        .where(sessions.c.tenant_id == work.tenant, sessions.c.id == row.id)
        .values(
            refreshed_at=work.now,
            idle_expires_at=issuing.idle_until(subject, work),
            version=row.version + 1,
            **values,
        )
    )
    work.emit(SessionRefreshed(row.id, subject.id, request.source_ip, row.version + 1))


def _name(request: Request, tenant: str) -> str:
    return f"{'__Host-' if _secure(request) else ''}signed-in-{tenant}"


def _cookie(request: Request, tenant: UUID, value: str) -> str:
    # Without an age: it goes when the browser does.
    secure = "; Secure" if _secure(request) else ""
    return f"{_name(request, tenant.hex)}={value}; Path=/; HttpOnly; SameSite=Lax{secure}"


def _secure(request: Request) -> bool:
    return request.base_url.startswith("https:")
