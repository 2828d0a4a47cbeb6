"""Closures for arithmetic, `==`, `<` and their siblings, and `in`, with short ways for what rules are mostly
made of: a variable or any value compared with a constant.
"""

import operator as python
from collections.abc import Callable
from typing import Any

from common.cel.operators import (
    NUMERIC,
    Frame,
    add,
    comparison,
    contains,
    divide,
    equals,
    modulo,
    multiply,
    subtract,
)
from common.cel.reading import Evaluate
from common.cel.values import INT_MAX, INT_MIN, Uint

Operation = Callable[[Any, Any, Frame, int], Any]
Test = Callable[[Any, Any], bool]

_TESTS: dict[str, Test] = {
    "<": python.lt,
    "<=": python.le,
    ">": python.gt,
    ">=": python.ge,
    "==": python.eq,
    "!=": python.ne,
}
_ORDERINGS: dict[str, Operation] = {
    operator: comparison(operator, _TESTS[operator]) for operator in ("<", "<=", ">", ">=")
}
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
"""The operator that says the same with its operands exchanged."""

_ARITHMETIC: dict[str, Operation] = {"+": add, "-": subtract, "*": multiply, "/": divide, "%": modulo}
_EXACT_INT: dict[str, Callable[[int, int], int]] = {"+": python.add, "-": python.sub, "*": python.mul}


def arithmetic(operator: str, left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    """`left operator right` for `+ - * / %`."""
    operation = _ARITHMETIC[operator]
    exact = _EXACT_INT.get(operator)
    if exact is None:

        def run(frame: Frame) -> Any:
            return operation(left(frame), right(frame), frame, at)

        return run

    def run_exact(frame: Frame) -> Any:
        a = left(frame)
        b = right(frame)
        if a.__class__ is int and b.__class__ is int:
            result = exact(a, b)
            if INT_MIN <= result <= INT_MAX:
                return result
        return operation(a, b, frame, at)

    return run_exact


def ordering(operator: str, left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    """`left operator right` for `< <= > >=`."""
    test = _TESTS[operator]
    compare = _ORDERINGS[operator]

    def run(frame: Frame) -> Any:
        a = left(frame)
        b = right(frame)
        kind = a.__class__
        if kind is b.__class__ and (kind is int or kind is float):
            return test(a, b)
        return compare(a, b, frame, at)

    return run


def ordering_with_constant(operator: str, left: Evaluate, constant: Any, at: int) -> Evaluate:
    """`left operator constant`."""
    test = _TESTS[operator]
    compare = _ORDERINGS[operator]
    kind = constant.__class__
    # Only of these are two of one class compared as Python compares them, at no cost worth counting.
    direct = kind in (int, float, str, Uint)

    def run(frame: Frame) -> Any:
        value = left(frame)
        if direct and value.__class__ is kind:
            return test(value, constant)
        return compare(value, constant, frame, at)

    return run


def equality(operator: str, left: Evaluate, right: Evaluate, at: int) -> Evaluate:
    """`left == right` or `left != right`."""
    wanted = operator == "=="

    def run(frame: Frame) -> Any:
        return equals(left(frame), right(frame), frame, at) is wanted

    return run


def equality_with_constant(operator: str, left: Evaluate, constant: Any, at: int) -> Evaluate:
    """`left == constant` or `left != constant`, the constant a scalar."""
    kind = constant.__class__
    if operator == "==":

        def same(frame: Frame) -> Any:
            value = left(frame)
            if value.__class__ is kind:
                return value == constant
            return equals(value, constant, frame, at)

        return same

    def different(frame: Frame) -> Any:
        value = left(frame)
        if value.__class__ is kind:
            return value != constant
        return not equals(value, constant, frame, at)

    return different


def variable_with_constant(
    operator: str, name: str | int, fields: tuple[str, ...], constant: Any, general: Evaluate
) -> Evaluate:
    """`variable operator constant` or `variable.field operator constant` in one step.

    Anything but a value of the constant's own class is left to the `general` closure of the same comparison.
    """
    test = _TESTS[operator]
    kind = constant.__class__
    if fields:
        return _field_with_constant(test, name, fields[0], constant, general)
    if kind is int:

        def run_int(frame: Frame) -> Any:
            value = frame.get(name)
            if value.__class__ is int and INT_MIN <= value <= INT_MAX:
                return test(value, constant)
            return general(frame)

        return run_int

    def run(frame: Frame) -> Any:
        value = frame.get(name)
        if value.__class__ is kind:
            return test(value, constant)
        return general(frame)

    return run


def _field_with_constant(
    test: Test, name: str | int, field: str, constant: Any, general: Evaluate
) -> Evaluate:
    kind = constant.__class__

    def run(frame: Frame) -> Any:
        holder = frame.get(name)
        if holder.__class__ is dict:
            value: Any = holder.get(field)
            if value.__class__ is kind and (kind is not int or INT_MIN <= value <= INT_MAX):
                return test(value, constant)
        return general(frame)

    return run


def membership(element: Evaluate, holder: Evaluate, at: int) -> Evaluate:
    """`element in holder`."""

    def run(frame: Frame) -> Any:
        return contains(element(frame), holder(frame), frame, at)

    return run


def membership_in_constants(element: Evaluate, holder: list[Any]) -> Evaluate | None:
    """`element in [constants]` by hash; None where equal constants do not hash alike in CEL's sense."""
    classes = {constant.__class__ for constant in holder}
    if not (classes <= {str} or (classes <= {int, Uint} and all(abs(number) < 2**53 for number in holder))):
        return None
    constants = frozenset(holder)
    numbers = bool(classes & NUMERIC)

    def run(frame: Frame) -> Any:
        value = element(frame)
        kind = value.__class__
        return (kind is str or (numbers and kind in NUMERIC)) and value in constants

    return run
