"""What is due: timers and service levels of processes, definitions that start by the clock, signals that many
wait for.

A batch is one transaction: its timers are taken by locking their processes, fired, and used up, all of it or,
if the sweeper is killed, nothing of it. So each fires once, and several sweepers share the work.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select, text, update
from sqlalchemy.exc import DBAPIError

from common import database, logs, metrics
from common.background import Deadline
from common.clock import Clock
from common.operation import every
from common.postgres import Error as DriverError
from common.principal import Principal
from common.settings import settings
from common.work import Work
from workflow.arming import calendar_of, following
from workflow.compiled import definition_of
from workflow.engine import triggers as on
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
_TAKE_BROADCAST = text("select tenant_id, id from workflow.take_broadcast()")
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
    """Do one batch of what is due; how many. If one fails, the batch is done again, each by itself."""
    try:
        return _batch(clock, limit, _fire_together)
    except Exception as error:
        if _is_passing(error):
            raise
        metrics.discard()
        logs.OPERATION_FAILED(exc_info=error)
        return _batch(clock, limit, _fire_apart)


def _batch(clock: Clock, limit: int, fire: Callable[[Work, list[Any]], None]) -> int:
    work = _work(clock)
    try:
        due = list(work.execute(_TAKE_TIMERS, {"now": work.now, "limit": limit}).all())
        for tenant, rows in groupby(sorted(due, key=_tenant), key=_tenant):
            work.enter(tenant)
            fire(work, list(rows))
        started = work.execute(_TAKE_STARTS, {"now": work.now, "limit": limit}).all()
        for row in started:
            _begin(work, row.tenant_id, row.id)
        told = _tell_on(work, limit)
        work.commit()
        return len(due) + len(started) + told
    finally:
        work.rollback()


def _tell_on(work: Work, limit: int) -> int:
    """Lets some more of those who wait hear a signal that many wait for; one that fails leaves the others."""
    row = work.execute(_TAKE_BROADCAST).one_or_none()
    if row is None:
        return 0
    work.enter(row.tenant_id)

    def tell(process: UUID, heard: on.AnyTrigger) -> None:
        try:
            with work.savepoint():
                Mover(work).deliver(process, heard)
        except Exception as error:
            if _is_passing(error):
                raise
            logs.OPERATION_FAILED(exc_info=error, process=str(process), signal=str(row.id))

    return Mover(work).tell_on(row.id, limit, tell)


def _tenant(row: Any) -> UUID:
    tenant: UUID = row.tenant_id
    return tenant


def _is_passing(error: BaseException) -> bool:
    """Whether another transaction or the network was in the way, so that nothing is wrong with the timers."""
    return database.is_disconnect(error) or database.sqlstate(error) in COLLISIONS


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


def _fire_together(work: Work, due: list[Any]) -> None:
    """Fires a tenant's timers, whose processes are locked, so that none needs to be read by itself."""
    mover = Mover(work)
    mover.read_ahead([row.process_id for row in due])
    for row in due:
        if not mover.deliver(row.process_id, on.TimerFired(at=work.now, timer=row.ref)):
            _forget_timer(work, row)


def _fire_apart(work: Work, due: list[Any]) -> None:
    """Fires each timer so that one that fails leaves the others; it is tried again later."""
    for row in due:
        try:
            with work.savepoint():
                if not Mover(work).deliver(row.process_id, on.TimerFired(at=work.now, timer=row.ref)):
                    _forget_timer(work, row)
        except Exception as error:
            if _is_passing(error):
                raise
            logs.OPERATION_FAILED(exc_info=error, process=str(row.process_id), timer=row.ref)
            work.execute(update(timers).where(*_of(work, row)).values(due_at=work.now + POSTPONED))


def _forget_timer(work: Work, row: Any) -> None:
    """An earlier timer of the same batch has called this one off."""
    work.execute(delete(timers).where(*_of(work, row)))


def _of(work: Work, row: Any) -> tuple[ColumnElement[bool], ...]:
    same = (timers.c.process_id == row.process_id, timers.c.ref == row.ref)
    return (timers.c.tenant_id == work.tenant, *same)


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
        if _is_passing(error):
            raise
        logs.OPERATION_FAILED(exc_info=error, definition=row.key)
        work.execute(here.values(due_at=work.now + POSTPONED))
