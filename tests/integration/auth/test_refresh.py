"""Refresh tokens: rotated, forgiving to tabs, unforgiving to copies."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from auth import me, refresh
from tests.integration.auth.people import as_token, log_in
from tests.integration.platform import Answer, Caller, Platform


def signed_in(platform: Platform) -> tuple[Caller, str]:
    owner = platform.register()
    answer = log_in(platform, owner.slug, f"owner@{owner.slug}.test").ok()
    return as_token(owner, answer["access_token"]), answer["refresh_token"]


def exchange(platform: Platform, token: str) -> Answer:
    return platform.call(refresh.refresh, {"refresh_token": token})


def test_each_token_is_exchanged_for_the_next(platform: Platform) -> None:
    caller, first = signed_in(platform)
    second = exchange(platform, first).ok()
    third = exchange(platform, second["refresh_token"]).ok()
    assert len({first, second["refresh_token"], third["refresh_token"]}) == 3
    as_token(caller, third["access_token"]).call(me.read).ok()


def test_within_ten_seconds_a_repeated_exchange_gives_the_same_token(
    platform: Platform, later: Callable[[float], None]
) -> None:
    caller, first = signed_in(platform)
    following = exchange(platform, first).ok()["refresh_token"]
    later(9)
    again = exchange(platform, first).ok()
    assert again["refresh_token"] == following
    as_token(caller, again["access_token"]).call(me.read).ok()
    exchange(platform, following).ok()


def test_a_token_that_comes_back_later_ends_the_whole_family(
    platform: Platform, later: Callable[[float], None]
) -> None:
    caller, first = signed_in(platform)
    following = exchange(platform, first).ok()
    later(11)
    exchange(platform, first).problem(401, "refresh_reused")
    exchange(platform, following["refresh_token"]).problem(401, "refresh_refused")
    as_token(caller, following["access_token"]).call(me.read).problem(401)
    types = [
        row.type
        for row in platform.rows(
            "select type from auth.event_store where tenant_id = :t and stream like 'session:%' "
            "and data->>'id' = (select id::text from auth.sessions where tenant_id = :t and "
            "refreshed_at is not null) order by version",
            t=caller.tenant,
        )
    ]
    assert types == [
        "auth.session.started",
        "auth.session.refreshed",
        "auth.session.reuse_detected",
        "auth.session.revoked",
    ]


def test_the_token_before_the_last_is_a_copy_even_within_the_grace(platform: Platform) -> None:
    _caller, first = signed_in(platform)
    second = exchange(platform, first).ok()["refresh_token"]
    third = exchange(platform, second).ok()["refresh_token"]
    exchange(platform, first).problem(401, "refresh_reused")
    exchange(platform, third).problem(401, "refresh_refused")


def test_what_was_never_a_token_ends_nothing(platform: Platform) -> None:
    caller, first = signed_in(platform)
    forged = first[:60] + ("A" if first[60] != "A" else "B") + first[61:]
    for text in ("", "nonsense", forged, first + "A", first[:-1], "é" * 107):
        exchange(platform, text).problem(401, "refresh_refused")
    caller.call(me.read).ok()
    exchange(platform, first).ok()


@pytest.mark.usefixtures("crowded")
def test_tabs_that_refresh_at_once_stay_signed_in(platform: Platform) -> None:
    caller, first = signed_in(platform)
    with ThreadPoolExecutor(8) as tabs:
        answers = list(tabs.map(lambda _: exchange(platform, first), range(8)))
    following = {answer.ok()["refresh_token"] for answer in answers}
    assert len(following) == 1
    for answer in answers:
        as_token(caller, answer.ok()["access_token"]).call(me.read).ok()
    exchange(platform, following.pop()).ok()


def test_no_token_is_stored(platform: Platform) -> None:
    caller, first = signed_in(platform)
    second = exchange(platform, first).ok()["refresh_token"]
    (row,) = platform.rows(
        "select refresh_hash, previous_hash, successor_seal from auth.sessions "
        "where tenant_id = :t and refreshed_at is not null",
        t=caller.tenant,
    )
    from auth import opaque

    platform.use("auth")
    tokens = [opaque.read(first), opaque.read(second)]
    for token in tokens:
        assert token is not None
        assert token.secret not in (
            bytes(row.refresh_hash),
            bytes(row.previous_hash),
            bytes(row.successor_seal),
        )
