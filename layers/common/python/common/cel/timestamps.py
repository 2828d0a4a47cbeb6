"""CEL's timestamp: a moment from the year 1 to 9999, in nanoseconds, and its calendar in any time zone.

Source: the CEL language definition, "Timestamp and Duration"; RFC 3339 for the text form.
"""

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, Self

from common.cel.durations import NANOSECONDS, Duration, decimals
from common.cel.zones import offset_at

if TYPE_CHECKING:
    from datetime import datetime

_DAY = 86_400 * NANOSECONDS
_MIN = -62_135_596_800 * NANOSECONDS
_MAX = 253_402_300_800 * NANOSECONDS - 1


class Calendar(NamedTuple):
    """A moment as the parts of a local date and time; `month` and `day` from one, `weekday` 0 for Sunday."""

    year: int
    month: int
    day: int
    weekday: int
    day_of_year: int
    hour: int
    minute: int
    second: int
    nanosecond: int


class Timestamp:
    """A moment: nanoseconds since 1970-01-01T00:00:00Z. Immutable; OverflowError outside years 1 to 9999."""

    __slots__ = ("nanoseconds",)
    nanoseconds: int

    def __init__(self, nanoseconds: int) -> None:
        if not _MIN <= nanoseconds <= _MAX:
            raise OverflowError("timestamp out of range: it must lie in the years 1 to 9999")
        object.__setattr__(self, "nanoseconds", nanoseconds)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read RFC 3339, `2009-02-13T23:31:30.5Z` or with an offset `+01:00`; ValueError for any other text.

        Digits after the ninth decimal are dropped.
        """
        match = _rfc3339().fullmatch(text) if len(text) <= 100 else None
        if match is None:
            raise ValueError(f"not a timestamp: {text[:40]!r}; write it like '2009-02-13T23:31:30Z'")
        year, month, day, hour, minute, second = map(int, match.group(1, 2, 3, 4, 5, 6))
        if not (1 <= month <= 12 and 1 <= day <= _days_in(year, month) and year >= 1):
            raise ValueError(f"no such date: {text!r}")
        if hour > 23 or minute > 59 or second > 59:
            raise ValueError(f"no such time of day: {text!r}")
        seconds = days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
        fraction = int(match[7][:9].ljust(9, "0")) if match[7] else 0
        offset = 0 if match[8] in "Zz" else offset_at(match[8], 0)
        return cls((seconds - offset) * NANOSECONDS + fraction)

    @classmethod
    def from_datetime(cls, moment: "datetime") -> Self:
        """The same moment; ValueError for a datetime that does not know its zone."""
        offset = moment.utcoffset()
        if offset is None:
            raise ValueError("a datetime without a time zone is no moment: give it a tzinfo")
        days = days_from_civil(moment.year, moment.month, moment.day)
        seconds = days * 86_400 + moment.hour * 3600 + moment.minute * 60 + moment.second
        shift = Duration.from_timedelta(offset).nanoseconds
        return cls(seconds * NANOSECONDS + moment.microsecond * 1_000 - shift)

    def to_datetime(self) -> "datetime":
        """The same moment in UTC, in Python's microseconds; smaller parts are dropped."""
        from datetime import UTC, datetime

        local = self.calendar()
        return datetime(
            local.year,
            local.month,
            local.day,
            local.hour,
            local.minute,
            local.second,
            local.nanosecond // 1_000,
            tzinfo=UTC,
        )

    def calendar(self, zone: str = "") -> Calendar:
        """Its local date and time in a zone, UTC when empty; ValueError for an unknown zone.

        Near the ends of the range the local year may be 0 or 10000.
        """
        local = self.nanoseconds + offset_at(zone, self.nanoseconds) * NANOSECONDS
        days, of_day = divmod(local, _DAY)
        seconds, nanosecond = divmod(of_day, NANOSECONDS)
        year, month, day = civil_from_days(days)
        return Calendar(
            year,
            month,
            day,
            (days + 4) % 7,
            days - days_from_civil(year, 1, 1),
            seconds // 3600,
            seconds // 60 % 60,
            seconds % 60,
            nanosecond,
        )

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Timestamp does not change")

    def __eq__(self, other: object) -> bool:
        return self.nanoseconds == other.nanoseconds if isinstance(other, Timestamp) else NotImplemented

    def __lt__(self, other: "Timestamp") -> bool:
        return self.nanoseconds < other.nanoseconds if isinstance(other, Timestamp) else NotImplemented

    def __le__(self, other: "Timestamp") -> bool:
        return self.nanoseconds <= other.nanoseconds if isinstance(other, Timestamp) else NotImplemented

    def __gt__(self, other: "Timestamp") -> bool:
        return self.nanoseconds > other.nanoseconds if isinstance(other, Timestamp) else NotImplemented

    def __ge__(self, other: "Timestamp") -> bool:
        return self.nanoseconds >= other.nanoseconds if isinstance(other, Timestamp) else NotImplemented

    def __hash__(self) -> int:
        return hash(("timestamp", self.nanoseconds))

    def __str__(self) -> str:
        """RFC 3339 in UTC with as many decimals as needed."""
        at = self.calendar()
        date = f"{at.year:04d}-{at.month:02d}-{at.day:02d}"
        return f"{date}T{at.hour:02d}:{at.minute:02d}:{at.second:02d}{decimals(at.nanosecond)}Z"

    def __repr__(self) -> str:
        return f"Timestamp.parse({str(self)!r})"


def days_from_civil(year: int, month: int, day: int) -> int:
    """Days from 1970-01-01 to a date of the proleptic Gregorian calendar.

    Years begin in March here, so that the leap day is the last of its year; 400 of them have 146,097 days.
    """
    year -= month <= 2
    era, of_era = divmod(year, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + day_of_year - 719_468


def civil_from_days(days: int) -> tuple[int, int, int]:
    """The year, month and day so many days after 1970-01-01: the inverse of days_from_civil."""
    era, of_era = divmod(days + 719_468, 146_097)
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    day_of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * day_of_year + 2) // 153
    day = day_of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return year + era * 400 + (month <= 2), month, day


def _days_in(year: int, month: int) -> int:
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    return days_from_civil(*following, 1) - days_from_civil(year, month, 1)


@cache
def _rfc3339() -> re.Pattern[str]:
    digits = "[0-9]"
    date = f"({digits}{{4}})-({digits}{{2}})-({digits}{{2}})"
    time = f"({digits}{{2}}):({digits}{{2}}):({digits}{{2}})(?:[.]({digits}+))?"
    return re.compile(f"{date}[Tt]{time}([Zz]|[+-]{digits}{{2}}:{digits}{{2}})")
