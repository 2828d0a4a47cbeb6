"""Who waits for a message or a signal, and messages that came before anybody waited.

A message and the opening of a subscription to it take the same lock, so that whichever comes second sees the
other: a message is never kept beside somebody who waits for it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, Subquery, delete, func, insert, select, text
from sqlalchemy.dialects import postgresql

from common.identifiers import uuid7
from common.work import Work
from workflow.tables import broadcasts, messages, subscriptions, workflows
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


@dataclass(frozen=True)
class Broadcast:
    """A signal on its way: ``told`` is the last process that has heard it; the ``sender`` heard it first."""

    id: UUID
    name: str
    variables: dict[str, Any]
    sender: UUID | None
    told: UUID


def broadcast(name: str, variables: dict[str, Any], sender: UUID | None) -> Broadcast:
    """A signal that nobody has heard yet."""
    return Broadcast(uuid7(), name, variables, sender, UUID(int=0))


def listeners(work: Work, signal: Broadcast, limit: int) -> list[UUID]:
    """The next processes that have waited for a signal since before it was thrown, the sender left out."""
    waiting = _waiting(work, signal)
    statement = select(waiting.c.process_id).distinct().order_by(waiting.c.process_id).limit(limit)
    return list(work.execute(statement).scalars())


def count_listeners(work: Work, signal: Broadcast) -> int:
    """How many processes have still to hear a signal."""
    waiting = _waiting(work, signal)
    return int(work.execute(select(func.count(waiting.c.process_id.distinct()))).scalar_one())


def _waiting(work: Work, signal: Broadcast) -> Subquery:
    """The subscriptions to a signal: their ids tell when they were made, as the signal's does."""
    statement = select(subscriptions.c.process_id).where(
        subscriptions.c.tenant_id == work.tenant,
        subscriptions.c.kind == "signal",
        subscriptions.c.name == signal.name,
        subscriptions.c.id < signal.id,
        subscriptions.c.process_id > signal.told,
    )
    if signal.sender is not None:
        statement = statement.where(subscriptions.c.process_id != signal.sender)
    return statement.subquery()


def keep(work: Work, signal: Broadcast) -> None:
    """Note how far a signal has come; the sweeper tells the others."""
    row = {"tenant_id": work.tenant, **asdict(signal)}
    written = postgresql.insert(broadcasts).values(row)
    work.execute(written.on_conflict_do_update(index_elements=["id"], set_={"told": signal.told}))


def kept(work: Work, identifier: UUID) -> Broadcast:
    """A signal that is on its way."""
    statement = select(broadcasts).where(broadcasts.c.tenant_id == work.tenant, broadcasts.c.id == identifier)
    row = work.execute(statement).one()
    return Broadcast(row.id, row.name, row.variables, row.sender, row.told)


def forget(work: Work, signal: Broadcast) -> None:
    """Everybody has heard the signal."""
    work.execute(
        delete(broadcasts).where(broadcasts.c.tenant_id == work.tenant, broadcasts.c.id == signal.id)
    )


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
