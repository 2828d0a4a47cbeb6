"""CEL's duration: a signed number of nanoseconds that fits in 64 bits, so about 292 years either way.

Source: the CEL language definition, "Timestamp and Duration"; the text form is that of `duration("1h30m")`.
"""

import re
from functools import cache
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from datetime import timedelta

NANOSECONDS = 1_000_000_000
_MIN, _MAX = -(2**63), 2**63 - 1
_UNITS = {
    "h": 3600 * NANOSECONDS,
    "m": 60 * NANOSECONDS,
    "s": NANOSECONDS,
    "ms": 1_000_000,
    "us": 1_000,
    "\N{MICRO SIGN}s": 1_000,
    "\N{GREEK SMALL LETTER MU}s": 1_000,
    "ns": 1,
}


class Duration:
    """A span of time in whole nanoseconds. Immutable; OverflowError outside 64 bits."""

    __slots__ = ("nanoseconds",)
    nanoseconds: int

    def __init__(self, nanoseconds: int) -> None:
        if not _MIN <= nanoseconds <= _MAX:
            raise OverflowError("duration out of range: it must lie within about 292 years")
        object.__setattr__(self, "nanoseconds", nanoseconds)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `1h30m`, `-1.5s`, `250ms`: decimal numbers with the units h, m, s, ms, us and ns, or `0`.

        ValueError for any other text; a fraction of a nanosecond is dropped.
        """
        sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
        if rest == "0":
            return cls(0)
        whole, part = _grammar()
        if len(rest) > 200 or not whole.fullmatch(rest):
            raise ValueError(f"not a duration: {text[:40]!r}; write it like '1h30m' or '2.5s'")
        total = 0
        for integer, fraction, unit in part.findall(rest):
            scale = _UNITS[unit]
            total += int(integer or "0") * scale
            if fraction:
                total += int(fraction) * scale // 10 ** len(fraction)
        return cls(sign * total)

    @classmethod
    def from_timedelta(cls, span: "timedelta") -> Self:
        """The same span; Python's has microseconds."""
        microseconds = (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds
        return cls(microseconds * 1_000)

    def to_timedelta(self) -> "timedelta":
        """The same span in Python's microseconds; smaller parts are dropped toward zero."""
        from datetime import timedelta

        microseconds = abs(self.nanoseconds) // 1_000
        return timedelta(microseconds=microseconds if self.nanoseconds >= 0 else -microseconds)

    def whole(self, unit: int) -> int:
        """How many whole units of so many nanoseconds it holds, toward zero."""
        count = abs(self.nanoseconds) // unit
        return count if self.nanoseconds >= 0 else -count

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("a Duration does not change")

    def __eq__(self, other: object) -> bool:
        return self.nanoseconds == other.nanoseconds if isinstance(other, Duration) else NotImplemented

    def __lt__(self, other: "Duration") -> bool:
        return self.nanoseconds < other.nanoseconds if isinstance(other, Duration) else NotImplemented

    def __le__(self, other: "Duration") -> bool:
        return self.nanoseconds <= other.nanoseconds if isinstance(other, Duration) else NotImplemented

    def __gt__(self, other: "Duration") -> bool:
        return self.nanoseconds > other.nanoseconds if isinstance(other, Duration) else NotImplemented

    def __ge__(self, other: "Duration") -> bool:
        return self.nanoseconds >= other.nanoseconds if isinstance(other, Duration) else NotImplemented

    def __hash__(self) -> int:
        return hash(("duration", self.nanoseconds))

    def __str__(self) -> str:
        """Seconds with as many decimals as needed, `90s`, `-1.5s`: the form of protobuf's JSON."""
        seconds, rest = divmod(abs(self.nanoseconds), NANOSECONDS)
        sign = "-" if self.nanoseconds < 0 else ""
        return f"{sign}{seconds}{decimals(rest)}s"

    def __repr__(self) -> str:
        return f"Duration.parse({str(self)!r})"


def decimals(nanoseconds: int) -> str:
    """A part of a second as `.5`, without trailing zeros; empty for none."""
    return f".{nanoseconds:09d}".rstrip("0") if nanoseconds else ""


@cache
def _grammar() -> tuple[re.Pattern[str], re.Pattern[str]]:
    unit = "(ns|us|\u00b5s|\u03bcs|ms|s|m|h)"
    whole = f"(?:(?:[0-9]+(?:[.][0-9]*)?|[.][0-9]+){unit})+"
    return re.compile(whole), re.compile(f"([0-9]*)(?:[.]([0-9]*))?{unit}")
