"""Grants as sets: what two have in common, and what nobody may give away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth import grants
from auth.errors import Exceeds, UnknownPermission
from common.principal import Principal, covers, permits

SEGMENT = st.sampled_from(["a", "b", "c"])
PERMISSION = st.tuples(SEGMENT, SEGMENT, SEGMENT).map(".".join)
PATTERN = st.one_of(
    st.just("*"),
    SEGMENT.map(lambda service: f"{service}.*"),
    st.tuples(*[st.one_of(SEGMENT, st.just("*"))] * 3).map(".".join),
)
PATTERNS = st.lists(PATTERN, max_size=5)
EVERY = [f"{a}.{b}.{c}" for a in "abc" for b in "abc" for c in "abc"]


@given(PATTERNS, PATTERNS)
def test_what_two_sets_have_in_common_permits_what_both_permit(left: list[str], right: list[str]) -> None:
    common = frozenset(grants.meet(left, right))
    for permission in EVERY:
        both = permits(frozenset(left), permission) and permits(frozenset(right), permission)
        assert permits(common, permission) is both
    assert all(grants.well_formed(pattern) for pattern in common)


@given(PATTERNS)
def test_a_minimal_set_permits_the_same_and_holds_nothing_twice(patterns: list[str]) -> None:
    fewer = grants.minimal(patterns)
    for permission in EVERY:
        assert permits(frozenset(fewer), permission) is permits(frozenset(patterns), permission)
    assert not any(a != b and covers(a, b) for a in fewer for b in fewer)


@given(PATTERNS, PATTERNS)
def test_who_can_give_a_pattern_holds_every_permission_in_it(held: list[str], given_away: list[str]) -> None:
    principal = Principal("user", grants=frozenset(held))
    try:
        grants.check_held(principal, given_away)
    except Exceeds:
        return
    for permission in EVERY:
        assert not permits(frozenset(given_away), permission) or permits(frozenset(held), permission)


@pytest.mark.parametrize(
    "pattern", ["*", "a.*", "a.b.*", "a.*.c", "*.*.c", "*.b.*", "a.b.c", "*.*.*", "a_b.c"]
)
def test_forms_of_patterns(pattern: str) -> None:
    assert grants.well_formed(pattern) is (pattern != "a_b.c")


@pytest.mark.parametrize(
    "pattern", ["", "a", "a.b", "*.*", "a.b.c.d", "A.b.c", "a.b.c ", "a..c", "a.b.c\n", "**", "*.b"]
)
def test_what_is_no_pattern(pattern: str) -> None:
    assert not grants.well_formed(pattern)
    with pytest.raises(UnknownPermission):
        grants.check_known([pattern], [])


def test_a_pattern_that_stands_for_nothing_is_a_typo() -> None:
    catalogue = ["masterdata.customer.read"]
    grants.check_known(["masterdata.*", "*.*.read", "masterdata.customer.read"], catalogue)
    with pytest.raises(UnknownPermission, match=r"masterdata\.custmer\.\*"):
        grants.check_known(["masterdata.custmer.*"], catalogue)
