"""Sets of values behave as sets of values."""

import sys
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.engine.domain import examples, listed, normal, readable
from rules.engine.model import Kind
from rules.engine.notation import unary_tests
from rules.engine.sets import (
    ABSENT,
    EVERYTHING,
    NOTHING,
    PRESENT,
    ValueSet,
    between,
    greater,
    less,
    points,
    prefixed,
)
from rules.engine.tables import Cells, table

NUMBERS = list(range(-1, 6))


def sets() -> st.SearchStrategy[ValueSet]:
    number = st.sampled_from(NUMBERS)
    simple = st.one_of(
        st.lists(number, max_size=3).map(points),
        st.builds(lambda v, i: less(v, inclusive=i), number, st.booleans()),
        st.builds(lambda v, i: greater(v, inclusive=i), number, st.booleans()),
        st.builds(between, number, number),
        st.sampled_from([EVERYTHING, PRESENT, ABSENT, NOTHING]),
    )
    return st.recursive(
        simple,
        lambda inner: (
            st.builds(lambda a, b: a & b, inner, inner)
            | st.builds(lambda a, b: a | b, inner, inner)
            | inner.map(ValueSet.complement)
        ),
        max_leaves=5,
    )


TRIED = [n / 2 for n in range(-4, 14)]


@given(sets(), sets())
def test_algebra_agrees_with_membership(a: ValueSet, b: ValueSet) -> None:
    for value in TRIED:
        assert (value in (a & b)) is (value in a and value in b)
        assert (value in (a | b)) is (value in a or value in b)
        assert (value in (a - b)) is (value in a and value not in b)
        assert (value in a.complement()) is (value not in a)
    assert (a & b).absent is (a.absent and b.absent)
    assert (a - b).absent is (a.absent and not b.absent)
    assert (a & a.complement()).is_empty


@given(sets())
def test_the_normal_form_of_whole_numbers_is_empty_just_when_no_whole_number_is_left(found: ValueSet) -> None:
    whole = normal("integer", found)
    assert [n for n in range(-3, 9) if n in whole] == [n for n in range(-3, 9) if n in found]
    assert whole.is_empty is (not found.absent and not any(n in found for n in range(-9, 15)))
    values = listed("integer", whole)
    if values is not None:
        assert values == [n for n in range(-9, 15) if n in found]


@given(sets(), st.sampled_from(["integer", "number"]))
def test_examples_lie_inside_and_one_is_found_if_there_is_one(found: ValueSet, kind: Kind) -> None:
    inside = normal(kind, found)
    some = list(examples(kind, inside))
    assert all(value in found for value in some)
    assert bool(some) is bool(inside.below or inside.cuts)


@given(sets())
def test_readable_ends_mean_the_same_whole_numbers(found: ValueSet) -> None:
    shown = readable("integer", normal("integer", found))
    assert [n for n in range(-3, 9) if n in shown] == [n for n in range(-3, 9) if n in found]


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (Decimal("0.1"), Decimal("0.10000000000000000001")),
        (10**40, 10**40 + 1),
        (Decimal("-1.5"), -1),
        (-3, 0),
    ],
)
def test_between_any_two_numbers_there_is_an_example(low: Any, high: Any) -> None:
    gap = ValueSet(False, ((low, 1), (high, 0)))
    assert all(low < value < high for value in examples("number", gap))
    assert list(examples("number", gap))


def test_between_neighbouring_days_and_strings_there_is_nothing() -> None:
    day = date(2026, 1, 1)
    assert normal("date", ValueSet(False, ((day, 1), (day + timedelta(days=1), 0)))).is_empty
    assert normal("string", ValueSet(False, (("a", 1), ("a\0", 0)))).is_empty
    assert normal("string", less("", inclusive=False)).is_empty
    assert normal("date", greater(date.max, inclusive=False)).is_empty
    assert normal("boolean", points([True, False]).complement()).is_empty


@given(st.text(max_size=4), st.text(max_size=6))
def test_a_prefix_is_a_run_of_strings(prefix: str, text: str) -> None:
    assert (text in prefixed(prefix)) is text.startswith(prefix)
    assert prefix + text in prefixed(prefix)
    assert (chr(sys.maxunicode) + text in prefixed(chr(sys.maxunicode))) is True


@given(st.lists(sets(), min_size=1, max_size=4))
def test_a_table_answers_what_the_sets_hold(found: list[ValueSet]) -> None:
    cells = Cells(found)
    masks = [0] * len(cells)
    for place, held in enumerate(found):
        for start, end in cells.runs(held):
            for cell in range(start, end):
                masks[cell] |= 1 << place
    absent = sum(1 << place for place, held in enumerate(found) if held.absent)
    answers = table(cells.bounds, masks, absent)
    for value in TRIED:
        assert answers.find(value) == sum(1 << place for place, held in enumerate(found) if value in held)
    assert answers.find(None) == absent


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (EVERYTHING, "-"),
        (PRESENT, "not(null)"),
        (ABSENT, "null"),
        (points([1, 2]), "1, 2"),
        (points([1, 2]).complement(), "not(1, 2)"),
        (less(3, inclusive=False) | ABSENT, "null, < 3"),
        (greater(3, inclusive=True), ">= 3"),
        (ValueSet(False, ((1, 1), (2, 1))), "(1..2]"),
        (points(['a"\n']), '"a\\"\\n"'),
    ],
)
def test_sets_are_written_as_unary_tests(found: ValueSet, text: str) -> None:
    assert unary_tests(found) == text
