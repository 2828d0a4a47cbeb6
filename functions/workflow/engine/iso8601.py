"""Durations, repeating intervals, and instants as ISO 8601 writes them, the three forms of a BPMN timer."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

_DURATION = re.compile(
    r"P(?=.)(?:(?P<years>\d+)Y)?(?:(?P<months>\d+)M)?(?:(?P<weeks>\d+)W)?(?:(?P<days>\d+)D)?"
    r"(?:T(?=.)(?:(?P<hours>\d+(?:[.,]\d+)?)H)?(?:(?P<minutes>\d+(?:[.,]\d+)?)M)?"
    r"(?:(?P<seconds>\d+(?:[.,]\d+)?)S)?)?",
    re.ASCII,
)
_MAX_DIGITS = 9
_MAX_YEARS = 1000
_MOST_OCCURRENCES = 10**11
"""More than a thousand years have seconds."""
_REPEATED = re.compile(r"R(?P<count>\d*)/(?P<rest>.+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Duration:
    """A nominal part (months, days: as long as the calendar makes them) and an exact part (``time``)."""

    months: int = 0
    days: int = 0
    time: timedelta = timedelta()

    def after(self, instant: datetime, times: int = 1) -> datetime:
        """``instant`` plus ``times`` this duration, on the wall clock of the instant's zone.

        Months end-clip (31 January + P1M is the end of February); the exact part is elapsed time, also where
        a change of the clocks lies between.
        """
        moved = instant
        if self.months or self.days:
            year, month = divmod(instant.year * 12 + instant.month - 1 + self.months * times, 12)
            day = min(instant.day, _days_in(year, month + 1))
            moved = instant.replace(year=year, month=month + 1, day=day) + timedelta(days=self.days * times)
        exact = moved.astimezone(UTC) + self.time * times
        return exact.astimezone(instant.tzinfo)

    def __bool__(self) -> bool:
        return bool(self.months or self.days or self.time)


@dataclass(frozen=True, slots=True)
class Cycle:
    """A repeating interval: ``count`` occurrences (0: without end), each ``interval`` after the one before.

    The first is ``interval`` after the timer is set, or at ``start`` if the cycle names one.
    """

    interval: Duration
    count: int = 0
    start: datetime | None = None

    def occurrence(self, number: int, armed: datetime) -> datetime:
        """When the occurrence ``number`` (from 1) of a timer set at ``armed`` is due."""
        if self.start is not None:
            return self.interval.after(self.start, number - 1)
        return self.interval.after(armed, number)

    def first(self, armed: datetime) -> int:
        """The number of the first occurrence not before ``armed``, when the timer is set, or of the last."""
        if self.start is None or self.start >= armed:
            return 1
        most = self.count or _MOST_OCCURRENCES
        after = bisect_left(
            range(1, most + 1), armed.astimezone(UTC), key=lambda number: self._at(number, armed)
        )
        return min(after + 1, most)

    def _at(self, number: int, armed: datetime) -> datetime:
        """When an occurrence is due; one that no calendar has any more is the last moment there is."""
        try:
            return self.occurrence(number, armed).astimezone(UTC)
        except (ValueError, OverflowError):
            return datetime.max.replace(tzinfo=UTC)


def parse_duration(text: str) -> Duration:
    """A duration such as ``P1Y2M3DT4H5M6.5S`` or ``P2W``; never negative. ValueError says what is wrong."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as PT15M or P2DT4H")
    parts = {unit: number for unit, number in found.groupdict().items() if number}
    if any(len(number) > _MAX_DIGITS for number in parts.values()):
        raise ValueError(f"the duration {text!r} is longer than {_MAX_YEARS} years")
    seconds = sum(
        Fraction(parts.get(unit, "0").replace(",", ".")) * size
        for unit, size in (("hours", 3600), ("minutes", 60), ("seconds", 1))
    )
    duration = Duration(
        months=int(parts.get("years", 0)) * 12 + int(parts.get("months", 0)),
        days=int(parts.get("weeks", 0)) * 7 + int(parts.get("days", 0)),
        time=timedelta(microseconds=int(seconds * 1_000_000)),
    )
    if duration.months + duration.days // 28 + duration.time.days // 28 > _MAX_YEARS * 12:
        raise ValueError(f"the duration {text!r} is longer than {_MAX_YEARS} years")
    return duration


def parse_instant(text: str) -> datetime:
    """A date and time such as ``2026-03-29T01:30:00Z``; without an offset it is in UTC."""
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"{text!r} is not an ISO 8601 date and time such as 2026-03-29T01:30:00Z") from None
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def parse_cycle(text: str) -> Cycle:
    """``R3/PT10S``, ``R/2026-01-01T00:00:00Z/P1D`` or ``R5/PT1H/2026-01-01T12:00:00Z`` (interval and end)."""
    found = _REPEATED.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not an ISO 8601 repeating interval such as R3/PT10S or R/P1D")
    if len(found["count"]) > _MAX_DIGITS:
        raise ValueError(f"the cycle {text!r} repeats too often")
    count = int(found["count"] or 0)
    if found["count"] and count == 0:
        raise ValueError(f"the cycle {text!r} repeats zero times, so it would never happen")
    return _cycle(text, count, found["rest"].split("/"))


def _cycle(text: str, count: int, parts: list[str]) -> Cycle:
    match parts:
        case [interval]:
            cycle = Cycle(parse_duration(interval), count)
        case [first, second] if first.startswith("P"):
            end, length = parse_instant(second), parse_duration(first)
            if not count:
                raise ValueError(f"the cycle {text!r} names an end, so it needs a count of repetitions")
            cycle = Cycle(length, count, length.after(end, 1 - count))
        case [first, second]:
            cycle = Cycle(parse_duration(second), count, parse_instant(first))
        case _:
            raise ValueError(f"{text!r} is not an ISO 8601 repeating interval such as R3/PT10S or R/P1D")
    if not cycle.interval:
        raise ValueError(f"the cycle {text!r} repeats without any time in between")
    return cycle


def _days_in(year: int, month: int) -> int:
    following = date(year + month // 12, month % 12 + 1, 1)
    return (following - timedelta(days=1)).day
