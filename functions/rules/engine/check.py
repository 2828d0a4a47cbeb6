"""The publish-time check: every fault of a rule set, each with its rule, its place and what to do."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import msgspec

from rules.engine.actions import expressions
from rules.engine.bind import bind
from rules.engine.faults import Fault, InvalidRuleSet
from rules.engine.fields import Fields, parents
from rules.engine.limits import LIMITS, Limits
from rules.engine.model import (
    Action,
    Add,
    All,
    AnyOf,
    Call,
    Emit,
    Expression,
    Fact,
    HitPolicy,
    Kind,
    Not,
    Output,
    Row,
    Rule,
    RuleSet,
    Set,
    walk,
)
from rules.engine.normal import alternatives
from rules.engine.values import ORDERED, Unreadable, read_fact, read_value

_PART = r"[^\W\d](?:[\w \-/+*']*[\w+*'])?"
_NAME = re.compile(rf"{_PART}(?:\.{_PART})*\Z")
"""Names of facts and outputs, as DMN allows them; expressions see those that are words."""
_NUMBERS = frozenset({"int", "uint", "double"})
_YIELDS: dict[Kind, frozenset[str]] = {
    "string": frozenset({"string", "google.protobuf.Timestamp", "google.protobuf.Duration"}),
    "integer": _NUMBERS,
    "number": _NUMBERS,
    "boolean": frozenset({"bool"}),
    "date": frozenset({"string", "google.protobuf.Timestamp"}),
    "timestamp": frozenset({"string", "google.protobuf.Timestamp"}),
    "duration": frozenset({"string", "google.protobuf.Duration"}),
    "list": frozenset({"list"}),
    "object": frozenset({"map", "object"}),
}
"""The CEL types that an expression for an output may have; moments and durations become text."""
_EVENT = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*\Z", re.ASCII)


def check(rule_set: RuleSet, limits: Limits = LIMITS) -> list[Fault]:
    """Every fault, up to so many; an empty list for a rule set that compiles and evaluates."""
    checker = _Checker(rule_set, limits)
    checker.check_set()
    if not checker.faults:
        checker.check_rules()
    return checker.faults[: limits.faults]


def require_valid(rule_set: RuleSet, limits: Limits = LIMITS) -> None:
    """:class:`InvalidRuleSet` with every fault, if there is one."""
    if faults := check(rule_set, limits):
        raise InvalidRuleSet(faults)


class _Checker:
    def __init__(self, rule_set: RuleSet, limits: Limits) -> None:
        self.rule_set = rule_set
        self.limits = limits
        self.faults: list[Fault] = []
        self.rule = ""

    def report(self, code: str, message: str, place: str) -> None:
        self.faults.append(Fault(code, message, self.rule, place))

    def check_set(self) -> None:
        """The declarations and the sizes; rules are looked at only when these are sound."""
        rule_set, limits = self.rule_set, self.limits
        if len(rule_set.rules) > limits.rules:
            self.report(
                "too_many_rules", f"{len(rule_set.rules)} rules; at most {limits.rules} are taken", "/rules"
            )
        for kind, declared in (("facts", rule_set.facts), ("outputs", rule_set.outputs)):
            if len(declared) > limits.declarations:
                message = f"{len(declared)} {kind}; at most {limits.declarations} are declared"
                self.report("too_many_declarations", message, f"/{kind}")
                return
        for rule_id, count in Counter(rule.id for rule in rule_set.rules).items():
            if count > 1:
                self.report(
                    "duplicate_rule", f"{count} rules have the id {rule_id!r}; ids are unique", "/rules"
                )
        for name, fact in rule_set.facts.items():
            self._check_declaration(name, fact, f"/facts/{name}")
            for other in parents(name):
                if other in rule_set.facts:
                    message = f"fact {name!r} lies inside fact {other!r}; declare one or the other"
                    self.report("nested_fact", message, f"/facts/{name}")
        for name, output in rule_set.outputs.items():
            self._check_declaration(name, output, f"/outputs/{name}")
            if output.default not in (msgspec.UNSET, None):
                self._check_value(output, output.default, f"/outputs/{name}/default")
        if rule_set.aggregation is not None and rule_set.hit_policy is not HitPolicy.COLLECT:
            message = f"an aggregation goes with the hit policy collect, not {rule_set.hit_policy.value}"
            self.report("aggregation", message, "/aggregation")
        self._check_chaining()

    def _check_chaining(self) -> None:
        rule_set = self.rule_set
        if not 1 <= rule_set.chain_rounds <= self.limits.chain_rounds:
            message = f"the bound of chaining is 1 to {self.limits.chain_rounds} rounds"
            self.report("chain_rounds", message, "/chain_rounds")
        if not rule_set.chaining:
            return
        if rule_set.aggregation is not None:
            self.report("chaining", "outputs that are aggregated cannot become facts", "/chaining")
        for name, output in rule_set.outputs.items():
            fact = rule_set.facts.get(name)
            if fact is not None and (fact.type, fact.items) != (output.type, output.items):
                message = f"output {name!r} becomes a fact of type {fact.type}, and is declared {output.type}"
                self.report("chaining", message, f"/outputs/{name}/type")

    def _check_declaration(self, name: str, declared: Fact | Output, place: str) -> None:
        if len(name) > self.limits.name:
            message = f"a name has {len(name)} characters; at most {self.limits.name} are taken"
            self.report("name", message, place)
        elif not _NAME.match(name):
            message = (
                f"{name!r} is no name: a letter, then letters, digits and spaces; parts are joined by dots"
            )
            self.report("name", message, place)
        if declared.items is not None and declared.type != "list":
            self.report("items", "only a list has items", f"{place}/items")
        if declared.values is not None and not declared.values:
            self.report("value", "must list at least one value, or be left out", f"{place}/values")
        for i, value in enumerate(declared.values or ()):
            if declared.type not in ORDERED:
                self.report("value", f"a {declared.type} cannot have its values listed", f"{place}/values")
                break
            self._check_value(declared, value, f"{place}/values/{i}")
        if isinstance(declared, Fact):
            for end in ("minimum", "maximum"):
                if (value := getattr(declared, end)) is not None:
                    self._check_end(declared, value, f"{place}/{end}")

    def _check_end(self, fact: Fact, value: Any, place: str) -> None:
        if fact.type not in ORDERED or fact.type == "boolean":
            self.report("value", f"a {fact.type} has no least and no greatest value", place)
        else:
            self._check_value(fact, value, place)

    def _check_value(self, declared: Fact | Output, value: Any, place: str) -> None:
        try:
            if declared.type == "list" and declared.items is not None:
                read_fact(Fact("list", items=declared.items), value)
            else:
                read_value(declared.type, value)
        except Unreadable as error:
            self.report("value", str(error), place)

    def check_rules(self) -> None:
        """Each rule by itself."""
        fields = Fields(self.rule_set.facts, self.limits)
        for rule in self.rule_set.rules:
            if len(self.faults) >= self.limits.faults:
                return
            self.rule = rule.id
            before = len(self.faults)
            self._check_rule(rule)
            if len(self.faults) == before:
                self._check_condition(rule, fields)

    def _check_rule(self, rule: Rule) -> None:
        if not rule.id:
            self.report("rule_id", "a rule needs an id", "/id")
        for end in ("valid_from", "valid_until"):
            moment = getattr(rule, end)
            if moment is not None and moment.tzinfo is None:
                self.report("validity", "must carry an offset from UTC", f"/{end}")
        if (
            rule.valid_from is not None
            and rule.valid_until is not None
            and not any(moment.tzinfo is None for moment in (rule.valid_from, rule.valid_until))
            and rule.valid_from >= rule.valid_until
        ):
            self.report("validity", "the rule ends before it begins", "/valid_until")
        self._check_size(rule)
        if len(rule.actions) > self.limits.actions_per_rule:
            message = f"{len(rule.actions)} actions; at most {self.limits.actions_per_rule} are taken"
            self.report("too_many_actions", message, "/actions")
        for i, action in enumerate(rule.actions):
            self._check_action(action, f"/actions/{i}")

    def _check_size(self, rule: Rule) -> None:
        leaves = 0
        for node, place, depth in walk(rule.condition):
            if depth > self.limits.depth:
                message = f"the condition nests deeper than {self.limits.depth} levels; flatten it"
                self.report("too_deep", message, place)
                return
            leaves += not isinstance(node, All | AnyOf | Not)
            if isinstance(node, Row | Expression):
                text = node.cel if isinstance(node, Expression) else node.value
                if isinstance(text, str) and len(text) > self.limits.text:
                    message = f"{len(text)} characters; at most {self.limits.text} are taken"
                    self.report("too_long", message, place)
        if leaves > self.limits.conditions_per_rule:
            message = f"{leaves} conditions; at most {self.limits.conditions_per_rule} are taken"
            self.report("too_many_conditions", message, "/condition")

    def _check_condition(self, rule: Rule, fields: Fields) -> None:
        bound = bind(rule.condition, fields, self.report)
        if bound is not None and not alternatives(bound, self.limits.alternatives):
            message = "the condition can never hold: its rows contradict each other"
            self.report("never_holds", message, "/condition")
        for place, source in expressions(rule.actions):
            result = self._check_expression(source, fields, place)
            action = rule.actions[int(place.split("/")[2])]
            if result and isinstance(action, Set | Add):
                self._check_result(action, result, place)

    def _check_expression(self, source: str, fields: Fields, place: str) -> str:
        """The CEL name of the expression's type; empty when it is at fault."""
        from common.cel import CelError

        try:
            return fields.compile(source).result_type.name
        except CelError as error:
            self.report("expression", str(error), place)
            return ""

    def _check_result(self, action: Set | Add, result: str, place: str) -> None:
        """Whether an expression may yield what its output is declared to be; numbers fit any number."""
        declared = self.rule_set.outputs.get(action.output)
        if declared is None or (isinstance(action, Add) and declared.type == "list"):
            return
        if result not in _YIELDS[declared.type] and result not in ("dyn", "null_type"):
            message = f"output {action.output!r} is a {declared.type}, and the expression yields a {result}"
            self.report("expression", message, place)

    def _check_action(self, action: Action, place: str) -> None:
        match action:
            case Set() | Add():
                self._check_output(action, place)
            case Emit():
                if not _EVENT.match(action.event):
                    self.report(
                        "event", f"{action.event!r} is no event name such as order.approved", f"{place}/event"
                    )
            case Call():
                if not action.target:
                    self.report("target", "a call needs a target", f"{place}/target")

    def _check_output(self, action: Set | Add, place: str) -> None:
        if (action.cel is None) is (action.value is msgspec.UNSET):
            self.report("value", "give either a value or an expression", place)
            return
        outputs = self.rule_set.outputs
        declared = outputs.get(action.output)
        if declared is None:
            if outputs:
                message = (
                    f"output {action.output!r} is not declared; declared are {', '.join(sorted(outputs))}"
                )
                self.report("unknown_output", message, f"{place}/output")
            elif not _NAME.match(action.output):
                self.report("name", f"{action.output!r} is no name of an output", f"{place}/output")
            return
        if isinstance(action, Add) and declared.type not in ("integer", "number", "list"):
            message = f"output {action.output!r} is a {declared.type}; numbers and lists are added to"
            self.report("add", message, place)
        elif action.cel is None and action.value is not None:
            element = isinstance(action, Add) and declared.type == "list"
            wanted = Output(declared.items or "object") if element else declared
            if not (element and declared.items is None):
                self._check_value(wanted, action.value, f"{place}/value")
                self._check_among(declared, action.value, f"{place}/value")

    def _check_among(self, declared: Output, value: Any, place: str) -> None:
        if declared.values is not None and value not in declared.values:
            listed = ", ".join(repr(allowed) for allowed in declared.values[:10])
            self.report("output_value", f"{value!r} is none of the declared values {listed}", place)
