"""How a plan runs: in parallel, entities once, and whatever a subgraph does, an answer."""

import threading
import time
from contextvars import ContextVar
from typing import Any

import pytest

from gateway.planner.answers import FetchError
from gateway.planner.execute import execute
from gateway.planner.plan import plan
from tests.unit.planner.simulator.world import World
from tests.unit.planner.supergraphs import federation, supergraph


def run(query, fetch, variables=None, name="shop", **options):
    return execute(plan(supergraph(name), query), variables, fetch, **options)


def shop():
    return federation("shop")


def instead(subgraphs, name, behaviour):
    """The subgraphs' fetch, with one of them behaving otherwise."""

    def fetch(subgraph, request):
        if subgraph.name == name:
            return behaviour(request)
        return subgraphs.fetch(subgraph, request)

    return fetch


def raising(error):
    def behaviour(_request):
        raise error

    return behaviour


REVIEWED = "{ me { email reviews { text } } users { email } }"


def test_requests_that_do_not_wait_for_each_other_are_under_way_at_once():
    both = threading.Barrier(2, timeout=5)
    subgraphs = shop()

    def fetch(subgraph, request):
        both.wait()
        return subgraphs.fetch(subgraph, request)

    answer = run("{ me { email } products { upc } }", fetch)
    assert "errors" not in answer


def test_a_request_is_sent_as_soon_as_those_it_waits_for_are_answered():
    subgraphs = shop()
    stock_was_asked = threading.Event()

    def fetch(subgraph, request):
        if subgraph.name == "users":
            assert stock_was_asked.wait(5)
        if subgraph.name == "stock":
            stock_was_asked.set()
        return subgraphs.fetch(subgraph, request)

    answer = run("{ me { email } products { upc stock } }", fetch)
    assert "errors" not in answer


def test_one_object_is_asked_for_once_however_often_it_occurs():
    world = World(supergraph("shop"))
    user = world.make("User")
    world.roots["Query"].facts["users"] = [user, user, user]
    subgraphs = federation("shop", world)
    answer = run("{ users { email reviews { id } } }", subgraphs.fetch)
    assert len(answer["data"]["users"]) == 3
    assert answer["data"]["users"][0]["reviews"] == answer["data"]["users"][2]["reviews"]
    _, request = subgraphs.requests[-1]
    assert len(request["variables"]["representations"]) == 1


def test_objects_whose_key_is_null_are_not_asked_for():
    asked = []

    def fetch(subgraph, request):
        asked.append(subgraph.name)
        return {"data": {"products": [{"__typename": "Product", "upc": None, "name": "x"}]}}

    answer = run("{ products { name weight } }", fetch)
    assert asked == ["catalog"]
    assert answer == {"data": {"products": [{"name": "x", "weight": None}]}}


def test_an_empty_list_asks_nothing_further():
    answer = run("{ products { stock } }", lambda *_: {"data": {"products": []}})
    assert answer == {"data": {"products": []}}


def test_the_callers_context_holds_in_every_request():
    trace = ContextVar("trace", default="none")
    trace.set("abc")
    seen = []
    subgraphs = shop()

    def fetch(subgraph, request):
        seen.append(trace.get())
        return subgraphs.fetch(subgraph, request)

    run("{ me { email } products { upc } }", fetch, timeout=5)
    assert seen == ["abc", "abc"]


# subgraphs that fail


def test_a_subgraph_that_is_down_leaves_its_fields_null_with_an_error_that_names_it():
    answer = run(REVIEWED, instead(shop(), "reviews", raising(ConnectionError("refused"))))
    assert answer["data"]["me"]["reviews"] is None
    assert answer["data"]["users"]
    assert answer["errors"] == [
        {
            "message": "Subgraph reviews could not be reached.",
            "path": ["me"],
            "extensions": {
                "code": "SUBGRAPH_UNAVAILABLE",
                "service": "reviews",
                "reason": "ConnectionError",
            },
        }
    ]


def test_a_failure_can_say_more_of_itself():
    error = FetchError("Subgraph reviews answered 503.", "SUBGRAPH_HTTP_ERROR", status=503)
    answer = run(REVIEWED, instead(shop(), "reviews", raising(error)))
    assert answer["errors"][0]["message"] == "Subgraph reviews answered 503."
    assert answer["errors"][0]["extensions"] == {
        "code": "SUBGRAPH_HTTP_ERROR",
        "service": "reviews",
        "status": 503,
    }


def test_every_root_field_of_a_subgraph_that_is_down_has_an_error():
    answer = run(
        "{ me { email } mine: me { nickname } products { upc } }",
        instead(shop(), "users", raising(OSError())),
    )
    assert answer["data"]["me"] is None
    assert answer["data"]["mine"] is None
    assert answer["data"]["products"]
    assert [error["path"] for error in answer["errors"]] == [["me"]]


def test_a_slow_subgraph_is_given_up_when_its_time_is_over():
    release = threading.Event()

    def slow(_request):
        release.wait(5)
        return {"data": None}

    started = time.monotonic()
    answer = run(REVIEWED, instead(shop(), "reviews", slow), timeout=0.1)
    took = time.monotonic() - started
    release.set()
    assert took < 3
    assert answer["data"]["me"]["email"]
    assert answer["data"]["me"]["reviews"] is None
    assert answer["errors"][0]["message"] == "Subgraph reviews did not answer within 0.1 s."
    assert answer["errors"][0]["extensions"]["code"] == "SUBGRAPH_TIMEOUT"


def test_an_answer_that_comes_after_its_time_changes_nothing():
    late = threading.Event()
    subgraphs = shop()

    def slow(request):
        late.wait(5)
        return subgraphs.subgraphs["users"].answer(subgraphs.world, request)

    answer = run("{ me { email } products { name } }", instead(subgraphs, "users", slow), timeout=0.1)
    late.set()
    assert answer["data"]["me"] is None


NONSENSE: list[Any] = [
    None,
    "text",
    [],
    {},
    {"data": []},
    {"data": {"_entities": None}},
    {"data": {"_entities": []}},
    {"data": {"_entities": "x"}},
    {"data": {"_entities": [7]}},
    {"errors": "bad"},
    {"errors": []},
    {"errors": ["bad"]},
    {"errors": [{}]},
    {"errors": [{"message": 5, "path": "x", "extensions": []}]},
    {"errors": [{"message": "m", "path": ["_entities", 99, "reviews"]}]},
    {"errors": [{"message": "m", "path": ["_entities", "x", {}]}], "data": None},
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=repr)
def test_an_answer_that_is_nonsense_becomes_null_and_an_error(nonsense):
    answer = run(REVIEWED, instead(shop(), "reviews", lambda _request: nonsense))
    assert answer["data"]["me"]["email"]
    assert answer["data"]["me"]["reviews"] is None
    (error,) = answer["errors"]
    assert isinstance(error["message"], str)
    assert error["extensions"]["service"] == "reviews"
    assert error.get("path", ["me"])[:1] == ["me"]


def test_partial_data_is_kept_beside_the_errors_of_a_subgraph():
    def partly(_request):
        return {
            "data": {"_entities": [{"reviews": [{"text": "good"}, {"text": None}]}]},
            "errors": [
                {
                    "message": "gone",
                    "path": ["_entities", 0, "reviews", 1, "text"],
                    "extensions": {"code": "GONE"},
                }
            ],
        }

    answer = run("{ who: me { mine: reviews { words: text } } }", instead(shop(), "reviews", partly))
    assert answer["data"] == {"who": {"mine": [{"words": "good"}, {"words": None}]}}
    assert answer["errors"] == [
        {
            "message": "gone",
            "path": ["who", "mine", 1, "words"],
            "extensions": {"code": "GONE", "service": "reviews"},
        }
    ]


def test_errors_of_entities_have_the_path_of_the_object_with_its_index():
    def failing(request):
        count = len(request["variables"]["representations"])
        return {
            "data": {"_entities": [{"reviews": []}] + [None] * (count - 1)},
            "errors": [{"message": "no", "path": ["_entities", 1]}],
        }

    answer = run("{ users { reviews { id } } }", instead(shop(), "reviews", failing))
    assert answer["data"]["users"] == [{"reviews": []}, {"reviews": None}]
    assert answer["errors"][0]["path"] == ["users", 1]
    assert answer["errors"][0]["extensions"] == {"code": "SUBGRAPH_ERROR", "service": "reviews"}


def test_errors_of_fields_the_client_did_not_ask_for_have_the_path_of_what_it_asked_for():
    def failing(_request):
        return {
            "data": {"_entities": [None, None]},
            "errors": [{"message": "no weight", "path": ["_entities", 0, "weight"]}],
        }

    answer = run("{ products { shippingCost } }", instead(shop(), "stock", failing))
    assert answer["data"]["products"] == [{"shippingCost": None}, {"shippingCost": None}]
    assert answer["errors"][0]["path"] == ["products", 0]


def test_what_is_required_from_a_failed_subgraph_is_not_asked_for():
    subgraphs = shop()
    answer = run("{ products { name shippingCost } }", instead(subgraphs, "stock", raising(OSError())))
    assert [name for name, _ in subgraphs.requests] == ["catalog"]
    assert len(answer["errors"]) == 1


# null where it is not allowed


def test_null_goes_up_to_the_nearest_nullable_field():
    def fetch(_subgraph, _request):
        return {"data": {"latest": {"stars": None, "text": "x"}}}

    answer = run("{ latest { text stars } }", fetch)
    assert answer == {
        "data": {"latest": None},
        "errors": [
            {
                "message": "Cannot return null for non-nullable field Review.stars.",
                "path": ["latest", "stars"],
                "extensions": {"code": "NULL_IN_NON_NULLABLE_FIELD"},
            }
        ],
    }


def test_null_in_a_list_of_non_null_goes_up_through_the_list_to_the_root():
    def fetch(_subgraph, _request):
        return {"data": {"reviews": [{"stars": 1}, {"stars": None}]}}

    answer = run("{ reviews { stars } }", fetch)
    assert answer["data"] is None
    assert answer["errors"][0]["path"] == ["reviews", 1, "stars"]


def test_the_subgraphs_own_error_explains_a_null_and_is_not_doubled():
    def fetch(_subgraph, _request):
        return {
            "data": {"latest": None},
            "errors": [{"message": "stars are gone", "path": ["latest", "stars"]}],
        }

    answer = run("{ latest { stars } }", fetch)
    assert answer["data"] == {"latest": None}
    assert [error["message"] for error in answer["errors"]] == ["stars are gone"]


def test_a_failed_subgraph_takes_non_nullable_fields_with_it():
    answer = run("{ product(upc: 1) { name stock } }", instead(shop(), "stock", raising(OSError())))
    assert answer["data"] == {"product": None}
    assert [error["path"] for error in answer["errors"]] == [["product"]]


def test_an_entity_that_is_not_found_is_null_without_an_error_where_that_is_allowed():
    answer = run(
        "{ products { name weight } }",
        instead(shop(), "stock", lambda _request: {"data": {"_entities": [None, None]}}),
    )
    assert "errors" not in answer
    assert [product["weight"] for product in answer["data"]["products"]] == [None, None]


# mutations


def test_mutations_run_in_series():
    order = []
    subgraphs = shop()

    def fetch(subgraph, request):
        order.append((subgraph.name, "begins"))
        answer = subgraphs.fetch(subgraph, request)
        order.append((subgraph.name, "ends"))
        return answer

    query = """mutation {
      a: rename(id: 1, nickname: "a") { reviews { id } }
      b: rename(id: 2, nickname: "b") { email }
    }"""
    answer = run(query, fetch)
    assert list(answer["data"]) == ["a", "b"]
    assert [name for name, _ in order[::2]] == ["users", "reviews", "users"]
    assert all(begin[0] == end[0] for begin, end in zip(order[::2], order[1::2], strict=True))


def test_a_failed_mutation_does_not_stop_the_next():
    answers = iter(
        [
            {"data": {"rename": None}, "errors": [{"message": "taken", "path": ["rename"]}]},
            {"data": {"rename__1": {"email": "b"}}},
        ]
    )
    query = """mutation {
      a: rename(id: 1, nickname: "a") { reviews { id } }
      b: rename(id: 2, nickname: "b") { email }
    }"""
    answer = run(query, lambda *_: next(answers))
    assert answer["data"] == {"a": None, "b": {"email": "b"}}
    assert answer["errors"][0]["path"] == ["a"]


# variables


def test_variables_reach_the_subgraphs_that_use_them():
    subgraphs = shop()
    run(
        "query($upc: ID!, $n: Int) { product(upc: $upc) { upc } reviews(minimum: $n) { id } }",
        subgraphs.fetch,
        {"upc": 7, "n": 2},
    )
    sent = {name: request["variables"] for name, request in subgraphs.requests}
    assert sent == {"catalog": {"upc": "7"}, "reviews": {"n": 2}}


def test_defaults_of_variables_are_sent_and_variables_without_a_value_are_not():
    subgraphs = shop()
    run(
        "query($a: Int = 4, $b: Int) { x: reviews(minimum: $a) { id } y: reviews(minimum: $b) { id } }",
        subgraphs.fetch,
    )
    assert subgraphs.requests[0][1]["variables"] == {"a": 4}


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({}, "Variable '$upc' of required type 'ID!' was not provided."),
        ({"upc": None}, "Variable '$upc' of non-null type 'ID!' must not be null."),
        ({"upc": {"a": 1}}, "Variable '$upc' got invalid value"),
        ({"upc": "1", "n": "x"}, "Variable '$n' got invalid value"),
    ],
)
def test_variables_that_do_not_fit_are_refused_before_anything_is_sent(variables, message):
    subgraphs = shop()
    answer = run(
        "query($upc: ID!, $n: Int) { product(upc: $upc) { upc } reviews(minimum: $n) { id } }",
        subgraphs.fetch,
        variables,
    )
    assert "data" not in answer
    assert answer["errors"][0]["message"].startswith(message)
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert not subgraphs.requests


def test_a_condition_that_is_null_is_refused():
    answer = run("query($x: Boolean = true) { me { email @include(if: $x) } }", shop().fetch, {"x": None})
    assert "must not be null" in answer["errors"][0]["message"]


def test_requests_under_a_condition_that_does_not_hold_are_not_sent():
    subgraphs = shop()
    made = plan(supergraph("shop"), "query($x: Boolean!) { me { email reviews @include(if: $x) { id } } }")
    assert "reviews" not in execute(made, {"x": False}, subgraphs.fetch)["data"]["me"]
    assert [name for name, _ in subgraphs.requests] == ["users"]
    assert execute(made, {"x": True}, subgraphs.fetch)["data"]["me"]["reviews"]
    assert [name for name, _ in subgraphs.requests] == ["users", "users", "reviews"]


def test_operation_names_are_sent():
    subgraphs = shop()
    run("query Mine { me { email } }", subgraphs.fetch)
    assert subgraphs.requests[0][1]["operationName"] == "Mine__users__0"
