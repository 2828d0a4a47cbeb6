"""Sessions ended: revoked at once, by whoever may."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, update

from auth.events import SessionRevoked
from auth.issuing import BROWSER
from auth.tables import sessions
from common.work import Work

Reason = Literal["user", "administrator", "logout", "reuse", "password", "deactivated", "client", "token"]


def end(work: Work, reason: Reason, *which: ColumnElement[bool]) -> list[UUID]:
    """Revoke those of the tenant's living sessions that the conditions mean; their ids.

    With a browser's own session go those that applications got on its strength.
    """
    ended = (
        update(sessions)
        .where(
            sessions.c.tenant_id == work.tenant,
            sessions.c.revoked_at.is_(None),
            sessions.c.expires_at > work.now,
            *which,
        )
        .values(revoked_at=work.now, version=sessions.c.version + 1)
        .returning(sessions.c.id, sessions.c.user_id, sessions.c.client_id, sessions.c.version)
    )
    rows = work.execute(ended).all()
    for row in rows:
        work.emit(SessionRevoked(row.id, row.user_id, reason, row.version))
    if browsers := [row for row in rows if row.client_id == BROWSER]:
        theirs = (
            sessions.c.user_id.in_({row.user_id for row in browsers}),
            sessions.c.browser_id.in_([row.id for row in browsers]),
        )
        return [*(row.id for row in rows), *end(work, reason, *theirs)]
    return [row.id for row in rows]


def end_of_user(work: Work, user: UUID, reason: Reason, *, but: UUID | None = None) -> list[UUID]:
    """Revoke a user's sessions, all or all but one."""
    conditions = [sessions.c.user_id == user]
    if but is not None:
        conditions.append(sessions.c.id != but)
    return end(work, reason, *conditions)
