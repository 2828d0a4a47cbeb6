"""What starts processes of a published definition by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from common.errors import Invalid
from common.identifiers import uuid7
from common.work import Work
from workflow.compiled import Calendars
from workflow.engine.calendar import CalendarError
from workflow.engine.expressions import CelExpressions, ExpressionError
from workflow.engine.graph import Definition
from workflow.engine.iso8601 import Duration, parse_cycle, parse_duration, parse_instant
from workflow.engine.model import Event, MessageEvent, SignalEvent, TimerEvent
from workflow.engine.starting import Entry, entries


def starts_of(work: Work, definition: Definition) -> list[dict[str, Any]]:
    """A row for each message, signal and timer that a process begins with; Invalid if one cannot be told."""
    return [
        {"id": uuid7(), "node": entry.node, "event": entry.event, **_BLANK, **row}
        for entry in entries(definition)
        if (row := _row(work, definition, entry))
    ]


_BLANK: dict[str, Any] = {"name": "", "cycle": "", "fired": 0, "armed_at": None, "due_at": None}


def _row(work: Work, definition: Definition, entry: Entry) -> dict[str, Any] | None:
    match entry.on:
        case MessageEvent(name=name):
            return {"kind": "message", "name": _text(definition, name)}
        case SignalEvent(name=name):
            return {"kind": "signal", "name": _text(definition, name)}
        case TimerEvent():
            cycle = _text(definition, entry.on.cycle)
            due, missed = first(work, definition, entry.on)
            return {"kind": "timer", "cycle": cycle, "armed_at": work.now, "due_at": due, "fired": missed}
        case _:
            return None


def _text(definition: Definition, source: str) -> str:
    if not source.startswith("="):
        return source
    try:
        return str(CelExpressions().evaluate(source[1:], definition.process.variables))
    except ExpressionError as error:
        raise Invalid.at("/elements", f"A start event cannot be waited for: {error}") from error


def first(work: Work, definition: Definition, timer: TimerEvent) -> tuple[datetime, int]:
    """When a timer that starts processes is due for the first time, and how many times lie before now."""
    try:
        if timer.date:
            return parse_instant(_text(definition, timer.date)).astimezone(UTC), 0
        if timer.duration:
            duration = parse_duration(_text(definition, timer.duration))
            return _after(work, duration, timer.calendar, work.now), 0
        cycle = parse_cycle(_text(definition, timer.cycle))
        if timer.calendar:
            return _after(work, cycle.interval, timer.calendar, work.now), 0
        number = cycle.first(work.now)
        return cycle.occurrence(number, work.now).astimezone(UTC), number - 1
    except (ValueError, OverflowError) as error:
        raise Invalid.at("/elements", f"A start timer cannot be set: {error}") from error


def following(work: Work, start: Any, calendar: str) -> datetime | None:
    """When a repeating timer, a row of the starts that fires now, is due again, if it is."""
    if not start.cycle:
        return None
    cycle, fired = parse_cycle(start.cycle), start.fired + 1
    if cycle.count and fired >= cycle.count:
        return None
    if calendar:
        return _after(work, cycle.interval, calendar, start.due_at)
    return cycle.occurrence(fired + 1, start.armed_at).astimezone(UTC)


def calendar_of(definition: Definition, node: str, event: int) -> str:
    """The working calendar of a timer that starts processes, if it has one."""
    element = definition.nodes[node]
    found = element.events[event] if isinstance(element, Event) else None
    return found.calendar if isinstance(found, TimerEvent) else ""


def _after(work: Work, duration: Duration, calendar: str, start: datetime) -> datetime:
    if not calendar:
        return duration.after(start).astimezone(UTC)
    found = Calendars(work).get(calendar)
    if found is None:
        raise CalendarError(f"there is no calendar {calendar!r}")
    return found.add_duration(start, duration)
