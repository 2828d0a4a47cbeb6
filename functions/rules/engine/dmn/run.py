"""Running a decision model: inputs in, decisions out, each decision after those it requires (DMN 1.3,
chapter 6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from common.errors import Invalid
from rules.engine.dmn.boxed import Compiler, Run, conformed, member_names
from rules.engine.dmn.feel import Scope, TooCostly, Vocabulary
from rules.engine.dmn.feel.lexer import normal
from rules.engine.dmn.feel.values import Function
from rules.engine.dmn.model import (
    Decision,
    DecisionTable,
    Definitions,
    InputData,
    InvalidDmn,
    Knowledge,
    Requirement,
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
        self._knowledge = {known.id: known for known in definitions.knowledge}
        self._members = [
            *self._types.component_names(),
            *(name for decision in definitions.decisions for name in member_names(decision.logic)),
            *(name for known in definitions.knowledge for name in member_names(known.function)),
            *_PROPERTIES,
        ]
        self._compiler = Compiler(self._types, definitions.expression_language)
        self._compiled: dict[str, CompiledTable | Run] = {}
        self._functions: dict[str, Callable[[str, Scope], Function]] = {}

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
        values = self._given(order, inputs)
        scope = Scope({})
        try:
            trace = [
                self._decide(decision, ready, values, scope)
                for decision, ready in zip(order, logic, strict=True)
            ]
        except RecursionError as deep:
            raise TooCostly("The decision nests its calls and lists too deeply.") from deep
        return DecisionResult(values[_variable(order[-1])], tuple(scope.problems), tuple(trace))

    def _decide(
        self, decision: Decision, logic: CompiledTable | Run, values: dict[str, Any], root: Scope
    ) -> DecisionTrace:
        """Make one decision and add it to the values, which are by variable."""
        visible = {name: values[name] for name in self._visible(decision.requirements)}
        scope = root.within(visible | self._known_functions(decision.requirements, root))
        matched: tuple[tuple[int, str], ...] = ()
        if isinstance(logic, CompiledTable):
            result = logic.evaluate(scope)
            value, matched = result.value, result.matched
        else:
            value = logic(scope)
        value = conformed(self._type(decision), value, f"decision {decision.name!r}", scope)
        values[_variable(decision)] = value
        return DecisionTrace(decision.name, json_value(value), matched)

    def _known_functions(self, requirements: Sequence[Requirement], root: Scope) -> dict[str, Function]:
        """The business knowledge models that are required, each seeing only those that it requires itself."""
        return {
            _variable(known): self._function(known)(
                known.name, root.within(self._known_functions(known.requirements, root))
            )
            for known in self._required_knowledge(requirements)
        }

    def _required_knowledge(
        self, requirements: Sequence[Requirement], within: tuple[str, ...] = ()
    ) -> list[Knowledge]:
        """The business knowledge models that are required; :class:`InvalidDmn` for a circle of them."""
        found = []
        for requirement in requirements:
            target = requirement.href.rpartition("#")[2]
            if requirement.kind != "knowledge":
                continue
            if target not in self._knowledge:
                raise InvalidDmn(f"The model lacks the business knowledge model {target!r}.")
            known = self._knowledge[target]
            if target in within:
                raise InvalidDmn(f"The business knowledge model {known.name!r} requires itself.")
            self._required_knowledge(known.requirements, (*within, target))
            found.append(known)
        return found

    def _function(self, known: Knowledge) -> Callable[[str, Scope], Function]:
        if known.id not in self._functions:
            at = f"business knowledge model {known.name!r}"
            if known.function is None:
                raise InvalidDmn(f"There is no logic in {at}.")
            names = [_variable(other) for other in self._required_knowledge(known.requirements)]
            vocabulary = Vocabulary([*names, *self._members])
            self._functions[known.id] = self._compiler.function(at, known.function, vocabulary)
        return self._functions[known.id]

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
                continue
            known: Mapping[str, Decision | InputData] = self._inputs
            if requirement.kind == "decision":
                known = self._decisions
            if target not in known:
                raise InvalidDmn(f"Decision {decision.name!r} requires {target!r}, which the model lacks.")
            found = known[target]
            if isinstance(found, Decision):
                required.append(found)
        return required

    def _visible(self, requirements: Sequence[Requirement]) -> list[str]:
        """The names of the inputs and decisions that logic with these requirements may use."""
        names = []
        for requirement in requirements:
            target = requirement.href.rpartition("#")[2]
            if requirement.kind != "knowledge":
                names.append(_variable(self._decisions.get(target) or self._inputs[target]))
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

    def _logic(self, decision: Decision) -> CompiledTable | Run:
        if decision.id not in self._compiled:
            self._compiled[decision.id] = self._compile(decision)
        return self._compiled[decision.id]

    def _compile(self, decision: Decision) -> CompiledTable | Run:
        known = self._required_knowledge(decision.requirements)
        for model in known:
            self._function(model)
        names = [*self._visible(decision.requirements), *(_variable(model) for model in known)]
        vocabulary = Vocabulary([*names, *self._members])
        at = f"decision {decision.name!r}"
        if isinstance(decision.logic, DecisionTable):
            return self._compiler.table(at, decision.logic, vocabulary)
        return self._compiler.compile(at, decision.logic, vocabulary)


def _variable(element: Decision | InputData | Knowledge) -> str:
    name = element.variable.name if element.variable is not None and element.variable.name else element.name
    return normal(name)
