"""Decision tables: which rules match, and what the hit policy makes of them (DMN 1.3, chapter 8)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from rules.engine.dmn.feel import (
    FeelError,
    Scope,
    Vocabulary,
    evaluate,
    parse_expression,
    parse_unary_tests,
    satisfies,
)
from rules.engine.dmn.feel.functions import call
from rules.engine.dmn.feel.syntax import Matched, Node, UnaryTests
from rules.engine.dmn.feel.values import equal, spelled
from rules.engine.dmn.model import Cell, DecisionTable, InvalidDmn, TableRule
from rules.engine.dmn.types import Nonconforming, Types

Tree = TypeVar("Tree", Node, UnaryTests)


class TableResult(msgspec.Struct, frozen=True):
    """What a table decided: its value, and the rules that matched, counted from 1, with their ids."""

    value: Any
    matched: tuple[tuple[int, str], ...]


class CompiledTable:
    """A decision table, its cells parsed."""

    def __init__(self, name: str, table: DecisionTable, types: Types, vocabulary: Vocabulary) -> None:
        self.name = name
        self.table = table
        self._vocabulary = vocabulary
        self._inputs = [
            (
                column.label or column.expression.text,
                parse_expression(column.expression.text, vocabulary),
                types.named(column.type_ref),
                self._tests(column.values),
            )
            for column in table.inputs
        ]
        self._outputs = [types.named(column.type_ref) for column in table.outputs]
        self._names = [column.name for column in table.outputs]
        if len(self._names) > 1 and (not all(self._names) or len(set(self._names)) < len(self._names)):
            raise InvalidDmn(f"The outputs of the table of {name} need names of their own.")
        self._values = [self._listed(column.values) for column in table.outputs]
        self._defaults = [self._expression(column.default) for column in table.outputs]
        self._rules = [self._rule(rule, place) for place, rule in enumerate(table.rules, 1)]

    def _tests(self, cell: Cell | None) -> UnaryTests | None:
        return None if cell is None or not cell.text else parse_unary_tests(cell.text, self._vocabulary)

    def _listed(self, cell: Cell | None) -> list[Node]:
        """The values that an output may take, in order; intervals among them have no order of their own."""
        tests = self._tests(cell)
        return [] if tests is None else [t.expression for t in tests.tests if isinstance(t, Matched)]

    def _expression(self, cell: Cell | None) -> Node | None:
        return None if cell is None or not cell.text else parse_expression(cell.text, self._vocabulary)

    def _rule(self, rule: TableRule, place: int) -> tuple[list[UnaryTests], list[Node | None]]:
        """A rule's cells; :class:`InvalidDmn` names the rule and the column of one that cannot be read."""
        at = f"Rule {place} of the table of {self.name}"
        tests = [
            self._cell(parse_unary_tests, cell, f"{at}, input {column}")
            for column, cell in enumerate(rule.inputs, 1)
        ]
        outputs = [
            None if cell.text in ("", "-") else self._cell(parse_expression, cell, f"{at}, output {column}")
            for column, cell in enumerate(rule.outputs, 1)
        ]
        return tests, outputs

    def _cell(self, parse: Callable[[str, Vocabulary], Tree], cell: Cell, at: str) -> Tree:
        try:
            return parse(cell.text, self._vocabulary)
        except FeelError as error:
            raise InvalidDmn(f"{at}: {error}") from error

    def evaluate(self, scope: Scope) -> TableResult:
        """Decide; null with a problem noted when an input is not allowed or the hit policy is broken."""
        inputs = []
        for label, expression, kind, allowed in self._inputs:
            value = evaluate(expression, scope)
            try:
                value = kind.conformed(value)
            except Nonconforming as error:
                scope.null(f"the input {label!r} {error}")
                return TableResult(None, ())
            if allowed is not None and value is not None and satisfies(allowed, value, scope) is not True:
                scope.null(f"the input {label!r} is {spelled(value)}, which the table does not allow")
                return TableResult(None, ())
            inputs.append(value)
        matched = [
            place
            for place, (tests, _) in enumerate(self._rules)
            if all(satisfies(test, value, scope) is True for test, value in zip(tests, inputs, strict=True))
        ]
        value, decided = self._decide(matched, scope)
        return TableResult(value, tuple((place + 1, self.table.rules[place].id) for place in decided))

    def _decide(self, matched: list[int], scope: Scope) -> tuple[Any, list[int]]:
        policy = self.table.hit_policy
        if not matched:
            return self._default(scope), []
        if policy == "UNIQUE" and len(matched) > 1:
            places = ", ".join(str(place + 1) for place in matched[:10])
            scope.null(f"rules {places} of the table of {self.name} match, and its hit policy is unique")
            return None, matched
        if policy in ("UNIQUE", "FIRST"):
            return self._result(matched[0], scope), matched[:1]
        results = {place: self._columns(place, scope) for place in matched}
        if policy in ("PRIORITY", "OUTPUT ORDER"):
            ranks = {place: self._rank(columns, scope) for place, columns in results.items()}
            matched = sorted(matched, key=ranks.__getitem__)
        if policy == "ANY":
            first = results[matched[0]]
            if any(not _same(first, results[place]) for place in matched[1:]):
                scope.null(f"rules of the table of {self.name} match and disagree, and its hit policy is any")
                return None, matched
        if policy in ("ANY", "PRIORITY"):
            return self._composed(results[matched[0]]), matched[:1]
        if self.table.aggregation:
            return self._aggregated([results[place] for place in matched], scope), matched
        return [self._composed(results[place]) for place in matched], matched

    def _default(self, scope: Scope) -> Any:
        if any(default is not None for default in self._defaults):
            columns = [None if node is None else evaluate(node, scope) for node in self._defaults]
            value = self._composed(columns)
            several = self.table.hit_policy in ("RULE ORDER", "OUTPUT ORDER", "COLLECT")
            return (
                [value] if several and not self.table.aggregation and not isinstance(value, list) else value
            )
        return Decimal(0) if self.table.aggregation == "COUNT" else None

    def _columns(self, place: int, scope: Scope) -> list[Any]:
        columns = []
        for node, kind, name in zip(self._rules[place][1], self._outputs, self._names, strict=True):
            value = None if node is None else evaluate(node, scope)
            try:
                columns.append(kind.conformed(value))
            except Nonconforming as error:
                scope.null(f"output {name!r} of rule {place + 1} of the table of {self.name} {error}")
                columns.append(None)
        return columns

    def _result(self, place: int, scope: Scope) -> Any:
        return self._composed(self._columns(place, scope))

    def _composed(self, columns: list[Any]) -> Any:
        """One output is the value itself, several are its components."""
        return columns[0] if len(columns) == 1 else dict(zip(self._names, columns, strict=True))

    def _rank(self, columns: list[Any], scope: Scope) -> list[int]:
        """Where the outputs stand among the output values, the first output above all (8.2.10)."""
        ranks = []
        for value, listed in zip(columns, self._values, strict=True):
            if listed:
                places = (place for place, node in enumerate(listed) if equal(value, evaluate(node, scope)))
                ranks.append(next(places, len(listed)))
        return ranks

    def _aggregated(self, results: list[list[Any]], scope: Scope) -> Any:
        function = self.table.aggregation.lower()
        columns = []
        for column in zip(*results, strict=True):
            value, problem = call(function, [list(column)], {})
            columns.append(scope.null(problem) if problem else value)
        return self._composed(columns)


def _same(a: list[Any], b: list[Any]) -> bool:
    return all(equal(x, y) is True for x, y in zip(a, b, strict=True))
