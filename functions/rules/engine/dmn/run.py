"""Running a decision model: inputs in, decisions out, each decision after those it requires (DMN 1.3,
chapter 6).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from common.errors import Invalid
from rules.engine.dmn.feel import Scope, Vocabulary, evaluate, parse_expression
from rules.engine.dmn.feel.syntax import Node
from rules.engine.dmn.model import (
    Decision,
    DecisionTable,
    Definitions,
    InputData,
    InvalidDmn,
    LiteralExpression,
    Unsupported,
)
from rules.engine.dmn.table import CompiledTable
from rules.engine.dmn.types import ANY, Nonconforming, Type, Types, json_value

_PROPERTIES = (
    *("year", "month", "day", "weekday", "hour", "minute", "second", "time offset", "timezone"),
    *("years", "months", "days", "hours", "minutes", "seconds", "start", "end"),
)
"""Components that moments, durations and intervals have by themselves."""


class InvalidInput(Invalid):
    """An input of a decision is of another type than the model declares."""

    code, title = "invalid_input", "The inputs do not fit the decision model"


class DecisionTrace(msgspec.Struct, frozen=True, omit_defaults=True):
    """One decision on the way to the one asked for: its value, as JSON, and the rules that matched, by
    number and id.
    """

    decision: str
    value: Any
    matched: tuple[tuple[int, str], ...] = ()


class DecisionResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a decision came to.

    ``value`` is FEEL's value, ``problems`` say why nulls are null, ``trace`` lists the decisions made,
    required ones first.
    """

    value: Any
    problems: tuple[str, ...] = ()
    trace: tuple[DecisionTrace, ...] = ()

    def json(self) -> Any:
        """The value as JSON carries it."""
        return json_value(self.value)


class DecisionModel:
    """A model ready to run. What it does not support is refused when a decision that needs it is asked
    for.
    """

    def __init__(self, definitions: Definitions) -> None:
        self.definitions = definitions
        self._types = Types(definitions.items)
        self._inputs = {data.id: data for data in definitions.inputs}
        self._decisions = {decision.id: decision for decision in definitions.decisions}
        self._compiled: dict[str, CompiledTable | Node] = {}

    def check(self) -> list[InvalidDmn]:
        """What keeps decisions from being made, one fault a decision; empty when all can be."""
        faults = []
        for decision in self.definitions.decisions:
            try:
                for needed in self._order(decision):
                    self._logic(needed)
            except Invalid as error:
                faults.append(InvalidDmn(f"Decision {decision.name!r}: {error}"))
        return faults

    def evaluate(self, name: str, inputs: Mapping[str, Any]) -> DecisionResult:
        """Make the decision with this name or id. ``inputs`` go by the inputs' names; a missing one is null.

        They are FEEL or JSON values, moments and durations also as text. :class:`InvalidInput` for one of
        another type, :class:`InvalidDmn` for a decision that cannot be made.
        """
        order = list(self._order(self.definitions.decision(name)))
        logic = [self._logic(decision) for decision in order]
        variables = self._given(order, inputs)
        problems: list[str] = []
        trace: list[DecisionTrace] = []
        for decision, compiled in zip(order, logic, strict=True):
            visible = {name: variables[name] for name in self._visible(decision)}
            matched: tuple[tuple[int, str], ...] = ()
            if isinstance(compiled, CompiledTable):
                result = compiled.evaluate(visible, problems)
                value, matched = result.value, result.matched
            else:
                value = evaluate(compiled, Scope(visible, problems))
            value = self._conformed(decision, value, problems)
            variables[_variable(decision)] = value
            trace.append(DecisionTrace(decision.name, json_value(value), matched))
        return DecisionResult(variables[_variable(order[-1])], tuple(problems), tuple(trace))

    def _order(self, decision: Decision) -> Iterator[Decision]:
        """The decision after all that it requires; :class:`InvalidDmn` for a circle or for what is not
        there.
        """
        done: set[str] = set()
        pending: list[tuple[Decision, bool]] = [(decision, False)]
        within: set[str] = set()
        while pending:
            current, is_left = pending.pop()
            if is_left:
                within.discard(current.id)
                done.add(current.id)
                yield current
            elif current.id in within:
                raise InvalidDmn(f"Decision {current.name!r} requires itself.")
            elif current.id not in done:
                within.add(current.id)
                pending.append((current, True))
                pending.extend((required, False) for required in self._required(current))

    def _required(self, decision: Decision) -> list[Decision]:
        required = []
        for requirement in decision.requirements:
            target = requirement.href.rpartition("#")[2]
            if requirement.kind == "knowledge":
                raise InvalidDmn(
                    f"Decision {decision.name!r} requires the business knowledge model {target!r}: invocation"
                    " is of conformance level 3, which is not supported."
                )
            known: Mapping[str, Decision | InputData] = self._inputs
            if requirement.kind == "decision":
                known = self._decisions
            if target not in known:
                raise InvalidDmn(f"Decision {decision.name!r} requires {target!r}, which the model lacks.")
            found = known[target]
            if isinstance(found, Decision):
                required.append(found)
        return required

    def _visible(self, decision: Decision) -> list[str]:
        """The names of the variables that a decision's logic may use."""
        names = []
        for requirement in decision.requirements:
            target = requirement.href.rpartition("#")[2]
            known = self._decisions.get(target) or self._inputs[target]
            names.append(_variable(known))
        return names

    def _given(self, order: list[Decision], inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The values of the inputs that some decisions require, by variable."""
        given: dict[str, Any] = {}
        for decision in order:
            for requirement in decision.requirements:
                data = self._inputs.get(requirement.href.rpartition("#")[2])
                if data is not None:
                    given[_variable(data)] = self._read(data, inputs)
        return given

    def _read(self, data: InputData, inputs: Mapping[str, Any]) -> Any:
        value = inputs.get(_variable(data), inputs.get(data.name))
        kind = self._type(data)
        try:
            return kind.conformed(kind.read(value))
        except Nonconforming as error:
            raise InvalidInput(f"Input {data.name!r} {error}.") from error

    def _type(self, element: Decision | InputData) -> Type:
        return ANY if element.variable is None else self._types.named(element.variable.type_ref)

    def _conformed(self, decision: Decision, value: Any, problems: list[str]) -> Any:
        try:
            return self._type(decision).conformed(value)
        except Nonconforming as error:
            problems.append(f"decision {decision.name!r} {error}")
            return None

    def _logic(self, decision: Decision) -> CompiledTable | Node:
        if decision.id not in self._compiled:
            self._compiled[decision.id] = self._compile(decision)
        return self._compiled[decision.id]

    def _compile(self, decision: Decision) -> CompiledTable | Node:
        names = [*self._visible(decision), *self._types.component_names(), *_PROPERTIES]
        vocabulary = Vocabulary(names)
        match decision.logic:
            case DecisionTable():
                return CompiledTable(decision.name, decision.logic, self._types, vocabulary)
            case LiteralExpression():
                language = decision.logic.language or self.definitions.expression_language
                if "feel" not in language.lower() and language:
                    raise InvalidDmn(f"Decision {decision.name!r} is written in {language!r}, not in FEEL.")
                self._types.named(decision.logic.type_ref)
                return parse_expression(decision.logic.text, vocabulary)
            case Unsupported():
                raise InvalidDmn(
                    f"Decision {decision.name!r} is a {decision.logic.element.local}: that is of"
                    " conformance level 3, which is not supported."
                )
            case None:
                raise InvalidDmn(f"Decision {decision.name!r} has no logic.")


def _variable(element: Decision | InputData) -> str:
    name = element.variable.name if element.variable is not None and element.variable.name else element.name
    return " ".join(name.split())
