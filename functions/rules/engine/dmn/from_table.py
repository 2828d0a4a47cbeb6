"""A decision table as a rule set, so that it is indexed, analysed and explained like any other.

Input entries become rows, output entries literals. What a rule set cannot say (computed outputs, tests on
computed inputs, open allowed values) is refused by name; such a model still runs as it is. One thing reads
otherwise: a missing input passes ``-`` and ``null`` and nothing else, also not ``not("a")``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from rules.engine.dmn.feel import FeelError, Scope, Vocabulary, evaluate, parse_expression, parse_unary_tests
from rules.engine.dmn.feel.syntax import Compared, Matched, Name, Node, Path, Test, UnaryTests
from rules.engine.dmn.feel.values import Range, kind_of
from rules.engine.dmn.model import (
    Cell,
    Decision,
    DecisionTable,
    Definitions,
    InputData,
    InvalidDmn,
    TableInput,
    TableOutput,
    TableRule,
    extension,
)
from rules.engine.dmn.types import ANY, Type, Types, json_value
from rules.engine.model import (
    Aggregation,
    All,
    AnyOf,
    Condition,
    Fact,
    HitPolicy,
    Kind,
    Not,
    Operator,
    Output,
    Row,
    Rule,
    RuleSet,
    Set,
)

FACT_KINDS: dict[str, Kind] = {
    "number": "number",
    "string": "string",
    "boolean": "boolean",
    "date": "date",
    "date and time": "timestamp",
    "days and time duration": "duration",
}
"""The kinds of facts for FEEL's kinds; the others have no counterpart."""

_COMPARED = {
    "=": Operator.EQ,
    "!=": Operator.NE,
    "<": Operator.LT,
    "<=": Operator.LE,
    ">": Operator.GT,
    ">=": Operator.GE,
}


def rule_set_of(definitions: Definitions, decision: str) -> RuleSet:
    """The rule set of a decision that is a table; :class:`InvalidDmn` names what has no counterpart."""
    found = definitions.decision(decision)
    if not isinstance(found.logic, DecisionTable):
        raise InvalidDmn(f"Decision {found.name!r} is no decision table.")
    return _Conversion(definitions, found, found.logic).rule_set()


class _Conversion:
    def __init__(self, definitions: Definitions, decision: Decision, table: DecisionTable) -> None:
        self._decision = decision
        self._table = table
        self._types = Types(definitions.items)
        self._variables = self._required(definitions)
        self._vocabulary = Vocabulary([*self._variables, *self._types.component_names()])

    def rule_set(self) -> RuleSet:
        table = self._table
        columns = [self._fact(column) for column in table.inputs]
        outputs = [self._output(column, place) for place, column in enumerate(table.outputs)]
        return RuleSet(
            facts=dict(columns),
            rules=tuple(
                self._rule(rule, place, [name for name, _ in columns], [name for name, _ in outputs])
                for place, rule in enumerate(table.rules, 1)
            ),
            name=self._decision.name,
            outputs=dict(outputs),
            hit_policy=HitPolicy(table.hit_policy.lower().replace(" ", "_")),
            aggregation=Aggregation(table.aggregation.lower()) if table.aggregation else None,
            missing="error" if table.attributes.get(extension("missing")) == "error" else "skip",
        )

    def _refuse(self, what: str) -> InvalidDmn:
        return InvalidDmn(f"Table {self._decision.name!r} has no rule set: {what}.")

    def _required(self, definitions: Definitions) -> dict[str, Type]:
        """The variables that the table may use, with their types."""
        wanted = {requirement.href.rpartition("#")[2] for requirement in self._decision.requirements}
        found: dict[str, Type] = {}
        elements: list[InputData | Decision] = [*definitions.inputs, *definitions.decisions]
        for element in elements:
            if element.id in wanted:
                variable = element.variable
                name = variable.name if variable is not None and variable.name else element.name
                kind = ANY if variable is None else self._types.named(variable.type_ref)
                found[" ".join(name.split())] = kind
        return found

    def _fact(self, column: TableInput) -> tuple[str, Fact]:
        try:
            node = parse_expression(column.expression.text, self._vocabulary)
        except FeelError as error:
            raise self._refuse(f"the input {column.expression.text!r} cannot be read: {error}") from error
        path = _path(node)
        if path is None:
            raise self._refuse(f"the input {column.expression.text!r} is computed")
        declared = self._component(path)
        kind = self._types.named(column.type_ref).kind or declared.kind
        if kind not in FACT_KINDS:
            raise self._refuse(f"the input {column.expression.text!r} is of type {kind or 'Any'!r}")
        tests = self._tests(column.values) if column.values is not None else declared.allowed
        fact = Fact(
            _exact_kind(FACT_KINDS[kind], column),
            required=column.attributes.get(extension("required")) == "true",
            description=column.description,
        )
        return ".".join(path), self._bounded(fact, tests, column.expression.text)

    def _component(self, path: list[str]) -> Type:
        found = self._variables.get(path[0], ANY)
        for name in path[1:]:
            found = dict(found.components).get(name, ANY)
        return found

    def _tests(self, cell: Cell) -> UnaryTests:
        try:
            return parse_unary_tests(cell.text, self._vocabulary)
        except FeelError as error:
            raise self._refuse(f"{cell.text!r} cannot be read: {error}") from error

    def _bounded(self, fact: Fact, tests: UnaryTests | None, name: str) -> Fact:
        """The fact with its allowed values: a list of them, or one closed interval."""
        if tests is None or not tests.tests:
            return fact
        if len(tests.tests) == 1 and isinstance(only := tests.tests[0], Compared) and not tests.negated:
            bound = {">=": "minimum", "<=": "maximum"}.get(only.operator)
            if bound is not None:
                return msgspec.structs.replace(fact, **{bound: self._value(only.operand, name)})
        expected = [self._constant(test.expression) for test in tests.tests if isinstance(test, Matched)]
        if len(expected) == len(tests.tests) and not tests.negated:
            if not any(isinstance(value, Range | list) or value is None for value in expected):
                return msgspec.structs.replace(fact, values=tuple(json_value(value) for value in expected))
            first = expected[0]
            closed = isinstance(first, Range) and first.low_included and first.high_included
            if len(expected) == 1 and closed:
                low, high = json_value(first.low), json_value(first.high)
                return msgspec.structs.replace(fact, minimum=low, maximum=high)
        raise self._refuse(
            f"the allowed values of {name!r} are neither values nor one interval with its ends"
        )

    def _output(self, column: TableOutput, place: int) -> tuple[str, Output]:
        name = column.name if len(self._table.outputs) > 1 or column.name else self._decision.name
        values = None
        if column.values is not None and column.values.text:
            tests = self._tests(column.values)
            listed = [self._constant(test.expression) for test in tests.tests if isinstance(test, Matched)]
            if len(listed) < len(tests.tests) or any(isinstance(value, Range) for value in listed):
                raise self._refuse(f"the output values of {name!r} are not listed one by one")
            values = tuple(json_value(value) for value in listed)
        default: Any = msgspec.UNSET
        if column.default is not None and column.default.text:
            default = json_value(self._literal(column.default, f"the default of output {name!r}"))
        kind = _exact_kind(self._output_kind(column, place), column)
        return name, Output(kind, values=values, default=default, description=column.description)

    def _output_kind(self, column: TableOutput, place: int) -> Kind:
        """The declared kind of an output, or that of its entries."""
        kind = self._types.named(column.type_ref).kind
        if not kind and self._decision.variable is not None:
            declared = self._types.named(self._decision.variable.type_ref)
            declared = declared.element or declared
            kind = (
                dict(declared.components).get(column.name, ANY).kind if declared.components else declared.kind
            )
        if not kind and self._table.rules:
            kind = kind_of(self._literal(self._table.rules[0].outputs[place], "rule 1"))
        known = FACT_KINDS | {"list": "list", "context": "object"}
        if kind not in known:
            raise self._refuse(f"output {column.name!r} is of type {kind or 'Any'!r}")
        return known[kind]

    def _rule(self, rule: TableRule, place: int, fields: list[str], outputs: list[str]) -> Rule:
        at = f"rule {place}"
        rows: list[Condition] = []
        for field, cell in zip(fields, rule.inputs, strict=True):
            condition = self._condition(field, self._tests(cell), f"{at}, {field!r}")
            if condition is not None:
                rows.append(condition)
        actions = tuple(
            Set(name, json_value(self._literal(cell, f"{at}, output {name!r}")))
            for name, cell in zip(outputs, rule.outputs, strict=True)
            if cell.text not in ("", "-")
        )
        rule_id = rule.id or f"rule_{place}"
        return Rule(
            rule_id[1:] if rule_id.startswith("_") and rule_id[1:2].isdigit() else rule_id,
            actions,
            All(tuple(rows)) if rows else None,
            name="; ".join(filter(None, rule.annotations)),
            description=rule.description,
            priority=self._priority(rule, at),
        )

    def _priority(self, rule: TableRule, at: str) -> int:
        given = rule.attributes.get(extension("priority"), "0")
        try:
            return int(given[:12])
        except ValueError as error:
            raise self._refuse(f"{at} has the priority {given!r}") from error

    def _condition(self, field: str, tests: UnaryTests, at: str) -> Condition | None:
        if not tests.tests:
            return None
        conditions = [self._test(field, test, at) for test in tests.tests]
        equal = [row.value for row in conditions if isinstance(row, Row) and row.operator is Operator.EQ]
        if len(equal) == len(conditions) > 1:
            return Row(field, Operator.NOT_IN if tests.negated else Operator.IN, equal)
        whole = conditions[0] if len(conditions) == 1 else AnyOf(tuple(conditions))
        if not tests.negated:
            return whole
        if isinstance(whole, Row) and whole.operator in _OPPOSITE:
            return Row(field, _OPPOSITE[whole.operator], whole.value)
        return whole.of if isinstance(whole, Not) else Not(whole)

    def _test(self, field: str, test: Test, at: str) -> Condition:
        if isinstance(test, Compared):
            return Row(field, _COMPARED[test.operator], self._value(test.operand, at))
        if test.mentions_input:
            raise self._refuse(f"{at} is a condition on '?'")
        expected = self._constant(test.expression)
        match expected:
            case None:
                return Not(Row(field, Operator.EXISTS))
            case Range():
                return _interval(field, expected)
            case list():
                return Row(field, Operator.IN, json_value(expected))
        return Row(field, Operator.EQ, json_value(expected))

    def _value(self, node: Node, at: str) -> Any:
        value = self._constant(node)
        if value is None:
            raise self._refuse(f"{at} compares with null")
        return json_value(value)

    def _literal(self, cell: Cell, at: str) -> Any:
        try:
            node = parse_expression(cell.text, self._vocabulary)
        except FeelError as error:
            raise self._refuse(f"{at} cannot be read: {error}") from error
        return self._constant(node)

    def _constant(self, node: Node) -> Any:
        """The value of an expression without variables."""
        scope = Scope(_NoVariables())
        try:
            value = evaluate(node, scope)
        except _Variable as error:
            raise self._refuse(f"an entry is computed from {error.args[0]!r}") from error
        if scope.problems:
            raise self._refuse(scope.problems[0])
        return value


class _Variable(Exception):
    """An expression that should be constant reads a variable."""


class _NoVariables(Mapping[str, Any]):
    def __getitem__(self, name: str) -> Any:
        raise _Variable(name)

    def __contains__(self, name: object) -> bool:
        raise _Variable(name)

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ARG002
        """What a call looks up: no function is defined here."""
        return default

    def __iter__(self) -> Any:
        return iter(())

    def __len__(self) -> int:
        return 0


_OPPOSITE = {Operator.EQ: Operator.NE, Operator.IN: Operator.NOT_IN}


def _interval(field: str, found: Range) -> Condition:
    low, high = json_value(found.low), json_value(found.high)
    if found.low_included and found.high_included:
        return Row(field, Operator.BETWEEN, [low, high])
    return All(
        (
            Row(field, Operator.GE if found.low_included else Operator.GT, low),
            Row(field, Operator.LE if found.high_included else Operator.LT, high),
        )
    )


def _exact_kind(kind: Kind, column: TableInput | TableOutput) -> Kind:
    """The kind, where ours is narrower than FEEL's."""
    is_whole = kind == "number" and column.attributes.get(extension("type")) == "integer"
    return "integer" if is_whole else kind


def _path(node: Node) -> list[str] | None:
    """The names of a path from a variable, None for any other expression."""
    match node:
        case Name():
            return [node.name]
        case Path():
            base = _path(node.base)
            return None if base is None else [*base, node.name]
    return None
