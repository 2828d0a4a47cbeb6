"""Grants, their patterns, and the rule that nobody gives what they do not hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.principal import Principal, covers, missing

segment = st.sampled_from(["auth", "masterdata", "user", "customer", "read", "create"])
permission = st.tuples(segment, segment, segment).map(".".join)
pattern = st.one_of(
    permission,
    st.just("*"),
    st.tuples(*[st.one_of(segment, st.just("*"))] * 3).map(".".join),
    segment.map(lambda s: f"{s}.*"),
)


@pytest.mark.parametrize(
    ("grant", "wanted", "covered"),
    [
        ("*", "a.b.c", True),
        ("a.b.c", "a.b.c", True),
        ("a.*", "a.b.c", True),
        ("a.b.*", "a.b.c", True),
        ("*.*.c", "a.b.c", True),
        ("*.*.c", "a.b.d", False),
        ("a.*", "b.b.c", False),
        ("a.b", "a.b.c", False),
        ("a.b.c.*", "a.b.c", False),
        ("a.*", "*", False),
        ("a.*", "*.*.c", False),
        ("*.*.c", "a.*", False),
        ("a.*", "a.b.*", True),
    ],
)
def test_a_grant_covers(grant: str, wanted: str, covered: bool) -> None:
    assert covers(grant, wanted) is covered


@given(pattern, pattern, permission)
def test_covering_is_transitive(wide: str, narrow: str, single: str) -> None:
    if covers(wide, narrow) and covers(narrow, single):
        assert covers(wide, single)


@given(st.frozensets(pattern), st.frozensets(pattern))
def test_what_is_missing_is_what_is_not_covered(held: frozenset[str], wanted: frozenset[str]) -> None:
    lacking = missing(held, wanted)
    assert set(lacking) <= wanted
    assert not missing(held | set(lacking), wanted)


def test_an_anonymous_principal_may_nothing() -> None:
    assert not Principal().may("a.b.c")
    assert Principal().name == "anonymous"
