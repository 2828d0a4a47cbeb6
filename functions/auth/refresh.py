"""Refresh tokens: each is exchanged for the next one; one that comes back betrays a copy."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import Row, select, update

from auth import ending, issuing, metrics, opaque, subjects
from auth.errors import RefreshRefused, RefreshReused
from auth.events import SessionRefreshed, SessionReuseDetected, SessionRevoked
from auth.issuing import FIRST_PARTY, Session, TokenResponse
from auth.opaque import Opaque
from auth.subjects import Subject
from auth.tables import sessions
from common.operation import PUBLIC, Uses, operation
from common.principal import Principal
from common.request import Request
from common.work import Work

GRACE = timedelta(seconds=10)
"""For so long the token before is good, too, and gives what its first use gave: tabs refresh at once."""


class RefreshRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A refresh token, as a sign-in or a refresh gave it."""

    refresh_token: Annotated[str, Meta(max_length=500)]


@operation(
    "POST /auth/refresh",
    permission=PUBLIC,
    emits=(SessionRefreshed, SessionRevoked, SessionReuseDetected),
    uses={Uses.SIGNING},
    answers=(401,),
)
def refresh(asked: RefreshRequest, request: Request, work: Work) -> TokenResponse:
    """Exchange a refresh token for new tokens. Keep the new refresh token; the old one is spent.

    Within ten seconds a repeated exchange gives the same refresh token again, so that two tabs can't sign
    each other out. A token that comes back later ends the session: somebody has a copy.
    """
    subject, session, following = exchange(asked.refresh_token, FIRST_PARTY, request, work)
    return issuing.tokens(subject, session, request, work, grant="refresh_token", refresh=following)


def exchange(text: str, client_id: str, request: Request, work: Work) -> tuple[Subject, Session, Opaque]:
    """Rotate a refresh token of a client's; the session and its next token."""
    token = opaque.read(text)
    if token is None:
        raise _refused("The refresh token is none of ours.")
    work.enter(token.tenant)
    row = work.execute(
        select(sessions)
        .where(sessions.c.tenant_id == token.tenant, sessions.c.id == token.id)
        .with_for_update()
    ).one_or_none()
    subject = None if row is None else subjects.by_id(work, row.user_id)
    if row is None or subject is None or row.client_id != client_id:
        raise _refused("The refresh token is good for no session.")
    work.act_as(Principal("user", subject.id, work.tenant))
    if not lives(row, work) or subject.status != "active":
        raise _refused("The session has ended; sign in again.")
    return subject, _session(row), _following(row, token, subject, request, work)


def current(row: Row[Any], token: Opaque) -> bool:
    """Whether the token is a session's present refresh token."""
    return opaque.same(row.refresh_hash, token.digest)


def _following(row: Row[Any], token: Opaque, subject: Subject, request: Request, work: Work) -> Opaque:
    if current(row, token):
        following = Opaque.fresh(token.tenant, token.id)
        _store(row, token, following, issuing.idle_until(subject, work), work)
        work.emit(SessionRefreshed(row.id, row.user_id, request.source_ip, row.version + 1))
        metrics.refresh_rates_total.inc(result="rotated")
        return following
    if opaque.same(row.previous_hash, token.digest) and work.now - row.refreshed_at <= GRACE:
        metrics.refresh_rates_total.inc(result="grace")
        return Opaque(token.tenant, token.id, opaque.unseal(bytes(row.successor_seal), token.secret))
    metrics.refresh_rates_total.inc(result="reused")
    report_reuse(work, row.id, row.user_id, request)
    raise RefreshReused("This refresh token was used before; its session has been ended. Sign in again.")


def report_reuse(work: Work, session: UUID, user: UUID, request: Request) -> None:
    """End a session of which somebody has a copy."""
    noted = (
        update(sessions)
        .where(
            sessions.c.tenant_id == work.tenant,
            sessions.c.id == session,
            sessions.c.revoked_at.is_(None),
        )
        .values(version=sessions.c.version + 1)
        .returning(sessions.c.version)
    )
    version = work.execute(noted).scalar_one_or_none()
    if version is not None:
        work.emit(SessionReuseDetected(session, user, request.source_ip, version))
        ending.end(work, "reuse", sessions.c.id == session)


def _store(row: Row[Any], token: Opaque, following: Opaque, idle: datetime | None, work: Work) -> None:
    work.execute(
        update(sessions)
        .where(sessions.c.tenant_id == work.tenant, sessions.c.id == row.id)
        .values(
            refresh_hash=following.digest,
            previous_hash=token.digest,
            successor_seal=opaque.seal(following.secret, token.secret),
            refreshed_at=work.now,
            idle_expires_at=idle,
            version=row.version + 1,
        )
    )


def lives(row: Row[Any], work: Work) -> bool:
    """Whether a session's row can still be refreshed."""
    idle = row.idle_expires_at
    return row.revoked_at is None and row.expires_at > work.now and (idle is None or idle > work.now)


def _session(row: Row[Any]) -> Session:
    since = row.authenticated_at or row.created_at
    return Session(row.id, row.client_id, row.scope, row.methods, since, row.expires_at)


def _refused(detail: str) -> RefreshRefused:
    metrics.refresh_rates_total.inc(result="refused")
    return RefreshRefused(detail)
