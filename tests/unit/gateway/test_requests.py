"""What is no GraphQL request is refused by a problem that says why, whatever bytes it is made of."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import BadRequest, UnsupportedMediaType
from gateway.protocol.requests import Asked, got, posted

HASH = "a" * 64


def post(body: Any, content_type: str = "application/json") -> Asked | list[Asked]:
    return posted(json.dumps(body).encode(), content_type, most=3)


def test_a_request_is_read_with_all_its_members() -> None:
    asked = post(
        {"query": "{a}", "operationName": "A", "variables": {"x": 1}, "extensions": {"y": 2}, "z": 3}
    )
    assert asked == Asked("{a}", None, "A", {"x": 1})


def test_null_members_are_as_if_they_were_left_out() -> None:
    asked = post({"query": "{a}", "operationName": None, "variables": None, "extensions": None})
    assert asked == Asked("{a}", None, None, {})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": ""},
        {"query": None},
        {"query": 1},
        {"query": ["{a}"]},
        {"query": "{a}", "variables": "x"},
        {"query": "{a}", "variables": [1]},
        {"query": "{a}", "operationName": {}},
        {"query": "{a}", "extensions": 0},
        {"query": "{a}", "extensions": {"persistedQuery": {"version": 2, "sha256Hash": HASH}}},
        {"query": "{a}", "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "x"}}},
        {"query": "{a}", "extensions": {"persistedQuery": HASH}},
        {"documentId": "md5:1"},
        "{a}",
        None,
        7,
        [],
        [{"query": "{a}"}] * 4,
        [{"query": "{a}"}, {}],
        [[]],
    ],
)
def test_what_is_no_request_is_refused(body: Any) -> None:
    with pytest.raises(BadRequest):
        post(body)


def test_a_document_may_be_named_instead_of_sent() -> None:
    persisted = {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": HASH}}}
    for body in (persisted, {"documentId": HASH}, {"documentId": f"sha256:{HASH}"}):
        assert post(body) == Asked(None, HASH, None, {})


def test_a_batch_keeps_its_order() -> None:
    asked = post([{"query": "{a}"}, {"query": "{b}"}])
    assert isinstance(asked, list)
    assert [each.query for each in asked] == ["{a}", "{b}"]


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "*/*"],
)
def test_another_media_type_is_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        post({"query": "{a}"}, content_type)


def test_a_body_that_nests_without_end_is_refused() -> None:
    for opening in (b"[", b'{"variables":{"a":', b'{"query":"{a}","extensions":{"a":['):
        with pytest.raises(BadRequest):
            posted(opening * 100_000, "application/json", most=3)


@settings(max_examples=300)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode(errors="surrogatepass")))
def test_any_bytes_are_a_request_or_a_problem(body: bytes) -> None:
    try:
        asked = posted(body, "application/json", most=3)
    except BadRequest:
        return
    assert isinstance(asked, Asked | list)


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(["query", "operationName", "variables", "extensions", "documentId"])


@settings(max_examples=300)
@given(st.dictionaries(MEMBERS, JSONS))
def test_any_members_are_a_request_or_a_problem(body: dict[str, Any]) -> None:
    try:
        asked = post(body)
    except BadRequest:
        return
    assert isinstance(asked, Asked)
    assert asked.query or asked.hash


def test_a_get_carries_the_same_members() -> None:
    asked = got({"query": "{a}", "operationName": "A", "variables": '{"x":1}', "extensions": "{}"})
    assert asked == Asked("{a}", None, "A", {"x": 1})
    assert got({"documentId": HASH}).hash == HASH
    assert got({"query": "{a}", "variables": "", "operationName": ""}) == Asked("{a}", None, None, {})


@pytest.mark.parametrize("name", ["variables", "extensions"])
@pytest.mark.parametrize("text", ["{", "[]", "1", '"x"', "[" * 10_000])
def test_a_get_with_a_malformed_member_is_refused(name: str, text: str) -> None:
    with pytest.raises(BadRequest):
        got({"query": "{a}", name: text})
