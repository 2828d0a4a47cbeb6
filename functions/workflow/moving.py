"""Moves processes: reads one, advances it, writes the result if nobody else did meanwhile, goes on with what
follows from it. All of it belongs to the caller's transaction.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from sqlalchemy import select, text

from common.errors import Conflict, NotFound, Problem
from common.identifiers import uuid7
from common.work import Work
from workflow import correlating, metrics, outcomes, storing
from workflow.compiled import definition_of, environment
from workflow.engine import effects as out
from workflow.engine import triggers as on
from workflow.engine.advance import Advance, advance
from workflow.engine.delivering import TriggerRefused
from workflow.engine.state import State
from workflow.events import ProcessMigrated
from workflow.outcomes import Context, Outcome
from workflow.tables import processes, workflows

ATTEMPTS = 50
"""How often an advance is tried again because somebody else moved the process first."""
MAX_STEPS = 10_000
"""Advances that one trigger may cause in other processes, so that two that call each other come to an end."""

TOLD_AT_ONCE = 100
"""Processes that hear a signal in the transaction that throws it."""

MAX_NESTED = 50
"""Calls within calls that one trigger may begin: a process that calls itself without end is stopped there."""

Fate = Literal["correlated", "started", "buffered"]

_READ = """
select id, workflow_id, key, number, business_key, customer_id, parent_id, call, told, recorded, version,
    started_at, state
from workflow.processes where tenant_id = $1 and id = any($2)
"""
_decode = msgspec.json.Decoder(State).decode
_SERIALIZATION_FAILURE = text("do $$ begin raise serialization_failure; end $$")


class Busy(Conflict):
    """Too many others move the same process."""

    code, title = "busy", "The process is being moved by others"


@dataclass(frozen=True)
class Version:
    """A version of a definition, by which processes start."""

    id: UUID
    key: str
    number: int


@dataclass(frozen=True)
class Moved:
    """A process as an advance left it."""

    id: UUID
    state: State
    created: bool = True
    """Whether it was started now; false if one with the same business key was running already."""


@dataclass(frozen=True)
class Beginning:
    """How a process begins: at ``node`` (or where its definition says), perhaps called by another."""

    variables: dict[str, Any]
    business_key: str = ""
    node: str = ""
    event: int = 0
    parent: UUID | None = None
    call: str = ""


@dataclass(frozen=True)
class Row:
    """A process as it was read."""

    id: UUID
    workflow: UUID
    key: str
    number: int
    business_key: str
    customer: UUID | None
    parent: UUID | None
    call: str
    told: int
    recorded: int
    version: int
    started_at: datetime
    state: State


class Mover:
    """Moves processes within one unit of work."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._environment = environment(work)
        self._pending: deque[tuple[UUID, out.AnyEffect | on.AnyTrigger]] = deque()
        self._callers: dict[UUID, tuple[UUID, str] | None] = {}
        self._read_ahead: dict[UUID, Row] = {}
        self._nested: dict[UUID, int] = {}
        self._steps = 0
        self._reason = ""

    # -- what callers ask for ------------------------------------------------------------------------------

    def start(self, version: Version, beginning: Beginning) -> Moved:
        """Start a process, or find the one that runs with the same business key."""
        moved = self._start(version, beginning)
        self._follow()
        return moved

    def send(
        self, process: UUID, trigger: on.AnyTrigger, *, holder: str | None = None, reason: str = ""
    ) -> State:
        """Let something happen to a process; TriggerRefused (409) if it does not wait for it.

        ``holder`` is who may complete the task, if the trigger completes one.
        """
        self._reason, self._steps = reason, 0
        state = self._move(process, trigger, holder)
        self._follow()
        return state

    def deliver(self, process: UUID, trigger: on.AnyTrigger) -> bool:
        """Like ``send``, for what may come too late; whether it did not."""
        try:
            self.send(process, trigger)
        except (TriggerRefused, NotFound):
            return False
        return True

    def migrated(self, row: Row, target: Version, result: Advance) -> bool:
        """Write a migration; whether the process was still as it was read."""
        outcome = Outcome()
        outcome.events.append(lambda of: ProcessMigrated(**of.identity(), from_number=row.number))
        outcomes.read(outcome, result.effects, row.id, row.recorded)
        stored = self._store(
            row, result.state, outcome, on.VariablesSet(at=self._work.now, variables={}), target
        )
        if stored:
            self._callers[row.id] = (row.parent, row.call) if row.parent else None
            self._queue(row.id, outcome)
            self._follow()
        return stored

    # -- one advance ---------------------------------------------------------------------------------------

    def _move(self, process: UUID, trigger: on.AnyTrigger, holder: str | None = None) -> State:
        for _ in range(ATTEMPTS):
            row = self.read(process)
            definition = definition_of(self._work, row.workflow)
            result = advance(definition, row.state, trigger, self._environment)
            outcome = Outcome()
            outcomes.close(outcome, trigger, holder)
            outcomes.read(outcome, result.effects, process, row.recorded)
            if self._store(row, result.state, outcome, trigger):
                self._callers[process] = (row.parent, row.call) if row.parent else None
                self._queue(process, outcome)
                return result.state
        raise Busy("Many others are moving this process; try again.")

    def read(self, process: UUID) -> Row:
        """The process as it is now."""
        found = self._read_ahead.pop(process, None) or self._rows([process]).get(process)
        if found is None:
            raise NotFound(f"There is no process {process}.")
        return found

    def read_ahead(self, wanted: list[UUID]) -> None:
        """Read processes that will each be moved; one that something else moves first is read again."""
        self._read_ahead = self._rows(wanted)

    def _rows(self, wanted: list[UUID]) -> dict[UUID, Row]:
        found = self._work.rows(_READ, (self._work.tenant, wanted))
        for row in found:
            row[-1] = _decode(row[-1])
        return {row[0]: Row(*row) for row in found}

    def _store(
        self, row: Row, state: State, outcome: Outcome, trigger: on.AnyTrigger, target: Version | None = None
    ) -> bool:
        version = target or Version(row.workflow, row.key, row.number)
        customer = customer_of(state) or row.customer
        of = Context(
            row.id,
            row.key,
            version.number,
            row.business_key,
            customer,
            row.parent,
            self._work.principal.name,
            state.variables,
            row.told,
            self._reason,
        )
        values = self._values(state, outcome, version, customer, row.told + len(outcome.events))
        values |= {"process": row.id, "version": row.version}
        stored = storing.store(self._work, values, outcome.changes, self._work.now, new=False)
        if stored is None:
            return False
        completed = outcome.changes.ended_tasks.get(getattr(trigger, "task", ""))
        if isinstance(trigger, on.TaskCompleted) and completed:
            self._check_completed(trigger, stored)
        outcomes.tell(self._work, outcome, stored, of, trigger)
        self._count_end(row.started_at, state, outcome)
        return True

    def _check_completed(self, trigger: on.TaskCompleted, stored: storing.Stored) -> None:
        """Somebody claimed the task between the look at it and now: the whole transaction begins again."""
        if not any(task["ref"] == trigger.task for task in stored.ended_tasks):
            self._work.execute(_SERIALIZATION_FAILURE)

    def _count_end(self, started: datetime, state: State, outcome: Outcome) -> None:
        if any(isinstance(effect, out.EndProcess) for effect in outcome.follow):
            metrics.process_completions_total.inc(outcome=state.outcome)
            seconds = (self._work.now - started).total_seconds()
            metrics.process_duration_seconds.observe(max(0.0, seconds))

    def _values(
        self, state: State, outcome: Outcome, version: Version, customer: UUID | None, told: int
    ) -> dict[str, Any]:
        return {
            "workflow": version.id,
            "number": version.number,
            "status": state.status,
            "outcome": state.outcome,
            "error": state.error,
            "state": msgspec.json.encode(state).decode(),
            "customer": customer,
            "incidents": len(state.incidents),
            "told": told,
            "recorded": outcome.recorded,
            "ended_at": self._work.now if state.status == "ended" else None,
        }

    def _start(self, version: Version, beginning: Beginning) -> Moved:
        key, parent = beginning.business_key, beginning.parent
        if key and parent is None and (found := self._running(version.key, key)):
            return found
        work, identifier = self._work, uuid7()
        trigger = on.Start(
            at=work.now,
            process=str(identifier),
            business_key=key,
            variables=beginning.variables,
            node=beginning.node,
            event=beginning.event,
        )
        result = advance(definition_of(work, version.id), None, trigger, self._environment)
        outcome = Outcome()
        outcomes.read(outcome, result.effects, identifier, 0)
        state, customer = result.state, customer_of(result.state)
        values = self._values(state, outcome, version, customer, len(outcome.events))
        values |= {"process": identifier, "key": version.key, "business_key": key}
        values |= {"parent": parent, "call": beginning.call}
        stored = storing.store(work, values, outcome.changes, work.now, new=True)
        if stored is None:
            found = self._running(version.key, key)
            if found is None:
                raise Busy("A process with this business key is ending; try again.")
            return found
        actor, number = work.principal.name, version.number
        of = Context(identifier, version.key, number, key, customer, parent, actor, state.variables, 0)
        outcomes.tell(work, outcome, stored, of, trigger)
        metrics.process_starts_total.inc()
        self._count_end(work.now, state, outcome)
        self._callers[identifier] = (parent, beginning.call) if parent else None
        self._queue(identifier, outcome)
        return Moved(identifier, state)

    def _running(self, key: str, business_key: str) -> Moved | None:
        statement = select(processes.c.id, processes.c.state).where(
            processes.c.tenant_id == self._work.tenant,
            processes.c.key == key,
            processes.c.business_key == business_key,
            processes.c.status != "ended",
            processes.c.parent_id.is_(None),
        )
        row = self._work.execute(statement).one_or_none()
        return None if row is None else Moved(row.id, _decode(row.state), created=False)

    # -- what follows --------------------------------------------------------------------------------------

    def _queue(self, process: UUID, outcome: Outcome) -> None:
        self._pending.extend((process, effect) for effect in outcome.follow)

    def _follow(self) -> None:
        while self._pending:
            self._steps += 1
            if self._steps > MAX_STEPS:
                raise Conflict(f"This makes more than {MAX_STEPS} things happen at once; it was undone.")
            process, next_one = self._pending.popleft()
            if isinstance(next_one, on.Trigger):
                self._try(process, next_one)
            else:
                self._carry_out(process, next_one)

    def _try(self, process: UUID, trigger: on.AnyTrigger) -> bool:
        """What follows may find its receiver gone: that is no refusal of what caused it."""
        try:
            self._move(process, trigger)
        except (TriggerRefused, NotFound):
            return False
        return True

    def _tell_later(self, process: UUID, trigger: on.AnyTrigger) -> None:
        self._pending.append((process, trigger))

    def _carry_out(self, process: UUID, effect: out.AnyEffect) -> None:
        now = self._work.now
        match effect:
            case out.OpenSubscription():
                self._catch_up(process, effect)
            case out.SendMessage():
                self.correlate(effect.name, effect.key, effect.variables)
            case out.BroadcastSignal():
                self.broadcast(effect.name, effect.variables, sender=process)
            case out.StartProcess():
                self._call(process, effect)
            case out.CancelCall():
                for child in self._called(process, effect.call):
                    self._tell_later(child, on.Cancelled(at=now))
            case out.EscalateToCaller():
                if caller := self._callers[process]:
                    self._tell_later(caller[0], on.CallEscalated(at=now, call=caller[1], code=effect.code))
            case out.EndProcess():
                if caller := self._callers[process]:
                    ended = on.CallEnded(
                        at=now,
                        call=caller[1],
                        outcome=effect.outcome,
                        error=effect.error,
                        variables=effect.variables,
                    )
                    self._tell_later(caller[0], ended)
            case _:
                raise TypeError(f"nobody carries out {type(effect).__name__}")

    def correlate(self, name: str, key: str, variables: dict[str, Any]) -> tuple[Fate, UUID | None]:
        """Hand a message to the one that waits for it, or start a process with it, or keep it; which."""
        for process, subscription in correlating.receivers(self._work, name, key):
            received = on.MessageReceived(at=self._work.now, subscription=subscription, variables=variables)
            if self._try(process, received):
                return "correlated", process
        for start in correlating.starts(self._work, "message", name)[:1]:
            return "started", self._begin(start, variables).id
        correlating.buffer(self._work, name, key, variables)
        return "buffered", None

    def _catch_up(self, process: UUID, opened: out.OpenSubscription) -> None:
        """The message that a process begins to wait for may have come already."""
        buffered = correlating.take_buffered(self._work, opened.name, opened.key)
        if buffered is None:
            return
        received = on.MessageReceived(at=self._work.now, subscription=opened.subscription, variables=buffered)
        if not self._try(process, received):
            correlating.buffer(self._work, opened.name, opened.key, buffered)

    def _begin(self, start: Any, variables: dict[str, Any]) -> Moved:
        version = Version(start.workflow_id, start.key, start.number)
        return self._start(version, Beginning(variables, node=start.node, event=start.event))

    def begin(self, start: Any) -> Moved:
        """Start a process because its time has come; ``start`` is a row of the starts."""
        moved = self._begin(start, {})
        self._follow()
        return moved

    def broadcast(self, name: str, variables: dict[str, Any], sender: UUID | None = None) -> int:
        """Tell a signal to every process of the tenant that waits for it, and start those that it starts.

        Where many wait, the first ones hear it now and the others from the sweeper, a batch at a time.
        """
        signal = correlating.broadcast(name, variables, sender)
        waiting = correlating.listeners(self._work, signal, TOLD_AT_ONCE + 1)
        now, told = waiting[:TOLD_AT_ONCE], len(waiting)
        if len(waiting) > len(now):
            told = correlating.count_listeners(self._work, signal)
            correlating.keep(self._work, replace(signal, told=now[-1]))
        for process in now:
            self._tell_later(process, self._heard(signal))
        for start in correlating.starts(self._work, "signal", name):
            self._begin(start, variables)
            told += 1
        return told

    def tell_on(self, broadcast: UUID, limit: int, tell: Callable[[UUID, on.AnyTrigger], object]) -> int:
        """Let the next processes hear a signal that is on its way, each by ``tell``; how many there were."""
        signal = correlating.kept(self._work, broadcast)
        waiting = correlating.listeners(self._work, signal, limit)
        for process in waiting:
            tell(process, self._heard(signal))
        if len(waiting) == limit:
            correlating.keep(self._work, replace(signal, told=waiting[-1]))
        else:
            correlating.forget(self._work, signal)
        return len(waiting)

    def _heard(self, signal: correlating.Broadcast) -> on.SignalReceived:
        return on.SignalReceived(at=self._work.now, name=signal.name, variables=signal.variables)

    def finish(self) -> None:
        """Carry out what ``correlate`` and ``broadcast`` have set going."""
        self._follow()

    def _call(self, process: UUID, effect: out.StartProcess) -> None:
        nested = self._nested.get(process, 0) + 1
        version = published(self._work, effect.process, effect.version)
        if version is None:
            which = f"version {effect.version}" if effect.version else "published version"
            self._call_failed(process, effect, f"There is no {which} of the definition {effect.process!r}.")
            return
        if nested > MAX_NESTED:
            self._call_failed(process, effect, f"Calls nest more than {MAX_NESTED} deep without any waiting.")
            return
        try:
            beginning = Beginning(effect.variables, effect.business_key, parent=process, call=effect.call)
            self._nested[self._start(version, beginning).id] = nested
        except Problem as problem:
            self._call_failed(process, effect, problem.detail)

    def _call_failed(self, process: UUID, effect: out.StartProcess, reason: str) -> None:
        failed = on.CallEnded(at=self._work.now, call=effect.call, outcome="failed", message=reason)
        self._tell_later(process, failed)

    def _called(self, process: UUID, call: str) -> list[UUID]:
        statement = select(processes.c.id).where(
            processes.c.tenant_id == self._work.tenant,
            processes.c.parent_id == process,
            processes.c.call == call,
            processes.c.status != "ended",
        )
        return list(self._work.execute(statement).scalars())


def published(work: Work, key: str, number: int = 0) -> Version | None:
    """A published version of a definition: the one of that number, or the latest."""
    statement = (
        select(workflows.c.id, workflows.c.key, workflows.c.number)
        .where(
            workflows.c.tenant_id == work.tenant,
            workflows.c.key == key,
            workflows.c.status == "published",
            *([workflows.c.number == number] if number else []),
        )
        .order_by(workflows.c.number.desc())
        .limit(1)
    )
    row = work.execute(statement).one_or_none()
    return None if row is None else Version(row.id, row.key, row.number)


def customer_of(state: State) -> UUID | None:
    """The customer that a process is about: its variable ``customer_id``, or its business key, if a UUID."""
    for value in (state.variables.get("customer_id"), state.business_key.removeprefix("customer:")):
        if isinstance(value, str) and len(value) == 36:
            with suppress(ValueError):
                return UUID(value)
    return None
