"""Faults as they are found, and the checks of texts that many elements share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .expressions import Expressions
from .faults import ERROR, WARNING, Fault
from .iso8601 import parse_cycle, parse_duration, parse_instant
from .model import AnyElement, Flow, Process, SubProcess


@dataclass(frozen=True, slots=True)
class Place:
    """The process (``subprocess`` is nothing) or a sub-process, with what stands directly in it."""

    subprocess: SubProcess | None
    elements: list[AnyElement]
    flows: list[Flow]
    depth: int = 0

    def element(self, name: str) -> AnyElement | None:
        """The element of that id in this place."""
        return next((element for element in self.elements if element.id == name), None)


class Findings:
    """The faults found so far in a process."""

    def __init__(self, process: Process, expressions: Expressions) -> None:
        self.process = process
        self.faults: list[Fault] = []
        self._expressions = expressions

    def error(self, element: str, code: str, message: str) -> None:
        """The definition cannot run."""
        self.faults.append(Fault(element, code, message, ERROR))

    def warning(self, element: str, code: str, message: str) -> None:
        """The definition runs, but hardly as it was meant."""
        self.faults.append(Fault(element, code, message, WARNING))

    def expression(self, element: str, what: str, source: str) -> None:
        """An expression must be one."""
        if not source.strip():
            self.error(element, "expression", f"Its {what} is empty.")
            return
        reason = self._expressions.fault(source)
        if reason:
            self.error(element, "expression", f"Its {what} {source!r} is not an expression: {reason}.")

    def text(self, element: str, what: str, source: Any) -> None:
        """A literal, or an expression behind a ``=``."""
        if isinstance(source, str) and source.startswith("="):
            self.expression(element, what, source[1:])
        elif isinstance(source, dict):
            for name, value in source.items():
                self.text(element, f"{what} {name}", value)

    def duration(self, element: str, what: str, source: str) -> None:
        """A duration, or an expression that gives one."""
        self._time(element, what, source, parse_duration)

    def instant(self, element: str, what: str, source: str) -> None:
        """A date and time, or an expression that gives one."""
        self._time(element, what, source, parse_instant)

    def cycle(self, element: str, what: str, source: str) -> None:
        """A repeating interval, or an expression that gives one."""
        self._time(element, what, source, parse_cycle)

    def _time(self, element: str, what: str, source: str, parse: Any) -> None:
        if source.startswith("="):
            self.expression(element, what, source[1:])
            return
        try:
            parse(source)
        except (ValueError, OverflowError) as error:
            self.error(element, "time", f"Its {what} is wrong: {error}.")
