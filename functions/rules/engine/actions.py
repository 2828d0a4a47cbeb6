"""What the rules that fire do: their outputs, their effects, and what fails on the way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from rules.engine.model import Action, Add, Call, Emit, Output, Rule, Set, Stop
from rules.engine.values import exact, number_text_value, written

if TYPE_CHECKING:
    from common.cel import Program


class RuleError(msgspec.Struct, frozen=True, omit_defaults=True):
    """What went wrong in an evaluation, and in which rule; the evaluation stands without it.

    ``place`` is a JSON pointer inside the rule.
    """

    code: str
    message: str
    rule: str = ""
    place: str = ""


class Effect(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event to publish or a call to make, once the evaluation is stored."""

    rule: str
    type: Literal["emit", "call"]
    name: str
    """The event's name, or the call's target."""
    payload: dict[str, Any]
    via: Literal["", "webhook", "lambda"] = ""


class NotFiniteError(ValueError):
    """An expression yields an infinite number, or none; JSON has neither."""


class Absent:
    """Marks an output that no action has given a value."""


ABSENT = Absent()


class Performer(msgspec.Struct, frozen=True):
    """The actions of one rule, their expressions compiled by place (``/actions/0/cel``).

    ``outputs`` holds them all when they are literals that share nothing mutable: then firing is a copy.
    """

    rule: Rule
    programs: Mapping[str, Program]
    outputs: dict[str, Any] | None
    stops: bool

    @classmethod
    def of(cls, rule: Rule, programs: Mapping[str, Program]) -> Performer:
        outputs: dict[str, Any] | None = {}
        for action in rule.actions:
            if isinstance(action, Set) and action.cel is None and not isinstance(action.value, list | dict):
                outputs = None if outputs is None else outputs | {action.output: action.value}
            elif not isinstance(action, Stop):
                outputs = None
        return cls(rule, programs, outputs, any(isinstance(action, Stop) for action in rule.actions))

    def perform(self, run: Performance) -> dict[str, Any]:
        """Fire: this rule's own outputs. Totals, effects and errors go to the run."""
        own: dict[str, Any] = {}
        for i, action in enumerate(self.rule.actions):
            place = f"/actions/{i}"
            match action:
                case Set() | Add():
                    self._give(action, place, own, run)
                case Emit():
                    self._effect(Effect(self.rule.id, "emit", action.event, {}), action, place, run)
                case Call():
                    effect = Effect(self.rule.id, "call", action.target, {}, action.via)
                    self._effect(effect, action, place, run)
        return own

    def _give(self, action: Set | Add, place: str, own: dict[str, Any], run: Performance) -> None:
        if action.cel is None:
            value = fresh(action.value)
        else:
            value = self._computed(f"{place}/cel", run)
            if value is ABSENT:
                return
        totals = run.totals
        if isinstance(action, Set):
            own[action.output] = totals[action.output] = value
            return
        try:
            own[action.output] = added(own.get(action.output, ABSENT), value)
            totals[action.output] = added(totals.get(action.output, ABSENT), value)
        except TypeError:
            message = f"output {action.output!r} cannot add {value!r} to what it holds"
            run.errors.append(RuleError("add", message, self.rule.id, place))

    def _effect(self, effect: Effect, action: Emit | Call, place: str, run: Performance) -> None:
        payload = fresh(action.payload)
        for name in action.computed:
            value = self._computed(f"{place}/computed/{name}", run)
            if value is not ABSENT:
                payload[name] = value
        run.effects.append(msgspec.structs.replace(effect, payload=payload))

    def _computed(self, place: str, run: Performance) -> Any:
        from common.cel import CelError

        try:
            return plain(self.programs[place].evaluate(run.bindings))
        except (CelError, NotFiniteError) as error:
            run.errors.append(RuleError("expression", str(error), self.rule.id, place))
            return ABSENT


class Performance(msgspec.Struct):
    """What one evaluation's actions work with and bring about.

    ``bindings`` are the variables of expressions, ``totals`` the outputs of all rules so far.
    """

    bindings: Mapping[str, Any]
    errors: list[RuleError]
    totals: dict[str, Any] = {}
    effects: list[Effect] = []


def added(held: Any, value: Any) -> Any:
    """A number plus a number, exactly; a list with a value appended. ``TypeError`` when they do not add."""
    if isinstance(held, list):
        return [*held, value]
    if isinstance(value, bool) or not hasattr(value, "__float__"):
        if held is ABSENT:
            return [value]
        raise TypeError
    if held is ABSENT:
        return value
    return total([held, value])


def total(numbers: list[Any]) -> Any:
    """The sum of numbers as decimals, so that 0.1 + 0.2 is 0.3; ``TypeError`` for anything else."""
    if any(isinstance(number, bool) or not hasattr(number, "__float__") for number in numbers):
        raise TypeError
    if all(number.__class__ is int for number in numbers):
        return sum(numbers)
    result = sum(exact(number) for number in numbers)
    return result if isinstance(result, int) else number_text_value(result)


def fresh(value: Any) -> Any:
    """A literal for the caller to keep: its lists and objects are copied."""
    if isinstance(value, list | tuple):
        return [fresh(element) for element in value]
    if isinstance(value, dict):
        return {name: fresh(element) for name, element in value.items()}
    return value


def plain(value: Any) -> Any:
    """What an expression yields, as JSON carries it: timestamps and durations as the text that facts use.

    :class:`NotFiniteError` for a number that JSON has no word for.
    """
    from common.cel import Duration, Timestamp

    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise NotFiniteError(f"the expression yields {value}, which is no number that can be put out")
    if isinstance(value, Timestamp):
        return written(value.to_datetime())
    if isinstance(value, Duration):
        return written(value.to_timedelta())
    if isinstance(value, Mapping):
        return {str(name): plain(element) for name, element in value.items()}
    if isinstance(value, list | tuple):
        return [plain(element) for element in value]
    return value


def expressions(actions: tuple[Action, ...]) -> list[tuple[str, str]]:
    """Every expression of some actions, by place."""
    found: list[tuple[str, str]] = []
    for i, action in enumerate(actions):
        if isinstance(action, Set | Add) and action.cel is not None:
            found.append((f"/actions/{i}/cel", action.cel))
        elif isinstance(action, Emit | Call):
            found += [(f"/actions/{i}/computed/{name}", cel) for name, cel in action.computed.items()]
    return found


def rank(outputs: Mapping[str, Output], own: Mapping[str, Any]) -> tuple[int, ...]:
    """Where a rule's outputs stand among the declared values, output by output; what is not among them stands
    last.
    """
    ranks = []
    for name, output in outputs.items():
        if output.values is not None:
            held = own.get(name, ABSENT)
            same = (i for i, value in enumerate(output.values) if _same(value, held))
            ranks.append(next(same, len(output.values)))
    return tuple(ranks)


def _same(a: Any, b: Any) -> bool:
    return isinstance(a, bool) is isinstance(b, bool) and bool(a == b)


def same_outputs(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    """Whether two rules give every output the same value; a boolean is no number."""
    return a.keys() == b.keys() and all(_same(a[name], b[name]) for name in a)
