"""Hostile documents are refused before they cost anything."""

import pytest
from graphql import get_introspection_query, parse

from gateway.planner.errors import LimitExceeded, RequestError
from gateway.planner.limits import Limits, measure
from gateway.planner.plan import plan
from tests.unit.planner.supergraphs import supergraph

NESTED_BOMB = "query { me { ...F0 } } " + " ".join(
    f"fragment F{i} on User {{ reviews {{ author {{ ...F{i + 1} }} }} r: reviews {{ ...R{i} }} }}"
    f"fragment R{i} on Review {{ author {{ ...F{i + 1} }} }}"
    for i in range(60)
)
NESTED_BOMB += " fragment F60 on User { email }"
FLAT_BOMB = "query { me { ...F0 } } " + " ".join(
    f"fragment F{i} on User {{ ...F{i + 1} ...F{i + 1} }}" for i in range(45)
)
FLAT_BOMB += " fragment F45 on User { email }"
CHAIN = "query { me { ...F0 } } " + " ".join(f"fragment F{i} on User {{ ...F{i + 1} }}" for i in range(400))
CHAIN += " fragment F400 on User { email }"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{" + " ".join(f"a{i}: me {{ email }}" for i in range(300)) + "}", "ALIAS_LIMIT_EXCEEDED"),
        ("{ me " + "{ reviews { author " * 20 + "{ email }" + "} }" * 20 + "}", "DEPTH_LIMIT_EXCEEDED"),
        ("{ me " + "{ reviews { author " * 3000 + "{ email }" + "} }" * 3000 + "}", "DEPTH_LIMIT_EXCEEDED"),
        ("{ me { " + "email " * 20_000 + "} }", "DOCUMENT_TOO_LARGE"),
        ("{ me { email } } #" + "x" * 10_000_000, "DOCUMENT_TOO_LARGE"),
        (NESTED_BOMB, "DEPTH_LIMIT_EXCEEDED"),
        (FLAT_BOMB, "OPERATION_TOO_LARGE"),
        (CHAIN, "DEPTH_LIMIT_EXCEEDED"),
    ],
    ids=["aliases", "depth", "nesting", "tokens", "size", "nested bomb", "flat bomb", "chain"],
)
def test_documents_beyond_a_limit_are_refused(document, code):
    with pytest.raises(LimitExceeded) as raised:
        plan(supergraph("shop"), document)
    assert raised.value.errors[0]["extensions"]["code"] == code


def test_a_bomb_within_the_depth_is_measured_without_being_written_out():
    document = "query { me { ...F0 } } " + " ".join(
        f"fragment F{i} on User {{ a: email b: email ...F{i + 1} ...F{i + 1} }}" for i in range(40)
    )
    document += " fragment F40 on User { email }"
    size = measure(parse(document))[""]
    assert size.fields == 1 + 2 * (2**40 - 1) + 2**40
    assert size.aliases == 2 * (2**40 - 1)
    assert size.depth == 2
    assert size.fragment_depth == 41


def test_fragments_that_spread_each_other_are_refused_by_name():
    document = (
        "{ me { ...A } } fragment A on User { ...B } fragment B on User { reviews { author { ...A } } }"
    )
    with pytest.raises(RequestError, match='Cannot spread fragment "A" within itself'):
        plan(supergraph("shop"), document)


def test_the_limits_are_the_callers():
    query = "{ me { reviews { author { email } } } }"
    assert plan(supergraph("shop"), query, limits=Limits(depth=4)).requests
    with pytest.raises(LimitExceeded):
        plan(supergraph("shop"), query, limits=Limits(depth=3))


def test_the_usual_introspection_query_is_within_the_limits():
    assert plan(supergraph("shop"), get_introspection_query()).requests == []


def test_introspection_can_be_off_and_then_nothing_gives_the_schema_away():
    closed = Limits(introspection=False)
    with pytest.raises(RequestError, match="introspection"):
        plan(supergraph("shop"), "{ __schema { types { name } } }", limits=closed)
    assert plan(supergraph("shop"), "{ __typename me { __typename email } }", limits=closed).requests
    with pytest.raises(RequestError) as raised:
        plan(supergraph("shop"), "{ mee { email } }", limits=closed)
    assert "Did you mean" not in str(raised.value)


def test_a_list_of_errors_is_short():
    document = "{" + " ".join(f"nothing{i}" for i in range(2000)) + "}"
    with pytest.raises(RequestError) as raised:
        plan(supergraph("shop"), document)
    assert len(raised.value.errors) <= 21


def test_errors_say_where():
    with pytest.raises(RequestError) as raised:
        plan(supergraph("shop"), "{\n  me { nothing }\n}")
    assert raised.value.errors[0]["locations"] == [{"line": 2, "column": 8}]
