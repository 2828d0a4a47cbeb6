"""What a caller accepts is what it gets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocol.media import GRAPHQL, HTML, JSON, charset, preferred

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "offered", "chosen"),
    [
        ("", (JSON, GRAPHQL), JSON),
        ("*/*", (JSON, GRAPHQL), JSON),
        (GRAPHQL, (GRAPHQL, JSON), GRAPHQL),
        (f"{GRAPHQL}, {JSON}", (GRAPHQL, JSON), GRAPHQL),
        (f"{GRAPHQL};q=0.4, {JSON};q=0.5", (GRAPHQL, JSON), JSON),
        ("application/*;q=0.1, application/json;q=0", (JSON, GRAPHQL), GRAPHQL),
        (f"{JSON}; charset=utf-8", (JSON,), JSON),
        (f'{JSON}; charset="UTF-8"', (JSON,), JSON),
        (f"{JSON}; charset=iso-8859-1", (JSON,), None),
        ("text/plain", (JSON, GRAPHQL), None),
        ("*/*;q=0", (JSON,), None),
        ("application/json;q=nonsense", (JSON,), None),
        (BROWSER, (GRAPHQL, JSON, HTML), HTML),
    ],
)
def test_the_best_liked_type_is_chosen(accept: str, offered: tuple[str, ...], chosen: str | None) -> None:
    assert preferred(accept, offered) == chosen


@settings(max_examples=200)
@given(st.text(max_size=80))
def test_any_header_gives_an_offered_type_or_none(accept: str) -> None:
    assert preferred(accept, (JSON, GRAPHQL)) in (JSON, GRAPHQL, None)


def test_text_without_a_character_set_is_utf_8() -> None:
    assert charset("application/json") == "utf-8"
    assert charset('application/json; boundary=x; charset="UTF-16"') == "utf-16"
