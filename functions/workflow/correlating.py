"""Who waits for a message or a signal, and messages that came before anybody waited.

A message and the opening of a subscription to it take the same lock, so that whichever comes second sees the
other: a message is never kept beside somebody who waits for it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, delete, insert, select, text

from common.identifiers import uuid7
from common.work import Work
from workflow.tables import messages, processes, subscriptions, workflows
from workflow.tables import starts as start_rows

KEPT = timedelta(days=7)
"""How long a message waits for somebody who waits for it."""

MOST = 20
"""Receivers that are tried for one message; a suspended one takes one message only."""

_LOCK = text("select pg_advisory_xact_lock(hashtextextended(:name, 1))")


def _lock(work: Work, name: str, key: str) -> None:
    work.execute(_LOCK, {"name": msgspec.json.encode([str(work.tenant), name, key]).decode()})


def receivers(work: Work, name: str, key: str) -> list[tuple[UUID, str]]:
    """The processes, with their subscriptions, that wait for the message; the longest waiting come first."""
    _lock(work, name, key)
    statement = (
        select(subscriptions.c.process_id, subscriptions.c.ref)
        .where(
            subscriptions.c.tenant_id == work.tenant,
            subscriptions.c.kind == "message",
            subscriptions.c.name == name,
            subscriptions.c.key == key,
        )
        .order_by(subscriptions.c.id)
        .limit(MOST)
    )
    return [(row.process_id, row.ref) for row in work.execute(statement)]


def listeners(work: Work, name: str, sender: UUID | None) -> list[UUID]:
    """The processes that wait for a signal, but for the one that sends it."""
    statement = (
        select(subscriptions.c.process_id)
        .join(processes, processes.c.id == subscriptions.c.process_id)
        .where(
            subscriptions.c.tenant_id == work.tenant,
            subscriptions.c.kind == "signal",
            subscriptions.c.name == name,
        )
        .distinct()
        .order_by(subscriptions.c.process_id)
    )
    return [process for process in work.execute(statement).scalars() if process != sender]


def starts(work: Work, kind: str, name: str) -> list[Row[Any]]:
    """The definitions that a message or signal starts a process of."""
    statement = (
        select(
            start_rows.c.workflow_id,
            start_rows.c.key,
            start_rows.c.node,
            start_rows.c.event,
            workflows.c.number,
        )
        .join(workflows, workflows.c.id == start_rows.c.workflow_id)
        .where(start_rows.c.tenant_id == work.tenant, start_rows.c.kind == kind, start_rows.c.name == name)
        .order_by(start_rows.c.key, start_rows.c.id)
    )
    return list(work.execute(statement).all())


def buffer(work: Work, name: str, key: str, variables: dict[str, Any]) -> None:
    """Keep a message for which nobody waits yet."""
    row = {
        "id": uuid7(),
        "tenant_id": work.tenant,
        "name": name,
        "key": key,
        "variables": variables,
        "created_at": work.now,
        "expires_at": work.now + KEPT,
    }
    work.execute(insert(messages).values(row))


def take_buffered(work: Work, name: str, key: str) -> dict[str, Any] | None:
    """The variables of the oldest message that was kept, which is kept no longer."""
    _lock(work, name, key)
    oldest = (
        select(messages.c.id)
        .where(
            messages.c.tenant_id == work.tenant,
            messages.c.name == name,
            messages.c.key == key,
            messages.c.expires_at > work.now,
        )
        .order_by(messages.c.id)
        .limit(1)
        .scalar_subquery()
    )
    statement = delete(messages).where(messages.c.id == oldest).returning(messages.c.variables)
    row = work.execute(statement).one_or_none()
    return None if row is None else row.variables
