"""Closures for `&&`, `||`, `!` and `?:`.

Source: the CEL language definition, "Logical Operators": `false && e` and `e && false` are false even where e
is an error or no bool, likewise `true || e`. What an evaluation may cost is no such error: nothing absorbs
it.
"""

from collections.abc import Sequence
from typing import Any

from common.cel.errors import CelEvaluationError, CelLimitError
from common.cel.operators import Frame, no_overload
from common.cel.reading import Evaluate


def chain(operator: str, terms: Sequence[Evaluate], at: int) -> Evaluate:
    """`a && b && c` or `a || b || c`."""
    if len(terms) == 2:
        return _pair(operator, terms[0], terms[1], at)
    decisive = operator == "||"

    def run(frame: Frame) -> Any:
        failure: CelEvaluationError | None = None
        for term in terms:
            try:
                value = term(frame)
            except CelLimitError:
                raise
            except CelEvaluationError as error:
                failure = failure or error
                continue
            if value is decisive:
                return decisive
            if value.__class__ is not bool:
                failure = failure or no_overload(operator, (value,), at)
        if failure is None:
            return not decisive
        try:
            raise failure
        finally:
            failure = None  # the error's traceback holds this call's variables

    return run


def _pair(operator: str, left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    decisive = operator == "||"

    def run(frame: Frame) -> Any:
        try:
            value = left(frame)
        except CelLimitError:
            raise
        except CelEvaluationError:
            # What the other side says may make it irrelevant.
            if right_decides(frame):
                return decisive
            raise
        if value is decisive:
            return decisive
        if value.__class__ is not bool:
            if right_decides(frame):
                return decisive
            raise no_overload(operator, (value,), at)
        other: Any = right(frame)
        if other.__class__ is bool:
            return other
        raise no_overload(operator, (value, other), at)

    def right_decides(frame: Frame) -> bool:
        try:
            return right(frame) is decisive
        except CelLimitError:
            raise
        except CelEvaluationError:
            return False

    return run


def negation(operand: Evaluate, at: int) -> Evaluate:
    """`!a`."""

    def run(frame: Frame) -> Any:
        value = operand(frame)
        if value is True:
            return False
        if value is False:
            return True
        raise no_overload("!", (value,), at)

    return run


def conditional(test: Evaluate, then: Evaluate, otherwise: Evaluate, at: int) -> Evaluate:
    """`test ? then : otherwise`: only the chosen side is evaluated."""

    def run(frame: Frame) -> Any:
        verdict = test(frame)
        if verdict is True:
            return then(frame)
        if verdict is False:
            return otherwise(frame)
        raise no_overload("?:", (verdict,), at)

    return run
