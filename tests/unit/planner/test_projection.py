"""What the client gets: its keys, its order, values of the right types."""

import pytest

from gateway.planner.execute import execute
from gateway.planner.plan import plan
from gateway.planner.supergraph import Supergraph
from tests.unit.planner.supergraphs import federation, supergraph

SDL = """
schema
  @link(url: "https://specs.apollo.dev/join/v0.3")
  @link(url: "https://specs.apollo.dev/inaccessible/v0.2")
{ query: Query }
directive @inaccessible on OBJECT | ENUM_VALUE
enum join__Graph { A @join__graph(name: "a", url: "") }
type Query @join__type(graph: A) {
  text: String number: Int float: Float id: ID truth: Boolean mode: Mode strict: Mode! any: Any
  texts: [String!] matrix: [[Int]] thing: Thing things: [Thing] node: Node nodes: [Node!]
}
type Thing implements Node @join__type(graph: A) @join__implements(graph: A, interface: "Node") {
  id: ID! size: Int
}
type Secret implements Node
  @join__type(graph: A) @join__implements(graph: A, interface: "Node") @inaccessible
{
  id: ID!
}
interface Node @join__type(graph: A) { id: ID! }
enum Mode @join__type(graph: A) { OPEN SHUT @inaccessible }
scalar Any @join__type(graph: A)
"""
GRAPH = Supergraph.parse(SDL)


def answer(query, **data):
    return execute(plan(GRAPH, query), None, lambda *_: {"data": data})


def test_aliases_and_order_are_the_clients():
    response = execute(
        plan(supergraph("shop"), "{ b: me { y: email x: nickname email } a: me { z: email } me { email } }"),
        None,
        federation("shop").fetch,
    )
    assert list(response["data"]) == ["b", "a", "me"]
    assert list(response["data"]["b"]) == ["y", "x", "email"]
    assert response["data"]["a"]["z"] == response["data"]["b"]["y"] == response["data"]["me"]["email"]


def test_the_order_of_merged_fields_is_that_of_their_first_mention():
    query = "{ text ...F number } fragment F on Query { float text thing { size } thing { id } }"
    response = answer(query, text="t", number=1, float=1.5, thing={"id": "1", "size": 2})
    assert list(response["data"]) == ["text", "float", "thing", "number"]
    assert list(response["data"]["thing"]) == ["size", "id"]


def test_the_order_is_that_of_first_mention_whatever_conditions_the_fields_stand_under():
    query = "query ($x: Boolean!) { thing { id } thing @include(if: $x) { size } thing { again: id size } }"
    sent = {"thing": {"id": "1", "size": 2}}
    made = plan(GRAPH, query)
    keys = {
        x: list(execute(made, {"x": x}, lambda *_: {"data": sent})["data"]["thing"]) for x in (True, False)
    }
    assert keys == {True: ["id", "size", "again"], False: ["id", "again", "size"]}


@pytest.mark.parametrize(
    ("field", "sent", "got"),
    [
        ("text", "x", "x"),
        ("number", 3, 3),
        ("number", 3.0, 3),
        ("float", 3, 3),
        ("float", 1.5, 1.5),
        ("id", 7, "7"),
        ("id", "x", "x"),
        ("truth", False, False),
        ("mode", "OPEN", "OPEN"),
        ("any", {"a": [1, None]}, {"a": [1, None]}),
        ("texts", ["a", "b"], ["a", "b"]),
        ("texts", [], []),
        ("matrix", [[1, None], None, []], [[1, None], None, []]),
    ],
)
def test_values_of_their_type_pass(field, sent, got):
    response = answer(f"{{ {field} }}", **{field: sent})
    assert response == {"data": {field: got}}
    assert type(response["data"][field]) is type(got)


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("text", 5),
        ("number", "5"),
        ("number", 1.5),
        ("number", 2**31),
        ("number", True),
        ("float", "1.5"),
        ("float", float("nan")),
        ("id", 1.5),
        ("id", True),
        ("truth", 1),
        ("mode", "AJAR"),
        ("mode", 1),
        ("texts", "a"),
        ("thing { id }", "x"),
        ("thing { id }", [{"id": 1}]),
        ("node { id }", {"__typename": "Nothing", "id": "1"}),
    ],
)
def test_values_of_another_type_become_null_with_an_error(field, sent):
    name = field.split()[0]
    response = answer(f"{{ {field} }}", **{name: sent})
    assert response["data"] == {name: None}
    (error,) = response["errors"]
    assert error["path"] == [name]
    assert error["extensions"]["code"] == "INVALID_VALUE"


@pytest.mark.parametrize(
    ("field", "sent"), [("mode", "SHUT"), ("node { id }", {"__typename": "Secret", "id": "1"})]
)
def test_values_the_api_does_not_show_become_null_without_an_error(field, sent):
    name = field.split()[0]
    response = answer(f"{{ {field} }}", **{name: sent})
    assert response["data"] == {name: None}
    assert "errors" not in response
    (completion,) = response["extensions"]["valueCompletion"]
    assert completion["path"] == [name]
    assert completion["extensions"]["code"] == "INACCESSIBLE_VALUE"


def test_a_value_the_api_does_not_show_is_an_error_where_null_is_not_allowed():
    response = answer("{ strict }", strict="SHUT")
    assert response["data"] is None
    (error,) = response["errors"]
    assert error["path"] == ["strict"]
    assert error["extensions"]["code"] == "NULL_IN_NON_NULLABLE_FIELD"


def test_a_value_of_another_type_has_one_error_where_null_is_not_allowed():
    response = answer("{ strict }", strict="AJAR")
    assert response["data"] is None
    assert [error["extensions"]["code"] for error in response["errors"]] == ["INVALID_VALUE"]


@pytest.mark.parametrize("name", [[], {}, 7, True, "Nothing"])
def test_a_type_name_that_is_none_makes_its_object_null_with_an_error(name):
    response = answer("{ node { id } }", node={"__typename": name, "id": "1"})
    assert response["data"] == {"node": None}
    assert [error["path"] for error in response["errors"]] == [["node"]]


def test_a_union_that_nobody_told_the_type_of_has_what_all_its_types_have():
    made = plan(supergraph("meeting"), "{ east { ... on Shape { id } } }")
    response = execute(made, None, lambda *_: {"data": {"east": {"id": "1"}}})
    assert response == {"data": {"east": {"id": "1"}}}


def test_null_in_a_list_of_non_null_items_nulls_the_list():
    response = answer("{ texts text }", texts=["a", None], text="t")
    assert response["data"] == {"texts": None, "text": "t"}
    assert response["errors"][0]["path"] == ["texts", 1]


def test_each_item_that_lacks_what_it_must_have_is_null_with_an_error_of_its_own():
    response = answer("{ things { id size } }", things=[{"size": 1}, {"id": "2", "size": 2}, {"size": 3}])
    assert response["data"] == {"things": [None, {"id": "2", "size": 2}, None]}
    assert [error["path"] for error in response["errors"]] == [["things", 0, "id"], ["things", 2, "id"]]


def test_of_a_long_list_that_lacks_the_same_everywhere_not_every_item_is_told():
    response = answer("{ things { id } }", things=[{}] * 5_000)
    assert response["data"] == {"things": [None] * 5_000}
    assert len(response["errors"]) == 100


def test_fields_a_subgraph_did_not_send_are_null():
    assert answer("{ text thing { size } }")["data"] == {"text": None, "thing": None}


def test_type_names_of_objects_are_known_without_being_sent():
    response = answer("{ __typename thing { kind: __typename } }", thing={})
    assert response["data"] == {"__typename": "Query", "thing": {"kind": "Thing"}}


def test_introspection_is_answered_from_the_api_schema_and_asks_no_subgraph():
    query = """query($deep: Boolean = true) {
      kinds: __type(name: "Mode") { enumValues(includeDeprecated: $deep) { name } }
      ... @include(if: $deep) { __schema { queryType { name } } }
      text
    }"""
    response = execute(plan(GRAPH, query), {}, lambda *_: {"data": {"text": "t"}})
    assert response == {
        "data": {
            "kinds": {"enumValues": [{"name": "OPEN"}]},
            "__schema": {"queryType": {"name": "Query"}},
            "text": "t",
        }
    }
    assert plan(GRAPH, "{ __schema { types { name } } }").requests == []


def test_introspection_under_a_condition_that_does_not_hold_is_left_out():
    made = plan(GRAPH, "query($x: Boolean!) { __schema @include(if: $x) { queryType { name } } text }")
    assert execute(made, {"x": False}, lambda *_: {"data": {"text": "t"}}) == {"data": {"text": "t"}}
    assert "__schema" in execute(made, {"x": True}, lambda *_: {"data": {"text": "t"}})["data"]
