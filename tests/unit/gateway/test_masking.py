"""Production tells what a caller can act on, and nothing of a fault's inside."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.protocol.caching import NOT_KEPT, CacheHint, together
from gateway.serving.masking import MESSAGE, codes, masked


def error(message: str = "inside: 10.0.0.7", **extensions: Any) -> dict[str, Any]:
    return {"data": None, "errors": [{"message": message, "path": ["a"], "extensions": extensions}]}


def test_a_refusal_of_an_own_service_is_told_as_it_is() -> None:
    response = masked(
        error("No such customer.", code="NOT_FOUND", service="masterdata", status=404), details=False
    )
    assert response["errors"] == [
        {"message": "No such customer.", "path": ["a"], "extensions": {"code": "NOT_FOUND", "status": 404}}
    ]


def test_an_error_of_the_request_is_told_as_it_is() -> None:
    response = error("Cannot query field 'x' on type 'Query'.", code="GRAPHQL_VALIDATION_FAILED")
    assert masked(response, details=False) == response


@pytest.mark.parametrize(
    ("service", "code"),
    [
        ("masterdata", "INTERNAL_SERVER_ERROR"),
        ("masterdata", "SUBGRAPH_TIMEOUT"),
        ("masterdata", "SUBGRAPH_UNAVAILABLE"),
        ("masterdata", "SUBGRAPH_ERROR"),
        ("weather", "ANYTHING"),
    ],
)
def test_a_fault_keeps_its_code_and_place_only(service: str, code: str) -> None:
    response = masked(error(code=code, service=service, reason="ConnectTimeout", debug="x"), details=False)
    assert response["errors"] == [{"message": MESSAGE, "path": ["a"], "extensions": {"code": code}}]


def test_a_developer_sees_the_fault_but_never_a_stack() -> None:
    response = masked(
        error(code="X", service="weather", reason="r", stacktrace=["at"], exception={}), details=True
    )
    assert response["errors"][0]["message"] == "inside: 10.0.0.7"
    assert response["errors"][0]["extensions"] == {"code": "X", "service": "weather", "reason": "r"}


def test_what_values_did_not_fit_is_for_developers() -> None:
    response = {"data": {"a": None}, "extensions": {"valueCompletion": []}}
    assert masked(response, details=True) == response
    assert masked(response, details=False) == {"data": {"a": None}}


def test_codes_are_counted_and_those_of_others_as_one() -> None:
    response = {
        "errors": [
            {"message": "", "extensions": {"code": "NOT_FOUND", "service": "auth"}},
            {"message": "", "extensions": {"code": "rnd-8f3a", "service": "weather"}},
            {"message": "", "extensions": {"code": "SUBGRAPH_TIMEOUT", "service": "weather"}},
            {"message": ""},
        ]
    }
    assert codes(response) == ["NOT_FOUND", "OTHER_SERVICE", "SUBGRAPH_TIMEOUT", "UNKNOWN"]


@pytest.mark.parametrize(
    ("header", "hint"),
    [
        ("", CacheHint(0, False)),
        ("max-age=60", CacheHint(60, False)),
        ("public, max-age=60, s-maxage=10", CacheHint(10, False)),
        ("private, max-age=60, s-maxage=10", CacheHint(60, True)),
        ("no-store, max-age=60", NOT_KEPT),
        ('max-age="7"', CacheHint(7, False)),
        ("max-age=-1", CacheHint(0, False)),
        ("max-age=soon", CacheHint(0, False)),
    ],
)
def test_a_subgraphs_hint_is_read(header: str, hint: CacheHint) -> None:
    assert CacheHint.of(header) == hint


def test_an_answer_is_kept_no_longer_than_its_shortest_part() -> None:
    assert together([CacheHint(60, False), CacheHint(10, True)]).header() == "private, max-age=10"
    assert together([CacheHint(60, False)]).header() == "public, max-age=60"
    assert together([CacheHint(60, False), NOT_KEPT]).header() == "no-store"
    assert together([]).header() == "no-store"
