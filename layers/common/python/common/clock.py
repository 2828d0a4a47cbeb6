"""The time, as something an operation is given and a test can set."""

from __future__ import annotations

from datetime import UTC, datetime


class Clock:
    """The present moment, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FixedClock(Clock):
    """A clock that stands where it was put."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at
