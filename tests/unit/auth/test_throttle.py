"""Delays: none at first, then doubling, never endless."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from auth import throttle
from auth.throttle import ACCOUNT, ADDRESS, Limit


def test_an_account_has_four_free_tries_and_the_fifth_closes_it() -> None:
    delays = [ACCOUNT.delay(failures) for failures in range(1, 14)]
    assert delays[:4] == [None] * 4
    assert [delay.total_seconds() for delay in delays[4:] if delay] == [
        30, 60, 120, 240, 480, 960, 1920, 3600, 3600,
    ]  # fmt: skip


@given(st.sampled_from([ACCOUNT, ADDRESS]), st.integers(0, 10_000_000))
def test_a_delay_never_shrinks_and_never_exceeds_the_longest(limit: Limit, failures: int) -> None:
    now, following = limit.delay(failures), limit.delay(failures + 1)
    assert (now or timedelta()) <= (following or timedelta()) <= limit.longest


def test_accounts_are_told_apart_by_tenant_and_address() -> None:
    keys = {throttle.account_key(*names) for names in (("a", "b"), ("ab", ""), ("", "ab"), ("a", "c"))}
    assert len(keys) == 4
