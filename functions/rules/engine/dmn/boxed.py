"""Boxed expressions made ready to run: text, tables, contexts, lists, relations, invocations and functions
(DMN 1.3, 10.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from rules.engine.dmn.feel import Scope, Vocabulary, evaluate, parse_expression
from rules.engine.dmn.feel.lexer import normal
from rules.engine.dmn.feel.scope import calling
from rules.engine.dmn.feel.values import Function, kind_of
from rules.engine.dmn.model import (
    Context,
    DecisionTable,
    FunctionDefinition,
    InvalidDmn,
    Invocation,
    ListLogic,
    LiteralExpression,
    Logic,
    Relation,
    Unsupported,
    Variable,
)
from rules.engine.dmn.table import CompiledTable
from rules.engine.dmn.types import Nonconforming, Type, Types

Run: TypeAlias = Callable[[Scope], Any]
"""Logic that is ready: from a scope to a value."""


class Compiler:
    """Makes the logic of one model ready. ``at`` names what the logic belongs to, in refusals."""

    def __init__(self, types: Types, language: str) -> None:
        self._types = types
        self._language = language

    def compile(self, at: str, logic: Logic | None, vocabulary: Vocabulary) -> Run:
        """The logic, ready; :class:`InvalidDmn` for what cannot be run."""
        match logic:
            case DecisionTable():
                table = self.table(at, logic, vocabulary)
                return lambda scope: table.evaluate(scope).value
            case LiteralExpression():
                return self._literal(at, logic, vocabulary)
            case Context():
                return self._context(at, logic, vocabulary)
            case Invocation():
                return self._invocation(at, logic, vocabulary)
            case ListLogic():
                items = [self.compile(at, item, vocabulary) for item in logic.items]
                return lambda scope: [item(scope) for item in items]
            case Relation():
                return self._relation(at, logic, vocabulary)
            case FunctionDefinition():
                make = self.function(at, logic, vocabulary)
                return lambda scope: make("", scope)
            case Unsupported():
                raise InvalidDmn(f"The boxed {logic.element.local} of {at} is not supported.")
            case None:
                raise InvalidDmn(f"There is no logic in {at}.")

    def table(self, at: str, logic: DecisionTable, vocabulary: Vocabulary) -> CompiledTable:
        """A decision table, ready."""
        return CompiledTable(at, logic, self._types, vocabulary)

    def function(
        self, at: str, logic: FunctionDefinition, vocabulary: Vocabulary
    ) -> Callable[[str, Scope], Function]:
        """What makes the function, given its name and the scope that its body sees."""
        if logic.kind not in ("", "FEEL"):
            raise InvalidDmn(f"The function of {at} is written in {logic.kind}; only FEEL is run.")
        names = tuple(normal(parameter.name) for parameter in logic.parameters)
        types = [self._types.named(parameter.type_ref) for parameter in logic.parameters]
        body = self.compile(at, logic.logic, vocabulary.with_names(names))

        def make(name: str, scope: Scope) -> Function:
            def apply(arguments: list[Any]) -> Any:
                given = {
                    parameter: conformed(kind, argument, f"{at}: argument {parameter!r}", scope)
                    for parameter, kind, argument in zip(names, types, arguments, strict=True)
                }
                with calling(scope):
                    return body(scope.within(given))

            return Function(name, names, apply)

        return make

    def _literal(self, at: str, logic: LiteralExpression, vocabulary: Vocabulary) -> Run:
        language = logic.language or self._language
        if language and "feel" not in language.lower():
            raise InvalidDmn(f"The text of {at} is written in {language!r}, not in FEEL.")
        kind = self._types.named(logic.type_ref)
        node = parse_expression(logic.text, vocabulary)
        return lambda scope: conformed(kind, evaluate(node, scope), at, scope)

    def _context(self, at: str, logic: Context, vocabulary: Vocabulary) -> Run:
        entries: list[tuple[str, Type, Run]] = []
        for entry in logic.entries:
            variable = entry.variable or Variable(name="")
            name = normal(variable.name)
            if any(name == other for other, _, _ in entries):
                raise InvalidDmn(f"The context of {at} has two entries {name!r}.")
            run = self.compile(f"{at}, {name or 'result'!r}", entry.logic, vocabulary)
            entries.append((name, self._types.named(variable.type_ref), run))
            vocabulary = vocabulary.with_names([name])

        def run_entries(scope: Scope) -> Any:
            built: dict[str, Any] = {}
            for name, kind, run in entries:
                value = conformed(kind, run(scope.within(built)), f"{at}, {name!r}", scope)
                if not name:
                    return value
                built[name] = value
            return built

        return run_entries

    def _invocation(self, at: str, logic: Invocation, vocabulary: Vocabulary) -> Run:
        function = self.compile(at, logic.function, vocabulary)
        bindings = {
            normal(binding.parameter.name): self.compile(at, binding.logic, vocabulary)
            for binding in logic.bindings
        }

        def invoke(scope: Scope) -> Any:
            called = function(scope)
            if not isinstance(called, Function):
                return scope.null(f"{at}: a {kind_of(called)} cannot be invoked")
            if unknown := bindings.keys() - set(called.parameters):
                return scope.null(f"{at}: {called.name!r} has no parameter {min(unknown)!r}")
            given = {name: run(scope) for name, run in bindings.items()}
            return called.apply([given.get(name) for name in called.parameters])

        return invoke

    def _relation(self, at: str, logic: Relation, vocabulary: Vocabulary) -> Run:
        names = [normal(column.name) for column in logic.columns]
        rows = [[self.compile(at, cell, vocabulary) for cell in row.items] for row in logic.rows]
        return lambda scope: [
            {name: cell(scope) for name, cell in zip(names, row, strict=True)} for row in rows
        ]


def conformed(kind: Type, value: Any, at: str, scope: Scope) -> Any:
    """The value as one of the type; null, with the reason noted, when it is none."""
    try:
        return kind.conformed(value)
    except Nonconforming as error:
        return scope.null(f"{at} {error}")


def member_names(logic: Logic | None) -> Iterator[str]:
    """The names that the parts of its value have, which paths may use."""
    match logic:
        case DecisionTable():
            yield from (column.name for column in logic.outputs)
        case Context():
            for entry in logic.entries:
                yield entry.variable.name if entry.variable is not None else ""
                yield from member_names(entry.logic)
        case Relation():
            yield from (column.name for column in logic.columns)
        case ListLogic():
            for item in logic.items:
                yield from member_names(item)
        case FunctionDefinition():
            yield from member_names(logic.logic)
