"""What is asked of which subgraph, and in which order."""

import pytest

from gateway.planner.errors import PlanningError, RequestError
from gateway.planner.execute import execute
from gateway.planner.plan import plan
from gateway.planner.supergraph import Supergraph
from tests.unit.planner.supergraphs import federation, supergraph


def requests(name, query, **options):
    made = plan(supergraph(name), query, **options)
    return [(request.subgraph.name, request.text, request.after) for request in made.requests]


def names(name, query, **options):
    return [subgraph for subgraph, _, _ in requests(name, query, **options)]


def test_what_one_subgraph_knows_is_one_request():
    assert requests("shop", "{ me { email address { city } } }") == [
        ("users", "{me{email address{city}}}", ())
    ]


def test_root_fields_of_one_subgraph_share_a_request():
    assert names("shop", "{ me { email } users { email } products { upc } }") == ["users", "catalog"]


def test_entities_are_asked_for_by_key_after_the_key_is_known():
    first, second = requests("shop", "{ me { reviews { text } } }")
    assert first == ("users", "{me{email __typename}}", ())
    assert second[0] == "reviews"
    assert second[1] == (
        "query($representations:[_Any!]!)"
        "{_entities(representations:$representations){...on User{reviews{text}}}}"
    )
    assert second[2] == (0,)


def test_keys_are_found_through_other_subgraphs():
    # shipping knows products by sku and brand, stock by upc: catalog has both keys
    assert names("shop", "{ heaviest { stock } }") == ["shipping", "catalog", "stock"]


def test_composite_keys_are_gathered_from_several_subgraphs():
    assert names("keyed", "{ bundle { first { id } } }") == ["lists", "numbers", "tags", "prices"]


def test_required_fields_are_fetched_first_and_sent_along():
    made = plan(supergraph("shop"), "{ product(upc: 1) { shippingCost } }")
    assert [request.subgraph.name for request in made.requests] == ["catalog", "stock", "shipping"]
    assert made.requests[2].after == (0, 1)


def test_what_lies_below_a_value_that_waited_for_its_requirements_is_taken_from_that_value():
    query = "{ items { parcel { label sender { name } } carrier { name driver { name } } } }"
    assert names("boxed", query) == ["items", "people", "items", "people"]


def test_a_field_required_with_two_arguments_is_sent_in_two_representations_of_one_request():
    federated = federation("shop")
    answer = execute(plan(supergraph("shop"), "{ product(upc: 1) { duty tax } }"), None, federated.fetch)
    assert "errors" not in answer
    subgraph, request = federated.requests[-1]
    assert subgraph == "shipping"
    assert len(request["variables"]) == 2
    assert [name for name, _ in federated.requests] == ["catalog", "stock", "shipping"]


def test_provided_fields_are_not_fetched_again():
    assert names("shop", "{ reviews { author { nickname } product { name } } }") == ["reviews"]
    assert names("shop", "{ reviews { author { reviews { product { name } } } } }") == ["reviews"]
    assert names("shop", "{ warehouses { products { reviews { author { nickname } } } } }") == [
        "stock",
        "reviews",
    ]


def test_provided_fields_depend_on_the_way_they_are_reached():
    assert names("media", "{ featured { ... on Book { blurb } } }") == ["library"]
    assert names("media", "{ shelf { blurb } }") == ["library", "editorial"]


def test_values_without_keys_are_asked_of_each_subgraph_that_has_a_part():
    assert sorted(names("values", "{ root { a b both { fromA fromB deep { one two } } } }")) == ["a", "b"]
    assert sorted(names("values", "{ orders { shipment { tracking carrier { name } } } }")) == ["a", "b", "c"]


def test_a_shared_value_has_a_type_that_every_subgraph_can_return():
    # both subgraphs resolve Query.pick: east returns squares and circles, west squares and stars
    query = "{ pick { __typename ... on Square { area } ... on Circle { radius } ... on Star { points } } }"
    assert requests("meeting", query) == [("east", "{pick{__typename ...on Square{area}}}", ())]
    alone = "{ west { ... on Square { area } ... on Circle { radius } ... on Star { points } } }"
    assert requests("meeting", alone) == [
        ("west", "{west{__typename ...on Square{area} ...on Star{points}}}", ())
    ]


def test_what_is_asked_for_under_two_keys_is_fetched_once_with_what_is_below_both():
    made = plan(supergraph("boxed"), "{ items { a: parcel { sender { name } } b: parcel { label } } }")
    assert [request.subgraph.name for request in made.requests] == ["items", "people", "items", "people"]
    assert [len(request.calls) for request in made.requests] == [1, 1, 1, 1]
    assert "parcel{sender{id __typename} label}" in made.requests[2].text


def test_conditions_that_hold_anyway_are_not_repeated_and_what_they_exclude_is_not_planned():
    query = """query ($x: Boolean!) { me @include(if: $x) {
        email @include(if: $x) nickname @skip(if: $x) reviews @skip(if: $x) { text }
    } }"""
    assert requests("shop", query) == [("users", "query($x:Boolean!){me@include(if:$x){email}}", ())]


@pytest.mark.parametrize(
    "query", ["{ spot { height owner { age } } }", "{ mark spot { height owner { age } } }"]
)
def test_a_shared_value_is_taken_in_parts_at_once_rather_than_one_after_the_other(query):
    found = requests("joined", query)
    assert sorted((name, after) for name, _, after in found) == [("north", ()), ("south", ())]


def test_types_that_a_shared_value_cannot_have_do_not_keep_its_parts_from_being_joined():
    query = "{ found { ... on Spot { height depth } ... on Note { text } ... on Trace { age } } }"
    assert names("joined", query) == ["north", "south"]


def test_places_that_need_the_same_subgraph_at_once_share_a_request():
    made = plan(supergraph("shop"), "{ users { favourite { stock } } reviews { product { stock } } }")
    assert [request.subgraph.name for request in made.requests] == ["users", "reviews", "stock"]


def test_interface_objects_are_asked_under_the_interface_and_told_apart_where_it_is_known():
    query = "{ popular { followers { __typename } ... on Person { birthday } limit } }"
    assert names("objects", query) == ["social", "accounts", "billing"]


def test_a_type_name_known_beforehand_costs_no_request():
    assert names("objects", "{ posts { __typename author { id } } __typename }") == ["social"]
    assert names("objects", "{ __typename }") == []


def test_overridden_fields_are_asked_of_their_new_subgraph():
    assert names("moved", "{ items { name } }") == ["old", "new"]
    assert names("moved", "{ newest { name gone } }") == ["new"]


def test_a_progressive_override_moves_a_field_when_its_label_is_active():
    assert names("moved", "{ items { price } }") == ["old"]
    assert names("moved", "{ items { price } }", labels=frozenset({"percent(25)"})) == ["old", "new"]
    assert names("moved", "{ newest { price } }") == ["new", "old"]
    assert names("moved", "{ newest { price } }", labels=frozenset({"percent(25)"})) == ["new"]


def test_fields_of_other_shapes_in_one_response_get_aliases():
    query = '{ search(text: "a") { ... on Book { n: pages } ... on Film { n: minutes } } }'
    assert requests("media", query)[0][1] == (
        '{search(text: "a"){__typename ...on Book{pages} ...on Film{minutes}}}'
    )


def test_the_same_field_under_two_aliases_is_fetched_once():
    assert requests("shop", "{ me { a: email b: email } }") == [("users", "{me{email}}", ())]


def test_arguments_tell_fields_apart():
    query = "{ products { eur: price(currency: EUR) usd: price(currency: USD) } }"
    assert requests("shop", query)[0][1] == "{products{price(currency: EUR) price__1:price(currency: USD)}}"


def test_named_operations_name_their_requests():
    (request,) = plan(supergraph("shop"), "query Mine { me { email } }").requests
    assert request.operation_name == "Mine__users__0"
    assert request.text == "query Mine__users__0{me{email}}"


def test_variables_are_declared_only_where_they_are_used():
    query = """query($upc: ID!, $minimum: Int = 3) {
      product(upc: $upc) { name }
      reviews(minimum: $minimum) { id }
    }"""
    catalog, reviews = requests("shop", query)
    assert catalog[1] == "query($upc:ID!){product(upc: $upc){name}}"
    assert reviews[1] == "query($minimum:Int=3){reviews(minimum: $minimum){id}}"


def test_a_variable_called_representations_does_not_collide():
    query = """query($representations: Currency = USD) {
      warehouses { products { price(currency: $representations) } }
    }"""
    subgraphs = federation("shop")
    answer = execute(plan(supergraph("shop"), query), {"representations": "EUR"}, subgraphs.fetch)
    assert "errors" not in answer
    _, request = subgraphs.requests[-1]
    assert request["query"].startswith(
        "query($representations_:[_Any!]!,$representations:Currency=USD)"
        "{_entities(representations:$representations_)"
    )
    assert request["variables"]["representations"] == "EUR"


def test_a_plan_prints_in_apollos_shape():
    made = plan(supergraph("shop"), "{ users { reviews { id } favourite { upc stock } } }").to_json()
    assert made["kind"] == "QueryPlan"
    sequence = made["node"]
    assert sequence["kind"] == "Sequence"
    root, parallel = sequence["nodes"]
    assert root == {
        "kind": "Fetch",
        "serviceName": "users",
        "variableUsages": [],
        "operation": "{users{favourite{upc __typename} email __typename}}",
        "operationKind": "query",
        "operationName": None,
    }
    assert parallel["kind"] == "Parallel"
    flatten = next(node for node in parallel["nodes"] if node["path"] == ["users", "@"])
    assert flatten["kind"] == "Flatten"
    assert flatten["node"]["requires"] == [
        {
            "kind": "InlineFragment",
            "typeCondition": "User",
            "selections": [{"kind": "Field", "name": "__typename"}, {"kind": "Field", "name": "email"}],
        }
    ]


def test_a_plan_prints_conditions():
    query = """query($a: Boolean!, $b: Boolean!) {
      me { email reviews @include(if: $a) { id } favourite @skip(if: $b) { stock } }
    }"""
    _, parallel = plan(supergraph("shop"), query).to_json()["node"]["nodes"]
    stock = next(node for node in parallel["nodes"] if "elseClause" in node)
    reviews = next(node for node in parallel["nodes"] if "ifClause" in node)
    assert (reviews["kind"], reviews["condition"]) == ("Condition", "a")
    assert (stock["kind"], stock["condition"]) == ("Condition", "b")
    assert stock["elseClause"]["node"]["serviceName"] == "stock"


def test_a_plan_prints_type_conditions_in_paths():
    made = plan(
        supergraph("media"),
        "{ streams { content { ... on Film { title } ... on Song { singer { name } } } } }",
    )
    paths = [node["path"] for node in made.to_json()["node"]["nodes"][1]["nodes"]]
    assert ["streams", "@", "content"] in paths
    assert ["streams", "@", "content|[Song]", "singer"] in paths


def test_mutations_run_one_after_the_other():
    made = plan(
        supergraph("shop"),
        """mutation {
          a: rename(id: 1, nickname: "a") { reviews { id } }
          b: rename(id: 1, nickname: "b") { email }
        }""",
    )
    assert [(request.kind, request.subgraph.name, request.after) for request in made.requests] == [
        ("mutation", "users", ()),
        ("query", "reviews", (0,)),
        ("mutation", "users", (0, 1)),
    ]


def test_neighbouring_mutations_of_one_subgraph_share_a_request_and_each_is_run():
    query = 'mutation { a: rename(id: 1, nickname: "a") { email } b: rename(id: 1, nickname: "a") { email } }'
    (request,) = plan(supergraph("shop"), query).requests
    assert request.text.count("rename(") == 2


UNSATISFIABLE = """
schema @link(url: "https://specs.apollo.dev/join/v0.3") { query: Query }
enum join__Graph { A @join__graph(name: "a", url: "") B @join__graph(name: "b", url: "") }
type Query @join__type(graph: A) @join__type(graph: B) {
  thing: Thing @join__field(graph: A) other: Thing @join__field(graph: B)
}
type Thing @join__type(graph: A) @join__type(graph: B) {
  a: Int @join__field(graph: A) b: Int @join__field(graph: B)
}
"""


def test_what_no_sequence_of_requests_answers_is_an_error_that_names_the_field():
    with pytest.raises(PlanningError, match=r"Query\.thing") as raised:
        plan(Supergraph.parse(UNSATISFIABLE), "{ thing { b } }")
    response = raised.value.response()
    assert response["data"] is None
    assert response["errors"][0]["extensions"] == {"code": "QUERY_PLANNING_FAILED"}


@pytest.mark.parametrize(
    ("document", "operation", "message"),
    [
        ("query A { me { email } } query B { me { email } }", None, "Must provide operation name"),
        ("query A { me { email } }", "C", 'Unknown operation named "C"'),
        ("fragment F on User { email }", None, "no operation"),
        ("{ me { email } ", None, "Syntax Error"),
        ("{ me { nothing } }", None, "Cannot query field 'nothing'"),
        ("{ me { a: email a: nickname } }", None, "conflict"),
    ],
)
def test_requests_that_are_not_valid_are_refused(document, operation, message):
    with pytest.raises(RequestError, match=message) as raised:
        plan(supergraph("shop"), document, operation)
    assert "data" not in raised.value.response()


def test_the_operation_is_chosen_by_its_name():
    document = "query A { me { email } } query B { products { upc } }"
    assert plan(supergraph("shop"), document, "A").requests[0].subgraph.name == "users"
    assert plan(supergraph("shop"), document, "B").requests[0].subgraph.name == "catalog"


def test_coordinates_name_every_field_asked_for():
    made = plan(supergraph("media"), "{ shelf { title ... on Book { pages } } }")
    assert made.coordinates == {
        "Query.shelf",
        "Book.title",
        "Film.title",
        "Magazine.title",
        "Book.pages",
    }
