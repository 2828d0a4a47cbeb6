"""How far local time in a zone is from UTC at a given moment.

A zone is an IANA name (`Europe/Paris`) or a fixed offset (`+02:00`, `-02:30`, `02:00`); empty means UTC.
"""

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from common.cel.durations import NANOSECONDS

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_EPOCH_DAY = 719_163  # the proleptic Gregorian ordinal of 1970-01-01
_FIRST_SECOND = (1 - _EPOCH_DAY) * 86_400
_LAST_SECOND = (3_652_060 - _EPOCH_DAY) * 86_400 - 1
_MARGIN = 2 * 86_400  # more than any zone's offset
_KEPT = 640  # there are about 600 zones
_FIXED = r"([+-]?)([0-9]{1,2}):([0-9]{2})"


def offset_at(zone: str, nanoseconds: int) -> int:
    """The zone's offset from UTC in seconds, that long after 1970; ValueError for an unknown zone."""
    if zone in ("", "UTC", "Z"):
        return 0
    fixed = re.fullmatch(_FIXED, zone)
    if fixed:
        hours, minutes = int(fixed[2]), int(fixed[3])
        if hours > 23 or minutes > 59:
            raise ValueError(f"unknown time zone: {zone!r}; an offset is at most 23:59")
        offset = hours * 3600 + minutes * 60
        return -offset if fixed[1] == "-" else offset
    return _named_offset(zone, nanoseconds // NANOSECONDS)


@lru_cache(_KEPT)
def _rules(zone: str) -> "ZoneInfo":
    from zoneinfo import ZoneInfo

    return ZoneInfo(zone)


def _named_offset(zone: str, second: int) -> int:
    from datetime import UTC, datetime, timedelta

    try:
        rules = _rules(zone)
    except (ValueError, KeyError, OSError) as unknown:
        raise ValueError(
            f"unknown time zone: {zone[:60]!r}; write a name like 'Europe/Paris' or an offset like '+02:00'"
        ) from unknown
    # Python's years end at 1 and 9999 in local time too, and no zone changes its offset within two days of
    # them.
    second = min(max(second, _FIRST_SECOND + _MARGIN), _LAST_SECOND - _MARGIN)
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    offset = moment.astimezone(rules).utcoffset()
    return 0 if offset is None else offset.days * 86_400 + offset.seconds
