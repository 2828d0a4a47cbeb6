"""Arming: which events may happen now, until when, and to what they belong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .calendar import Calendar
from .effects import OpenSubscription, SetTimer
from .iso8601 import Duration, parse_cycle, parse_duration, parse_instant
from .model import (
    AnyEvent,
    ConditionalEvent,
    MessageEvent,
    SignalEvent,
    Sla,
    TimerEvent,
)
from .run import ModelFailure, Run
from .state import ROOT_SCOPE, Token, Wait


@dataclass(frozen=True, slots=True)
class Owner:
    """On whose behalf an event of ``node`` is waited for: a token's, or a scope's."""

    node: str
    token: Token | None
    scope: str

    @property
    def within(self) -> str:
        """The scope in which expressions about the event are evaluated."""
        return self.token.scope if self.token else self.scope

    def wait(self, run: Run, kind: str, event: int, **fields: Any) -> Wait:
        """Waits for the event number ``event`` of the node."""
        token = self.token.id if self.token else ""
        row = Wait(run.fresh(), kind, self.within, node=self.node, token=token, event=event, **fields)
        return run.put(run.waits, row)


def arm(
    run: Run,
    events: list[AnyEvent],
    node: str,
    *,
    token: Token | None = None,
    scope: str = "",
    skip: int = -1,
) -> None:
    """Waits for each of the ``events`` of ``node``, on behalf of a token or of a scope.

    Errors, escalations, compensation and cancellation need no arming: whoever throws looks for who catches.
    """
    owner = Owner(node, token, scope)
    for index, event in enumerate(events):
        if index == skip:
            continue
        match event:
            case TimerEvent():
                _timer(run, event, index, owner)
            case MessageEvent():
                subscribe(run, event, owner, index)
            case SignalEvent():
                _signal(run, event, index, owner)
            case ConditionalEvent():
                owner.wait(run, "condition", index)
                run.changed = True
            case _:
                pass


def arm_boundaries(run: Run, token: Token) -> None:
    """Waits for the boundary events of the activity at which the token is."""
    for boundary in run.definition.boundaries.get(token.node, ()):
        arm(run, boundary.events, boundary.id, token=token)


def arm_event_subprocesses(run: Run, scope: str, node: str) -> None:
    """Waits for what starts the event sub-processes of a scope."""
    for _, start in run.definition.event_subprocesses.get(node, ()):
        arm(run, start.events, start.id, scope=scope)


def arm_sla(run: Run, token: Token | None, sla: Sla | None) -> None:
    """Sets the timers of a service level: its warning, if any, and its breach."""
    if sla is None:
        return
    for level, text in (("warning", sla.warning), ("breach", sla.target)):
        if text:
            due = due_after(run, run.text(text, token), sla.calendar)
            owner = Owner(token.node if token else "", token, ROOT_SCOPE)
            wait = owner.wait(run, "sla", 0, name=level, due=due)
            run.emit(SetTimer(wait.id, wait.node, due, f"sla_{level}"))


def subscribe(run: Run, message: MessageEvent, owner: Owner, index: int = 0) -> None:
    """Waits for a message by its name and correlation key."""
    name, key = (run.name(source, owner.token, owner.within) for source in (message.name, message.key))
    wait = owner.wait(run, "message", index, name=name, key=key)
    run.emit(OpenSubscription(wait.id, owner.node, "message", name, key))


def _signal(run: Run, event: SignalEvent, index: int, owner: Owner) -> None:
    name = run.name(event.name, owner.token, owner.within)
    wait = owner.wait(run, "signal", index, name=name)
    run.emit(OpenSubscription(wait.id, owner.node, "signal", name))


def _timer(run: Run, event: TimerEvent, index: int, owner: Owner) -> None:
    cycle, missed = run.text(event.cycle, owner.token, owner.within), 0
    if event.date:
        due = _instant(run.text(event.date, owner.token, owner.within))
    elif event.duration:
        due = due_after(run, run.text(event.duration, owner.token, owner.within), event.calendar)
    else:
        missed = _missed(run, cycle) if not event.calendar else 0
        due = _occurrence(run, cycle, event.calendar, run.at, missed + 1)
    wait = owner.wait(run, "timer", index, due=due, armed=run.at, cycle=cycle, fired=missed)
    run.emit(SetTimer(wait.id, owner.node, due))


def _missed(run: Run, text: str) -> int:
    """How many occurrences of a cycle lie before now, if it names its start: they do not happen any more."""
    try:
        return parse_cycle(text).first(run.at) - 1
    except (ValueError, OverflowError) as error:
        raise ModelFailure("timer", str(error)) from error


def next_occurrence(run: Run, wait: Wait, event: TimerEvent) -> datetime | None:
    """When a timer that has just happened is due again, or nothing if that was the last time."""
    if not wait.cycle:
        return None
    count = parse_cycle(wait.cycle).count
    if count and wait.fired + 1 >= count:
        return None
    assert wait.due is not None
    assert wait.armed is not None
    if event.calendar:
        return _occurrence(run, wait.cycle, event.calendar, wait.due, 1)
    return _occurrence(run, wait.cycle, "", wait.armed, wait.fired + 2)


def due_after(run: Run, text: str, calendar: str) -> datetime:
    """The instant, in UTC, a duration from now: elapsed time, or working time of the named calendar."""
    try:
        return _after(run, parse_duration(text), calendar, run.at)
    except (ValueError, OverflowError) as error:
        raise ModelFailure("timer", str(error)) from error


def due_text(run: Run, text: str, token: Token) -> datetime | None:
    """A due date: a duration from now, or a date and time."""
    value = run.text(text, token)
    if not value:
        return None
    return due_after(run, value, "") if value.startswith("P") else _instant(value)


def _occurrence(run: Run, text: str, calendar: str, armed: datetime, number: int) -> datetime:
    try:
        cycle = parse_cycle(text)
        if calendar:
            return _after(run, cycle.interval, calendar, armed)
        return cycle.occurrence(number, armed).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ModelFailure("timer", str(error)) from error


def _after(run: Run, duration: Duration, calendar: str, instant: datetime) -> datetime:
    if calendar:
        return _calendar(run, calendar).add_duration(instant, duration)
    return duration.after(instant).astimezone(UTC)


def _calendar(run: Run, name: str) -> Calendar:
    found = run.environment.calendars.get(name)
    if found is None:
        raise ModelFailure("calendar", f"There is no calendar {name!r}; create it and retry.")
    return found


def _instant(text: str) -> datetime:
    try:
        return parse_instant(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ModelFailure("timer", str(error)) from error
