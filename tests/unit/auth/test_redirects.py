"""Redirect URIs: exact, safe, and nowhere else."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth import redirects

GOOD = [
    "https://app.example/callback",
    "https://app.example:8443/callback?fixed=1",
    "http://127.0.0.1/callback",
    "http://[::1]:3000/callback",
    "http://localhost:3000/",
    "com.example.app:/callback",
]
BAD = [
    "", "callback", "/callback", "//app.example/", "http://app.example/", "http://127.0.0.1.evil.test/",
    "http://127.0.0.1@evil.test/", "https://u:p@app.example/", "https://app.example/#x", "https://app.example/#",
    "https://", "https:///x", "javascript:alert(1)", "data:text/html,x", "myapp:/x", "https://app.example/ x",
    "https://app.example/\n", "https://app.example/é", "https://app.example/;x", "https://app.example\\x", "ftp://app.example/",
    "https://app_example!/x",
]  # fmt: skip


@pytest.mark.parametrize("uri", GOOD)
def test_these_can_be_registered(uri: str) -> None:
    assert redirects.fault(uri) is None
    assert redirects.permitted(uri, [uri])


@pytest.mark.parametrize("uri", BAD)
def test_these_cannot(uri: str) -> None:
    assert redirects.fault(uri) is not None
    assert not redirects.permitted(uri, [uri])


@given(st.text(max_size=60), st.sampled_from(GOOD))
def test_only_what_is_registered_is_permitted(asked: str, registered: str) -> None:
    for uri in (asked, registered + asked, asked + registered):
        if uri != registered and redirects.permitted(uri, [registered]):
            a, b = urlsplit(uri), urlsplit(registered)
            assert (a.hostname, a.path, a.query) == (b.hostname, b.path, b.query)
            assert a.hostname in ("127.0.0.1", "::1", "localhost")


def test_a_loopbacks_port_is_free_and_nothing_else_of_it() -> None:
    registered = ["http://127.0.0.1/callback"]
    assert redirects.permitted("http://127.0.0.1:51004/callback", registered)
    for asked in (
        "http://127.0.0.1:51004/other",
        "http://localhost:51004/callback",
        "https://127.0.0.1/callback",
    ):
        assert not redirects.permitted(asked, registered)
    assert not redirects.permitted("https://app.example:444/", ["https://app.example/"])


@given(st.dictionaries(st.sampled_from(["code", "state", "iss"]), st.text(min_size=1), max_size=3))
def test_what_is_told_arrives_whole_beside_what_the_uri_had(told: dict[str, str]) -> None:
    uri = redirects.with_query("https://app.example/callback?fixed=1", **told)
    assert dict(parse_qsl(urlsplit(uri).query)) == {"fixed": "1"} | told
    assert urlsplit(uri).netloc == "app.example"


def test_the_source_of_a_uri_is_what_a_policy_names() -> None:
    assert redirects.source("https://app.example:8443/callback?x=1") == "https://app.example:8443"
    assert redirects.source("com.example.app:/callback") == "com.example.app:"
