"""Closures for the macros that go over a list's elements or a map's keys.

Source: the CEL language definition, "Macros". `all` and `exists` absorb errors as `&&` and `||` do; the
others do not.
"""

from typing import Any, NamedTuple

from common.cel.errors import CelEvaluationError, CelLimitError
from common.cel.limits import Meter
from common.cel.operators import METER, Frame, no_overload
from common.cel.reading import Evaluate
from common.cel.values import INT_MAX, INT_MIN, NATIVE, admit, is_list, is_map


class Loop(NamedTuple):
    """What a macro goes over: its target's closure, the frame's slot for an element, the cost of one."""

    macro: str
    target: Evaluate
    slot: int
    weight: int
    at: int

    def elements(self, frame: Frame) -> Any:
        """The list, or the map whose keys are meant."""
        value = self.target(frame)
        if is_list(value) or is_map(value):
            return value
        raise no_overload(self.macro, (value,), self.at)


def quantifier(loop: Loop, predicate: Evaluate) -> Evaluate:
    """`all`, which one false decides, or `exists`, which one true does."""
    macro, _, slot, weight, at = loop
    decisive = macro == "exists"

    def run(frame: Frame) -> Any:
        failure: CelEvaluationError | None = None
        meter: Meter = frame[METER]
        for element in loop.elements(frame):
            meter.left -= weight
            if meter.left < 0:
                raise meter.exhausted(at)
            kind = element.__class__
            plain = kind in NATIVE or (kind is int and INT_MIN <= element <= INT_MAX)
            frame[slot] = element if plain else admit(element, at)
            try:
                verdict = predicate(frame)
            except CelLimitError:
                raise
            except CelEvaluationError as error:
                failure = failure or error
                continue
            if verdict is decisive:
                return decisive
            if verdict.__class__ is not bool:
                failure = failure or no_overload(macro, (verdict,), at)
        if failure is None:
            return not decisive
        try:
            raise failure
        finally:
            failure = None  # the error's traceback holds this call's variables

    return run


def exists_one(loop: Loop, predicate: Evaluate) -> Evaluate:
    """Whether exactly one element satisfies; every element is looked at, and any error is the result."""
    _, _, slot, weight, at = loop

    def run(frame: Frame) -> Any:
        meter: Meter = frame[METER]
        count = 0
        for element in loop.elements(frame):
            meter.left -= weight
            if meter.left < 0:
                raise meter.exhausted(at)
            frame[slot] = admit(element, at)
            verdict = predicate(frame)
            if verdict is True:
                count += 1
            elif verdict is not False:
                raise no_overload("exists_one", (verdict,), at)
        return count == 1

    return run


def transformation(loop: Loop, predicate: Evaluate | None, result: Evaluate | None) -> Evaluate:
    """`map`, or `filter` where there is no result: the list of what the elements that satisfy become."""
    macro, _, slot, weight, at = loop

    def run(frame: Frame) -> Any:
        meter: Meter = frame[METER]
        collected: list[Any] = []
        for element in loop.elements(frame):
            meter.left -= weight
            if meter.left < 0:
                raise meter.exhausted(at)
            kind = element.__class__
            plain = kind in NATIVE or (kind is int and INT_MIN <= element <= INT_MAX)
            frame[slot] = value = element if plain else admit(element, at)
            if predicate is not None:
                verdict = predicate(frame)
                if verdict is False:
                    continue
                if verdict is not True:
                    raise no_overload(macro, (verdict,), at)
            collected.append(value if result is None else result(frame))
        return collected

    return run
