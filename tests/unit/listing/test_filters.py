"""The grammar of filters and orders."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.listing import orders
from common.listing.errors import LanguageError
from common.listing.filters import All, Any, Comparison, Not, Present, parse


def test_a_comparison_has_a_field_an_operator_and_a_json_value():
    assert parse('name eq "a \\"b\\" \\u00e9"') == Comparison("name", "eq", 'a "b" é')
    assert parse("credit_limit GE -1.50e2") == Comparison("credit_limit", "ge", Decimal("-1.50e2"))
    assert parse("postable eq true") == Comparison("postable", "eq", True)
    assert parse("tax_id ne null") == Comparison("tax_id", "ne", None)
    assert parse("attributes.my-key pr") == Present("attributes.my-key")


def test_and_binds_closer_than_or_and_parentheses_bind_closest():
    a, b, c = (Present(name) for name in "abc")
    assert parse("a pr or b pr and c pr") == Any((a, All((b, c))))
    assert parse("(a pr or b pr) and not (c pr)") == All((Any((a, b)), Not(c)))


def test_a_field_may_be_called_not():
    assert parse("not pr") == Present("not")


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("", "expected a field, found the end"),
        ("name", "expected pr or one of"),
        ("name eq", "expected a JSON value"),
        ("name eq euro", "'euro' at 8"),
        ("name eq True", "expected a JSON value"),
        ('name eq "a" name eq "b"', "expected and, or, or the end"),
        ("(name pr", "expected and, or, or )"),
        ("name ~ 1", "cannot be read at 4"),
        ('name eq "a', "cannot be read at 7"),
        ('name eq "\\q"', "no JSON string"),
        ("name eq 1.2.3", "cannot be read at 7"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(source: str, complaint: str):
    with pytest.raises(LanguageError) as refused:
        parse(source)
    assert complaint in str(refused.value)


def test_filters_are_bounded_in_length_number_and_depth():
    with pytest.raises(LanguageError, match="2000 characters"):
        parse("a" * 2001)
    with pytest.raises(LanguageError, match="50 comparisons"):
        parse(" or ".join(["a pr"] * 51))
    with pytest.raises(LanguageError, match="20 deep"):
        parse("(" * 21 + "a pr" + ")" * 21)


_fields = st.sampled_from(["name", "code", "attributes.x", "not", "and"])
_values = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
    st.booleans(),
    st.none(),
    st.decimals(-1000, 1000, places=2),
)
_comparisons = st.one_of(
    st.builds(Present, _fields),
    st.builds(
        Comparison, _fields, st.sampled_from(["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]), _values
    ),
)
_filters = st.recursive(
    _comparisons,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(lambda terms: All(tuple(terms)), st.lists(inner, min_size=2, max_size=3)),
        st.builds(lambda terms: Any(tuple(terms)), st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=8,
)


def _written(term) -> str:
    match term:
        case Present(field):
            return f"{field} pr"
        case Comparison(field, operator, value):
            text = str(value) if isinstance(value, Decimal) else json.dumps(value)
            return f"{field} {operator} {text}"
        case Not(inner):
            return f"not ({_written(inner)})"
        case All(terms):
            return " and ".join(f"({_written(inner)})" for inner in terms)
        case Any(terms):
            return " or ".join(f"({_written(inner)})" for inner in terms)
    raise AssertionError(term)


@settings(max_examples=200, deadline=None)
@given(_filters)
def test_every_filter_reads_as_it_was_written(term):
    source = _written(term)
    if len(source) <= 2000:
        assert parse(source) == term


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from(list('ab."\\() 01-eqornt')), max_size=40))
def test_any_text_is_read_or_refused(source: str):
    with contextlib.suppress(LanguageError):
        parse(source)


def test_an_order_names_fields_and_which_fall():
    assert orders.parse("name,-created_at", ["name", "created_at"]) == [("name", False), ("created_at", True)]


@pytest.mark.parametrize("source", ["", "name,", "--name", "name,-name", "colour", "a,b,c,d"])
def test_an_order_that_makes_no_sense_is_refused(source: str):
    with pytest.raises(LanguageError):
        orders.parse(source, ["name", "a", "b", "c", "d"])
