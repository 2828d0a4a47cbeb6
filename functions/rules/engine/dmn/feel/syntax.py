"""The syntax of FEEL expressions and unary tests as a tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, string, boolean, null, or a moment or duration after ``@``."""

    value: Any


@dataclass(frozen=True, slots=True)
class Name:
    """A variable; ``?`` is the input that a unary test tests."""

    name: str


@dataclass(frozen=True, slots=True)
class Path:
    """A component of a value."""

    base: Node
    name: str


@dataclass(frozen=True, slots=True)
class Negation:
    """Arithmetic negation."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``+ - * / **``."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Comparison:
    """``= != < <= > >=``."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Between:
    """``value between low and high``, both included."""

    value: Node
    low: Node
    high: Node


@dataclass(frozen=True, slots=True)
class In:
    """``value in test`` or ``value in (test, test)``."""

    value: Node
    tests: UnaryTests


@dataclass(frozen=True, slots=True)
class Logic:
    """``and`` when ``every``, else ``or``."""

    every: bool
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class If:
    """``if condition then yes else no``."""

    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Call:
    """A built-in function, with arguments by place or by name."""

    function: str
    arguments: tuple[Node, ...]
    named: tuple[tuple[str, Node], ...] = ()


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class RangeOf:
    """An interval."""

    low: Node
    high: Node
    low_included: bool
    high_included: bool


Node: TypeAlias = (
    Literal
    | Name
    | Path
    | Negation
    | Arithmetic
    | Comparison
    | Between
    | In
    | Logic
    | If
    | Call
    | ListOf
    | RangeOf
)


@dataclass(frozen=True, slots=True)
class Compared:
    """A unary test with an operator: ``< 5``."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Matched:
    """A unary test that is an expression: a value, an interval, a list, or a condition on ``?``."""

    expression: Node
    mentions_input: bool


Test: TypeAlias = Compared | Matched


@dataclass(frozen=True, slots=True)
class UnaryTests:
    """Tests of which one must hold, or with ``negated`` none. Without tests (``-``), any input will do."""

    tests: tuple[Test, ...] = ()
    negated: bool = False
