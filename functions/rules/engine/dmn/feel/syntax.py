"""The syntax of FEEL expressions and unary tests as a tree."""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec


class Literal(msgspec.Struct, frozen=True):
    """A number, string, boolean, null, or a moment or duration after ``@``."""

    value: Any


class Name(msgspec.Struct, frozen=True):
    """A variable; ``?`` is the input that a unary test tests."""

    name: str


class Path(msgspec.Struct, frozen=True):
    """A component of a value."""

    base: Node
    name: str


class Negation(msgspec.Struct, frozen=True):
    """Arithmetic negation."""

    operand: Node


class Arithmetic(msgspec.Struct, frozen=True):
    """``+ - * / **``."""

    operator: str
    left: Node
    right: Node


class Comparison(msgspec.Struct, frozen=True):
    """``= != < <= > >=``."""

    operator: str
    left: Node
    right: Node


class Between(msgspec.Struct, frozen=True):
    """``value between low and high``, both included."""

    value: Node
    low: Node
    high: Node


class In(msgspec.Struct, frozen=True):
    """``value in test`` or ``value in (test, test)``."""

    value: Node
    tests: UnaryTests


class Logic(msgspec.Struct, frozen=True):
    """``and`` when ``every``, else ``or``."""

    every: bool
    left: Node
    right: Node


class If(msgspec.Struct, frozen=True):
    """``if condition then yes else no``."""

    condition: Node
    yes: Node
    no: Node


class Call(msgspec.Struct, frozen=True):
    """A built-in function, with arguments by place or by name."""

    function: str
    arguments: tuple[Node, ...]
    named: tuple[tuple[str, Node], ...] = ()


class ListOf(msgspec.Struct, frozen=True):
    """A list."""

    items: tuple[Node, ...]


class RangeOf(msgspec.Struct, frozen=True):
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


class Compared(msgspec.Struct, frozen=True):
    """A unary test with an operator: ``< 5``."""

    operator: str
    operand: Node


class Matched(msgspec.Struct, frozen=True):
    """A unary test that is an expression: a value, an interval, a list, or a condition on ``?``."""

    expression: Node
    mentions_input: bool


Test: TypeAlias = Compared | Matched


class UnaryTests(msgspec.Struct, frozen=True):
    """Tests of which one must hold, or with ``negated`` none. Without tests (``-``), any input will do."""

    tests: tuple[Test, ...] = ()
    negated: bool = False
