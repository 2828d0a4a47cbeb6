"""What is due: timers and service levels of processes, and definitions that start by the clock.

A batch is one transaction: its timers are taken by locking their processes, fired, and used up, all of it or,
if the sweeper is killed, nothing of it. So each fires once, and several sweepers share the work.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.exc import DBAPIError

from common import database, logs, metrics
from common.background import Deadline
from common.clock import Clock
from common.errors import NotFound
from common.operation import every
from common.postgres import Error as DriverError
from common.principal import Principal
from common.settings import settings
from common.work import Work
from workflow.arming import calendar_of, following
from workflow.compiled import definition_of
from workflow.engine import triggers as on
from workflow.engine.delivering import TriggerRefused
from workflow.events import ADVANCING
from workflow.moving import Mover
from workflow.tables import starts, timers, workflows

BATCH = 50
"""Timers fired in one transaction."""
IDLE = 0.5
"""Seconds between two looks when nothing is due."""
SPAN = 60.0
"""Seconds that one invocation stays: until the schedule starts the next."""
MARGIN = 5.0
"""Seconds before the deadline at which no new batch is taken."""
POSTPONED = timedelta(minutes=1)
"""When a timer that failed unexpectedly is tried again."""
COLLISIONS = ("40001", "40P01")
"""SQLSTATEs of a transaction that another one was in the way of: serialization failure, deadlock."""

_TAKE_TIMERS = text("select tenant_id, process_id, ref from workflow.take_timers(:now, :limit)")
_TAKE_STARTS = text("select tenant_id, id from workflow.take_starts(:now, :limit)")
_FORGET = text("select workflow.forget_messages(:now)")


@every(minutes=1, emits=ADVANCING, timeout=90, memory=512, database=False)
def sweep(deadline: Deadline, clock: Clock) -> dict[str, int]:
    """Fire what is due, for a minute; answers how many timers that were."""
    ends = time.monotonic() + min(SPAN, deadline.remaining - MARGIN)
    fired = 0
    forget(clock)
    while True:
        some = _round_or_collision(clock)
        fired += some
        left = ends - time.monotonic()
        if left <= 0:
            return {"fired": fired}
        if not some:
            time.sleep(min(IDLE, left))


def _round_or_collision(clock: Clock) -> int:
    """One batch; one that collided with another transaction has done nothing, and is taken again."""
    try:
        return round_(clock)
    except (DBAPIError, DriverError) as error:
        if database.sqlstate(error) not in COLLISIONS:
            raise
        metrics.discard()
        logs.TRANSACTION_RETRIED(attempt=1)
        return 0


def round_(clock: Clock, limit: int = BATCH) -> int:
    """Fire one batch of what is due; how many."""
    work = _work(clock)
    try:
        due = work.execute(_TAKE_TIMERS, {"now": work.now, "limit": limit}).all()
        entered = None
        for row in sorted(due, key=lambda row: row.tenant_id):
            if row.tenant_id != entered:
                entered = row.tenant_id
                work.enter(entered)
            _fire(work, row.process_id, row.ref)
        started = work.execute(_TAKE_STARTS, {"now": work.now, "limit": limit}).all()
        for row in started:
            _begin(work, row.tenant_id, row.id)
        work.commit()
        return len(due) + len(started)
    finally:
        work.rollback()


def forget(clock: Clock) -> None:
    """Drop the messages for which nobody has waited in time."""
    work = _work(clock)
    try:
        work.execute(_FORGET, {"now": work.now})
        work.commit()
    finally:
        work.rollback()


def _work(clock: Clock) -> Work:
    return Work(database.engine(), settings().service, principal=Principal("system"), clock=clock)


def _fire(work: Work, process: UUID, ref: str) -> None:
    here = (timers.c.tenant_id == work.tenant, timers.c.process_id == process, timers.c.ref == ref)
    try:
        with work.savepoint():
            Mover(work).send(process, on.TimerFired(at=work.now, timer=ref))
    except (TriggerRefused, NotFound):  # an earlier timer of the same batch has called it off
        work.execute(delete(timers).where(*here))
    except Exception as error:
        if database.is_disconnect(error) or database.sqlstate(error) in COLLISIONS:
            raise
        logs.OPERATION_FAILED(exc_info=error, process=str(process), timer=ref)
        work.execute(update(timers).where(*here).values(due_at=work.now + POSTPONED))


def _begin(work: Work, tenant: UUID, identifier: UUID) -> None:
    work.enter(tenant)
    row: Any = work.execute(
        select(starts, workflows.c.number)
        .join(workflows, workflows.c.id == starts.c.workflow_id)
        .where(starts.c.tenant_id == tenant, starts.c.id == identifier)
    ).one()
    here = update(starts).where(starts.c.tenant_id == tenant, starts.c.id == identifier)
    try:
        with work.savepoint():
            calendar = calendar_of(definition_of(work, row.workflow_id), row.node, row.event)
            due = following(work, row, calendar)
            work.execute(here.values(fired=row.fired + 1, due_at=due))
            Mover(work).begin(row)
    except Exception as error:
        if database.is_disconnect(error) or database.sqlstate(error) in COLLISIONS:
            raise
        logs.OPERATION_FAILED(exc_info=error, definition=row.key)
        work.execute(here.values(due_at=work.now + POSTPONED))
