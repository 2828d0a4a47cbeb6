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
from workflow.engine.model import MessageEvent, SignalEvent, TimerEvent
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
            due = first(work, definition, entry.on)
            cycle = _text(definition, entry.on.cycle)
            return {"kind": "timer", "cycle": cycle, "armed_at": work.now, "due_at": due}
        case _:
            return None


def _text(definition: Definition, source: str) -> str:
    if not source.startswith("="):
        return source
    try:
        return str(CelExpressions().evaluate(source[1:], definition.process.variables))
    except ExpressionError as error:
        raise Invalid.at("/elements", f"A start event cannot be waited for: {error}") from error


def first(work: Work, definition: Definition, timer: TimerEvent) -> datetime:
    """When a timer that starts processes is due for the first time."""
    try:
        if timer.date:
            return parse_instant(_text(definition, timer.date)).astimezone(UTC)
        if timer.duration:
            return _after(work, parse_duration(_text(definition, timer.duration)), timer.calendar, work.now)
        return parse_cycle(_text(definition, timer.cycle)).occurrence(1, work.now).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Invalid.at("/elements", f"A start timer cannot be set: {error}") from error


def following(cycle: str, armed: datetime, fired: int) -> datetime | None:
    """When a repeating timer that has fired so often is due again, if it is."""
    if not cycle:
        return None
    parsed = parse_cycle(cycle)
    if parsed.count and fired >= parsed.count:
        return None
    return parsed.occurrence(fired + 1, armed).astimezone(UTC)


def _after(work: Work, duration: Duration, calendar: str, start: datetime) -> datetime:
    if not calendar:
        return duration.after(start).astimezone(UTC)
    found = Calendars(work).get(calendar)
    if found is None:
        raise CalendarError(f"there is no calendar {calendar!r}")
    return found.add_duration(start, duration)
