"""Where an expression is evaluated: its variables, the reasons for its nulls, and what it may cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from common.errors import Invalid

MAX_PROBLEMS = 100
MAX_STEPS = 2_000_000
MAX_CALLS = 30


class TooCostly(Invalid):
    """A decision asks for more work than is allowed."""

    code, title = "too_costly", "The decision takes too many steps"


class Budget(msgspec.Struct):
    """What an evaluation may still do: evaluate nodes, copy elements, and call within calls."""

    steps: int = MAX_STEPS
    calls: int = MAX_CALLS

    def spend(self, steps: int) -> None:
        """Take steps; :class:`TooCostly` when they are not there."""
        self.steps -= steps
        if self.steps < 0:
            raise TooCostly(f"The decision takes more than {MAX_STEPS:,} steps; use shorter lists.")


class Scope(msgspec.Struct):
    """The variables of an evaluation, the reasons for its nulls, and what it may still spend."""

    variables: Mapping[str, Any]
    problems: list[str] = []
    budget: Budget = msgspec.field(default_factory=Budget)

    def within(self, names: Mapping[str, Any]) -> Scope:
        """The scope inside this one, with more names; it costs by the names there are."""
        self.budget.spend(1 + (len(self.variables) + len(names)) // 16)
        return Scope({**self.variables, **names}, self.problems, self.budget)

    def null(self, reason: str) -> Any:
        """Null, with the reason noted."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(reason)
        return None


@contextmanager
def calling(scope: Scope) -> Iterator[None]:
    """The time inside a defined function; :class:`TooCostly` for calls too deep within each other."""
    budget = scope.budget
    if budget.calls == 0:
        raise TooCostly(f"Functions call each other more than {MAX_CALLS} levels deep.")
    budget.calls -= 1
    try:
        yield
    finally:
        budget.calls += 1
