"""Tests that no set of values expresses, compiled into closures over exactly taken values.

They stand as the interpreter's verdicts do; the matcher runs them for the rules that the index leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from rules.engine.bind import Bound, BoundExpression, BoundGroup, BoundNot, BoundRow, Verdict
from rules.engine.fields import Binder
from rules.engine.interpret import expression_verdict, row_verdict
from rules.engine.model import Operator
from rules.engine.normal import Residual

Test: TypeAlias = Callable[[list[Any]], Verdict]

_FALSE, _MISSING, _TRUE = Verdict.FALSE, Verdict.MISSING, Verdict.TRUE


def compile_tests(residual: Sequence[Residual], binder: Binder) -> Test | None:
    """One test that is as good as the worst of these; None for no tests."""
    tests = [_test(bound, negated, binder) for bound, negated in residual]
    if len(tests) <= 1:
        return tests[0] if tests else None
    return _worst(tests)


def _test(bound: Bound, negated: bool, binder: Binder) -> Test:
    match bound:
        case BoundRow():
            return _row(bound, negated)
        case BoundExpression():
            return lambda values: expression_verdict(bound, values, binder, negated=negated)[0]
        case BoundNot():
            return _test(bound.of, not negated, binder)
        case BoundGroup():
            tests = [_test(child, negated, binder) for child in bound.of]
            return _worst(tests) if bound.every is not negated else _best(tests)


def _worst(tests: list[Test]) -> Test:
    def worst(values: list[Any]) -> Verdict:
        found = _TRUE
        for test in tests:
            verdict = test(values)
            if verdict < found:
                if verdict is _FALSE:
                    return verdict
                found = verdict
        return found

    return worst


def _best(tests: list[Test]) -> Test:
    def best(values: list[Any]) -> Verdict:
        found = _FALSE
        for test in tests:
            verdict = test(values)
            if verdict > found:
                if verdict is _TRUE:
                    return verdict
                found = verdict
        return found

    return best


def _row(bound: BoundRow, negated: bool) -> Test:
    """A row; the operators on strings without the general row's detours."""
    slot, literal = bound.slot, bound.literal
    yes, no = (_FALSE, _TRUE) if negated else (_TRUE, _FALSE)
    if bound.kind == "string" and bound.row.operator is Operator.ENDS_WITH:

        def ends(values: list[Any]) -> Verdict:
            value = values[slot]
            return _MISSING if value is None else yes if value.endswith(literal) else no

        return ends
    if bound.kind == "string" and bound.row.operator is Operator.CONTAINS:

        def contains(values: list[Any]) -> Verdict:
            value = values[slot]
            return _MISSING if value is None else yes if literal in value else no

        return contains
    if bound.row.operator is Operator.MATCHES:
        search = bound.pattern.search

        def matches(values: list[Any]) -> Verdict:
            value = values[slot]
            return _MISSING if value is None else no if search(value) is None else yes

        return matches
    return lambda values: row_verdict(bound, values[slot], negated=negated)
