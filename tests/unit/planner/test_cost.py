"""The cost of an operation before it runs."""

import pytest

from gateway.planner.cost import operation_cost
from gateway.planner.execute import execute
from gateway.planner.limits import Limits
from gateway.planner.plan import plan
from gateway.planner.supergraph import Supergraph

SDL = """
schema @link(url: "https://specs.apollo.dev/join/v0.3") @link(url: "https://specs.apollo.dev/cost/v0.1") {
  query: Query
  mutation: Mutation
}
enum join__Graph { A @join__graph(name: "a", url: "") }
type Query @join__type(graph: A) {
  one: Item
  many: [Item]
  named: [Item] @listSize(assumedSize: 5)
  first(count: Int, page: Page): [Item]
    @listSize(slicingArguments: ["count", "page.size"], requireOneSlicingArgument: false)
  must(count: Int, last: Int): [Item] @listSize(slicingArguments: ["count", "last"])
  default(count: Int = 3): [Item] @listSize(slicingArguments: ["count"])
  connection(count: Int!): Connection @listSize(slicingArguments: ["count"], sizedFields: ["edges"])
  dear: Int @cost(weight: 7)
  search(text: String @federation__cost(weight: 4)): Dear
  either: Either
}
type Mutation @join__type(graph: A) { make: Item }
type Connection @join__type(graph: A) { edges: [Item] total: Int }
type Item @join__type(graph: A) { name: String items: [Item] }
type Dear @join__type(graph: A) @cost(weight: 20) { name: String }
union Either @join__type(graph: A) @join__unionMember(graph: A, member: "Item")
  @join__unionMember(graph: A, member: "Dear") = Item | Dear
input Page @join__type(graph: A) { size: Int }
"""
GRAPH = Supergraph.parse(SDL)


def cost(query, **variables):
    made = plan(GRAPH, query, limits=Limits(list_size=10))
    truth = {name: bool(variables[name]) for name in made.conditions}
    return operation_cost(made, variables, truth)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ one { name } }", 1),
        ("{ dear }", 7),
        ("{ __typename one { __typename } }", 1),
        ("{ many { name } }", 10),
        ("{ many { items { name } } }", 110),
        ("{ named { items { name } } }", 55),
        ("{ first(count: 2) { name } }", 2),
        ("{ first(page: {size: 3}) { name } }", 3),
        ("{ first(count: 2, page: {size: 3}) { name } }", 3),
        ("{ first { name } }", 10),
        ("{ default { name } }", 3),
        ("{ connection(count: 4) { total edges { name } } }", 5),
        ('{ search(text: "x") { name } }', 24),
        ("{ search { name } }", 20),
        ("{ either { ... on Item { items { name } } ... on Dear { name } } }", 11),
        ("mutation { make { name } }", 11),
        ("{ a: one { name } b: one { name } }", 2),
    ],
)
def test_cost_counts_objects_as_the_directives_say(query, expected):
    assert cost(query) == expected


def test_cost_depends_on_variables():
    query = "query($n: Int, $x: Boolean!) { first(count: $n) { name } many @include(if: $x) { name } }"
    assert cost(query, n=50, x=False) == 50
    assert cost(query, n=1, x=True) == 11


def test_an_operation_above_the_limit_asks_no_subgraph():
    made = plan(GRAPH, "query($n: Int) { first(count: $n) { name } }", limits=Limits(cost=20))

    def fetch(_subgraph, _request):
        return {"data": {"first": []}}

    assert execute(made, {"n": 20}, fetch) == {"data": {"first": []}}
    refused = execute(made, {"n": 21}, lambda *_: pytest.fail("asked"))
    assert refused["errors"][0]["extensions"]["code"] == "COST_LIMIT_EXCEEDED"
    assert "data" not in refused


@pytest.mark.parametrize("query", ["{ must { name } }", "{ must(count: 1, last: 1) { name } }"])
def test_lists_that_need_exactly_one_bound_are_refused_without(query):
    response = execute(plan(GRAPH, query, limits=Limits(cost=100)), None, lambda *_: pytest.fail("asked"))
    assert "exactly one of the arguments count, last" in response["errors"][0]["message"]
