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
    """A function called, with arguments by place or by name. A name is a variable's, or else a built-in's."""

    function: str | Node
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


class ContextOf(msgspec.Struct, frozen=True):
    """``{name: value}``; an entry may use those before it."""

    entries: tuple[tuple[str, Node], ...]


class FunctionOf(msgspec.Struct, frozen=True):
    """``function(a: number, b) body``: parameters with the names of their types, empty for any."""

    parameters: tuple[tuple[str, TypeName], ...]
    body: Node


class Loop(msgspec.Struct, frozen=True):
    """``name in source``: over a list's elements, or an interval's whole numbers or dates."""

    name: str
    source: Node


class For(msgspec.Struct, frozen=True):
    """``for loops return result``; the results so far are ``partial``."""

    loops: tuple[Loop, ...]
    result: Node


class Quantified(msgspec.Struct, frozen=True):
    """``every loops satisfies test`` when ``every``, else ``some``."""

    every: bool
    loops: tuple[Loop, ...]
    test: Node


class Filter(msgspec.Struct, frozen=True):
    """``base[test]``: the element at a number, or those for which a condition holds."""

    base: Node
    test: Node


class TypeName(msgspec.Struct, frozen=True):
    """A type as an expression names it: ``number``, ``list<number>``, ``context<a: string>``."""

    name: str
    parts: tuple[tuple[str, TypeName], ...] = ()
    """A list's element and an interval's ends without a name; a context's members with theirs."""


class InstanceOf(msgspec.Struct, frozen=True):
    """``value instance of type``."""

    value: Node
    type: TypeName


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
    | ContextOf
    | FunctionOf
    | For
    | Quantified
    | Filter
    | InstanceOf
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
