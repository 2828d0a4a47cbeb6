"""A rule set as a decision table: what :func:`~rules.engine.dmn.from_table.rule_set_of` reads back decides
the same.

A rule set that came from a table comes back as it was. What DMN has no word for and the rows do not depend
on (required facts, what a missing one means, whole numbers, priorities) goes along as attributes of our
namespace. What a table cannot say (expressions, effects, validity periods, alternatives across fields) is
refused by name, nothing is left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from rules.engine import notation
from rules.engine.bind import bind_rule
from rules.engine.dmn.model import (
    NAMESPACE,
    Cell,
    Decision,
    DecisionTable,
    Definitions,
    InputData,
    InvalidDmn,
    ItemDefinition,
    Requirement,
    TableInput,
    TableOutput,
    TableRule,
    Variable,
    extension,
)
from rules.engine.dmn.write import DMN_1_3
from rules.engine.fields import Fields
from rules.engine.limits import LIMITS
from rules.engine.model import (
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
from rules.engine.normal import alternatives
from rules.engine.values import read_value

_TYPE_REFS: dict[Kind, str] = {
    "number": "number",
    "integer": "number",
    "string": "string",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "dateTime",
    "duration": "dayTimeDuration",
}
_SIGNS = {
    Operator.LT: "<",
    Operator.LE: "<=",
    Operator.GT: ">",
    Operator.GE: ">=",
}


def definitions_of(rule_set: RuleSet) -> Definitions:
    """A model of one decision, which is the rule set's table; :class:`InvalidDmn` names what a table
    cannot say.
    """
    return _Conversion(rule_set).definitions()


class _Conversion:
    def __init__(self, rule_set: RuleSet) -> None:
        self._rule_set = rule_set
        self._name = rule_set.name or "Decision"
        self._fields = Fields(rule_set.facts)

    def _refuse(self, what: str) -> InvalidDmn:
        return InvalidDmn(f"Rule set {self._name!r} has no decision table: {what}.")

    def definitions(self) -> Definitions:
        rule_set = self._rule_set
        if rule_set.chaining:
            raise self._refuse("a table does not chain")
        roots = {name.split(".")[0]: None for name in rule_set.facts}
        inputs = tuple(
            InputData(id=f"input_{i}", name=root, variable=Variable(name=root, type_ref=self._type_of(root)))
            for i, root in enumerate(roots, 1)
        )
        single = len(rule_set.outputs) == 1
        decision = Decision(
            id="decision",
            name=self._name,
            variable=Variable(name=self._name),
            requirements=tuple(Requirement(kind="input", href=f"#{data.id}") for data in inputs),
            logic=DecisionTable(
                id="table",
                hit_policy=rule_set.hit_policy.value.upper().replace("_", " "),
                aggregation=rule_set.aggregation.value.upper() if rule_set.aggregation else "",
                inputs=tuple(self._input(name, fact) for name, fact in rule_set.facts.items()),
                outputs=tuple(
                    self._output("" if single and name == self._name else name, output)
                    for name, output in rule_set.outputs.items()
                ),
                attributes=_said(missing="" if rule_set.missing == "skip" else rule_set.missing),
                annotations=("name",) if any(rule.name for rule in rule_set.rules) else (),
                rules=tuple(self._rule(rule) for rule in self._ordered()),
            ),
        )
        if not rule_set.outputs:
            raise self._refuse("it declares no outputs")
        return Definitions(
            id="definitions",
            name=self._name,
            namespace=NAMESPACE,
            version=DMN_1_3,
            items=tuple(self._structures(roots)),
            inputs=inputs,
            decisions=(decision,),
        )

    def _ordered(self) -> list[Rule]:
        """The rules in the order in which they are tried, which in a table is their place."""
        ranked = self._rule_set.hit_policy in (HitPolicy.PRIORITY, HitPolicy.OUTPUT_ORDER)
        if ranked and not any(output.values for output in self._rule_set.outputs.values()):
            raise self._refuse(
                "its rules are ranked by priority; a table ranks by the outputs' declared values"
            )
        return sorted(self._rule_set.rules, key=lambda rule: -rule.priority)

    def _type_of(self, root: str) -> str:
        fact = self._rule_set.facts.get(root)
        return self._type_ref(fact.type, root) if fact is not None else f"t_{root}"

    def _type_ref(self, kind: Kind, name: str) -> str:
        if kind not in _TYPE_REFS:
            raise self._refuse(f"fact {name!r} is a {kind}")
        return _TYPE_REFS[kind]

    def _structures(self, roots: Iterable[str]) -> Iterable[ItemDefinition]:
        """The types of the facts that are objects, one for each root."""
        for root in roots:
            if root not in self._rule_set.facts:
                yield self._structure(f"t_{root}", f"{root}.")

    def _structure(self, name: str, prefix: str) -> ItemDefinition:
        members = [path.removeprefix(prefix) for path in self._rule_set.facts if path.startswith(prefix)]
        components = []
        for member in dict.fromkeys(path.split(".")[0] for path in members):
            if member in members:
                kind = self._rule_set.facts[prefix + member].type
                components.append(ItemDefinition(name=member, type_ref=self._type_ref(kind, prefix + member)))
            else:
                components.append(self._structure(member, f"{prefix}{member}."))
        return ItemDefinition(name=name, components=tuple(components))

    def _input(self, name: str, fact: Fact) -> TableInput:
        values = None
        if fact.values is not None:
            values = Cell(text=", ".join(literal(fact.type, value) for value in fact.values))
        elif fact.minimum is not None and fact.maximum is not None:
            values = Cell(text=f"[{literal(fact.type, fact.minimum)}..{literal(fact.type, fact.maximum)}]")
        elif fact.minimum is not None:
            values = Cell(text=f">= {literal(fact.type, fact.minimum)}")
        elif fact.maximum is not None:
            values = Cell(text=f"<= {literal(fact.type, fact.maximum)}")
        return TableInput(
            expression=Cell(text=name),
            type_ref=self._type_ref(fact.type, name),
            label=name,
            description=fact.description,
            values=values,
            attributes=_said(required="true" if fact.required else "", type=_whole(fact.type)),
        )

    def _output(self, name: str, output: Output) -> TableOutput:
        values = None if output.values is None else ", ".join(_json_literal(value) for value in output.values)
        default = None if output.default is msgspec.UNSET else _json_literal(output.default)
        return TableOutput(
            name=name,
            type_ref=_TYPE_REFS.get(output.type, ""),
            description=output.description,
            attributes=_said(type=_whole(output.type)),
            values=None if values is None else Cell(text=values),
            default=None if default is None else Cell(text=default),
        )

    def _rule(self, rule: Rule) -> TableRule:
        at = f"rule {rule.id!r}"
        if not rule.enabled or rule.valid_from is not None or rule.valid_until is not None:
            raise self._refuse(f"{at} is disabled or has a validity period")
        given: dict[str, Any] = {}
        for action in rule.actions:
            if not isinstance(action, Set) or action.cel is not None or action.output in given:
                raise self._refuse(f"{at} does more than set each output to a literal")
            if action.output not in self._rule_set.outputs:
                raise self._refuse(f"{at} sets {action.output!r}, which is not declared")
            given[action.output] = action.value
        cells = self._cells(rule, at)
        return TableRule(
            id=f"_{rule.id}" if rule.id[:1].isdigit() else rule.id,
            description=rule.description,
            attributes=_said(priority=str(rule.priority) if rule.priority else ""),
            inputs=tuple(Cell(text=cells.get(name, "-")) for name in self._rule_set.facts),
            outputs=tuple(
                Cell(text=_json_literal(given[name]) if name in given else "-")
                for name in self._rule_set.outputs
            ),
            annotations=(rule.name,) if any(other.name for other in self._rule_set.rules) else (),
        )

    def _cells(self, rule: Rule, at: str) -> dict[str, str]:
        """The unary tests of a rule, by field."""
        parts = rule.condition.of if isinstance(rule.condition, All) else (rule.condition,)
        cells: dict[str, str] = {}
        for part in parts:
            if part is None:
                continue
            field = _field(part)
            text = None if field is None or field in cells else self._written(part)
            if field is None or text is None:
                return self._computed(rule, at)
            cells[field] = text
        return cells

    def _written(self, condition: Condition) -> str | None:
        """A condition on one field in the form that reading gives back, None for one that has no such
        form.
        """
        match condition:
            case Row():
                return self._row(condition)
            case Not(of=Row(operator=Operator.EXISTS)):
                return "null"
            case Not(of=inner):
                text = self._written(inner)
                return None if text is None or text.startswith("not(") or text == "null" else f"not({text})"
            case All(of=(Row() as low, Row() as high)):
                return self._interval(low, high)
            case AnyOf(of=parts) if len(parts) > 1:
                texts = [self._written(part) for part in parts]
                if all(text is not None and not text.startswith("not(") for text in texts):
                    return ", ".join(text for text in texts if text is not None)
        return None

    def _row(self, row: Row) -> str | None:
        kind = self._rule_set.facts[row.field].type
        match row.operator:
            case Operator.EQ:
                return literal(kind, row.value)
            case Operator.NE:
                return f"not({literal(kind, row.value)})"
            case Operator.IN if len(row.value) > 1:
                return ", ".join(literal(kind, value) for value in row.value)
            case Operator.NOT_IN if len(row.value) > 1:
                return "not(" + ", ".join(literal(kind, value) for value in row.value) + ")"
            case Operator.BETWEEN:
                return f"[{literal(kind, row.value[0])}..{literal(kind, row.value[1])}]"
            case Operator.EXISTS:
                return "not(null)"
        return f"{_SIGNS[row.operator]} {literal(kind, row.value)}" if row.operator in _SIGNS else None

    def _interval(self, low: Row, high: Row) -> str | None:
        starts, ends = {Operator.GE: "[", Operator.GT: "("}, {Operator.LE: "]", Operator.LT: ")"}
        if low.operator not in starts or high.operator not in ends:
            return None
        kind = self._rule_set.facts[low.field].type
        ends_at = f"{literal(kind, low.value)}..{literal(kind, high.value)}"
        return f"{starts[low.operator]}{ends_at}{ends[high.operator]}"

    def _computed(self, rule: Rule, at: str) -> dict[str, str]:
        """The cells of any condition that is one box of value sets."""
        bound = bind_rule(rule.id, rule.condition, self._fields)
        boxes = alternatives(bound, LIMITS.alternatives)
        if len(boxes) != 1 or boxes[0].residual:
            raise self._refuse(f"the condition of {at} is more than one test for each field")
        return {
            self._fields.fields[slot].name: notation.unary_tests(found)
            for slot, found in boxes[0].sets.items()
            if not found.is_everything
        }


def _said(**attributes: str) -> dict[str, str]:
    """Attributes of our namespace; those without a value are left out."""
    return {extension(name): value for name, value in attributes.items() if value}


def _whole(kind: Kind) -> str:
    """The kind, where FEEL knows only numbers."""
    return kind if kind == "integer" else ""


def _field(condition: Condition) -> str | None:
    """The one field that a condition is about."""
    match condition:
        case Row():
            return condition.field
        case Not():
            return _field(condition.of)
        case All() | AnyOf():
            fields = {_field(child) for child in condition.of}
            return fields.pop() if len(fields) == 1 else None
    return None


def literal(kind: Kind, value: Any) -> str:
    """A literal of a rule as FEEL writes it."""
    return notation.literal(read_value(kind, value))


def _json_literal(value: Any) -> str:
    """An output's value, which is plain JSON, as FEEL writes it; what FEEL has no literal for is refused."""
    try:
        return notation.literal(value)
    except TypeError as error:
        raise InvalidDmn(f"The output value {value!r} has no literal in S-FEEL.") from error
