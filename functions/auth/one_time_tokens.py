"""Tokens good for one use within a short time: authorization codes, links in mails."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import Row, delete, insert, select, update

from auth import opaque
from auth.opaque import Opaque
from auth.tables import one_time_tokens
from common.identifiers import uuid7
from common.work import Work

Purpose = Literal["code", "password", "email"]


def make(
    work: Work, user: UUID, purpose: Purpose, lifetime: timedelta, data: Mapping[str, Any] | None = None
) -> str:
    """A new token for a user, as its holder gets it."""
    token = Opaque.fresh(work.tenant, uuid7())
    work.execute(
        insert(one_time_tokens).values(
            id=token.id,
            tenant_id=work.tenant,
            user_id=user,
            purpose=purpose,
            hash=token.digest,
            data=dict(data or {}),
            created_at=work.now,
            expires_at=work.now + lifetime,
        )
    )
    return token.text


def find(work: Work, text: str, purpose: Purpose) -> Row[Any] | None:
    """The token's row, locked, used or not, expired or not; its tenant is entered."""
    token = opaque.read(text)
    if token is None:
        return None
    work.enter(token.tenant)
    row = work.execute(
        select(one_time_tokens)
        .where(
            one_time_tokens.c.tenant_id == token.tenant,
            one_time_tokens.c.id == token.id,
            one_time_tokens.c.purpose == purpose,
        )
        .with_for_update()
    ).one_or_none()
    return row if row is not None and opaque.same(row.hash, token.digest) else None


def good(row: Row[Any], work: Work) -> bool:
    """Whether the token can still be used."""
    return row.used_at is None and row.expires_at > work.now


def use(work: Work, row: Row[Any], session: UUID | None = None) -> None:
    """Use the token up, for a session if it started one."""
    used = update(one_time_tokens).where(
        one_time_tokens.c.tenant_id == work.tenant, one_time_tokens.c.id == row.id
    )
    work.execute(used.values(used_at=row.used_at or work.now, session_id=session))


def withdraw(work: Work, user: UUID, purpose: Purpose) -> None:
    """Make a user's unused tokens of a purpose worthless."""
    work.execute(
        delete(one_time_tokens).where(
            one_time_tokens.c.tenant_id == work.tenant,
            one_time_tokens.c.user_id == user,
            one_time_tokens.c.purpose == purpose,
            one_time_tokens.c.used_at.is_(None),
        )
    )
