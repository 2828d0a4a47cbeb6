"""The expression language, seen through the little that the engine asks of it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any, Protocol

from .calendar import Calendar

if TYPE_CHECKING:
    from common.cel import Program


class ExpressionError(Exception):
    """An expression failed; the message says which, why, and over what."""


class MissingVariable(ExpressionError):
    """An expression asks for a variable that does not exist."""


class Expressions(Protocol):
    """Evaluates expressions over variables; nothing else is known of the language."""

    def evaluate(self, source: str, bindings: Mapping[str, Any]) -> Any:
        """The value as JSON has it: instants and durations as ISO 8601 text. ExpressionError if it fails."""

    def fault(self, source: str) -> str:
        """Why ``source`` is not an expression at all, or nothing."""


class CelExpressions:
    """Expressions in CEL, compiled once per container."""

    def evaluate(self, source: str, bindings: Mapping[str, Any]) -> Any:
        from common.cel import CelError, CelMissingError

        try:
            return plain(_program(source).evaluate(bindings))
        except CelMissingError as error:
            raise MissingVariable(f"{source!r}: {error}") from error
        except CelError as error:
            raise ExpressionError(f"{source!r}: {error}") from error

    def fault(self, source: str) -> str:
        from common.cel import CelError

        try:
            _program(source)
        except CelError as error:
            return str(error)
        return ""


class Environment:
    """What an advance may ask besides its arguments: expressions and working calendars, by name."""

    def __init__(
        self, expressions: Expressions | None = None, calendars: Mapping[str, Calendar] | None = None
    ) -> None:
        self.expressions: Expressions = expressions or CelExpressions()
        self.calendars: Mapping[str, Calendar] = calendars or {}


def plain(value: Any) -> Any:
    """``value`` as JSON can hold it: instants and durations become ISO 8601 text, bytes become text."""
    from common.cel import Duration, Timestamp

    match value:
        case None | bool() | str():
            return value
        case int():
            return int(value)
        case float():
            if not isfinite(value):
                raise ExpressionError(f"the result {value} is not a number that can be kept")
            return value
        case Timestamp():
            return str(value)
        case Duration():
            return f"PT{value.nanoseconds / 1e9:.9f}".rstrip("0").rstrip(".") + "S"
        case bytes():
            return value.decode("utf-8", "replace")
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            raise ExpressionError(f"a value of type {type(value).__name__} cannot be kept as a variable")


@lru_cache(maxsize=4096)
def _program(source: str) -> Program:
    from common.cel import compile as compile_expression

    return compile_expression(source)
