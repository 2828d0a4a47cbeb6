"""Working time: hours of the week, holidays and special days in a time zone, and the arithmetic over them.

A working second is a second that elapses while somebody works, so on a day when the clocks change a shift
across the change is an hour shorter or longer. A wall-clock time that the change repeats means its first
occurrence; one that it skips means the moment of the change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from .iso8601 import Duration

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HOUR = re.compile(r"(?:([01]\d|2[0-3]):([0-5]\d)|24:00)", re.ASCII)
_SEARCH_DAYS = 3700
"""Days without any working time after which a calendar is said to have none: a little over ten years."""

Hours = list[tuple[str, str]]
"""Shifts of a day, such as ``[["09:00", "12:30"], ["13:30", "18:00"]]``; the last may end at ``24:00``."""


class CalendarError(ValueError):
    """The calendar cannot answer, and why."""


class Calendar(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``week`` gives hours per weekday name, ``holidays`` are days off by date (ISO) with their name,
    ``special`` gives other hours for single dates and wins over both.
    """

    time_zone: str
    week: dict[str, Hours]
    holidays: dict[str, str] = {}
    special: dict[str, Hours] = {}

    def faults(self) -> list[str]:
        """Everything that is wrong with this calendar, a sentence each; none means it can be used."""
        found: list[str] = []
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            found.append(f"The time zone {self.time_zone!r} is not in the IANA time zone database.")
        for day, hours in self.week.items():
            if day not in DAYS:
                found.append(f"{day!r} is not a weekday; write monday to sunday.")
            found += (f"On {day}, {fault}" for fault in _hour_faults(hours))
        for day, hours in self.special.items():
            found += (f"On {day}, {fault}" for fault in _hour_faults(hours))
        for day in (*self.holidays, *self.special):
            try:
                date.fromisoformat(day)
            except ValueError:
                found.append(f"{day!r} is not a date such as 2026-12-25.")
        if not found and not any(self.week.values()) and not any(self.special.values()):
            found.append("The calendar has no working hours at all.")
        return found

    def add(self, start: datetime, working: timedelta) -> datetime:
        """The instant at which ``working`` time has elapsed since ``start``, in UTC.

        It ends with a shift rather than at the start of the next: eight hours from Monday 09:00 in a
        calendar of 09:00 to 17:00 are Monday 17:00.
        """
        if working <= timedelta():
            return start.astimezone(UTC)
        left, shifts = working, self._shifts(start)
        while True:
            begin, end = next(shifts)
            if left <= end - begin:
                return begin + left
            left -= end - begin

    def add_duration(self, start: datetime, duration: Duration) -> datetime:
        """``duration`` after ``start``: its days are working days, the rest of it is working time."""
        if duration.months:
            raise CalendarError("working time is counted in days, hours and minutes, not in months or years")
        instant = self._after_days(start, duration.days) if duration.days else start
        return self.add(instant, duration.time)

    def between(self, start: datetime, end: datetime) -> timedelta:
        """The working time that elapses from ``start`` to ``end``; negative if ``end`` is earlier."""
        if end < start:
            return -self.between(end, start)
        total = timedelta()
        if start == end:
            return total
        zone = ZoneInfo(self.time_zone)
        last = end.astimezone(zone).date()
        day = start.astimezone(zone).date()
        while day <= last:
            for begin, finish in self._day(day, zone):
                total += max(timedelta(), min(finish, end) - max(begin, start))
            day += timedelta(days=1)
        return total

    def working(self, instant: datetime) -> bool:
        """Whether somebody works at ``instant``; a shift's end is no longer in it."""
        zone = ZoneInfo(self.time_zone)
        shifts = self._day(instant.astimezone(zone).date(), zone)
        return any(begin <= instant < end for begin, end in shifts)

    def _after_days(self, start: datetime, days: int) -> datetime:
        """The same time of day ``days`` working days later, or the start of the shift after that."""
        zone = ZoneInfo(self.time_zone)
        local = start.astimezone(zone)
        day, passed, idle = local.date(), 0, 0
        while passed < days:
            day += timedelta(days=1)
            if self._hours(day):
                passed, idle = passed + 1, 0
            else:
                idle += 1
                self._check_idle(idle)
        moved = _instant(datetime.combine(day, local.time()), zone)
        begin, _ = next(self._shifts(moved))
        return begin

    def _shifts(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The shifts from ``start`` on, the first one cut to what is left of it."""
        zone = ZoneInfo(self.time_zone)
        day, idle = start.astimezone(zone).date(), 0
        while True:
            idle += 1
            for begin, end in self._day(day, zone):
                if end > start:
                    idle = 0
                    yield max(begin, start.astimezone(UTC)), end
            self._check_idle(idle)
            day += timedelta(days=1)

    def _check_idle(self, idle: int) -> None:
        if idle > _SEARCH_DAYS:
            raise CalendarError("the calendar has no working hours in the ten years that follow")

    def _hours(self, day: date) -> Hours:
        name = day.isoformat()
        if name in self.special:
            return self.special[name]
        if name in self.holidays:
            return []
        return self.week.get(DAYS[day.weekday()], [])

    def _day(self, day: date, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
        """The shifts of a day as instants in UTC, in order, without those that the clocks swallow."""
        shifts = ((_local(day, begin, zone), _local(day, end, zone)) for begin, end in self._hours(day))
        return sorted((begin, end) for begin, end in shifts if begin < end)


def _hour_faults(hours: Hours) -> Iterator[str]:
    previous = ""
    for begin, end in sorted(hours):
        if not _HOUR.fullmatch(begin) or not _HOUR.fullmatch(end):
            yield f"{begin!r} to {end!r} are not times such as 09:00."
        elif begin >= end:
            yield f"{begin} to {end} does not end after it begins; split a shift at midnight in two."
        elif begin < previous:
            yield f"the shift that begins at {begin} overlaps the one before it."
        previous = end


def _local(day: date, hour: str, zone: ZoneInfo) -> datetime:
    if hour == "24:00":
        return _instant(datetime.combine(day + timedelta(days=1), datetime.min.time()), zone)
    return _instant(datetime.combine(day, datetime.strptime(hour, "%H:%M").time()), zone)


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant in UTC of a wall-clock time: the first if it is repeated, the change if it is skipped."""
    first = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if first.astimezone(zone).replace(tzinfo=None) == wall:
        return first
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _change(before, first, zone)


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The instant between the two at which the zone's offset changes, to the second."""
    offset = before.astimezone(zone).utcoffset()
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if (before + timedelta(seconds=middle)).astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return before + timedelta(seconds=high)
