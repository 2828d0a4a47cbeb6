"""The supergraph's tables and the API schema."""

import pytest
from graphql import print_schema

from gateway.planner.plan import plan
from gateway.planner.supergraph import Supergraph
from tests.unit.planner.supergraphs import supergraph

HEADER = """
schema
  @link(url: "https://specs.apollo.dev/link/v1.0")
  @link(url: "https://specs.apollo.dev/join/v0.3", for: EXECUTION)
  @link(url: "https://specs.apollo.dev/inaccessible/v0.2", as: "hidden", for: SECURITY)
{
  query: Query
}
directive @join__graph(name: String!, url: String!) on ENUM_VALUE
directive @hidden on FIELD_DEFINITION | OBJECT | ARGUMENT_DEFINITION | ENUM_VALUE
directive @audit(reason: String @hidden) on FIELD | QUERY
directive @owner(team: String) on FIELD_DEFINITION
scalar join__FieldSet
enum join__Graph { A @join__graph(name: "a-1", url: "http://a") B @join__graph(name: "b", url: "") }
"""

SDL = (
    HEADER
    + """
type Query @join__type(graph: A) @join__type(graph: B) {
  item(id: ID!, secret: Mode @hidden): Item @join__field(graph: A)
  vault: Vault @hidden
  old: Int @deprecated(reason: "use item") @owner(team: "x")
  found: Found
}
type Item @join__type(graph: A, key: "id") @join__type(graph: B, key: "id", resolvable: false) {
  id: ID!
  mode: Mode @join__field(graph: A, external: true) @join__field(graph: B, type: "Mode!")
  vault: Vault
}
type Vault @join__type(graph: A) @hidden { gold: Int }
type Box @join__type(graph: A) { size: Int }
union Found @join__type(graph: A) @join__unionMember(graph: A, member: "Item")
  @join__unionMember(graph: A, member: "Vault") = Item | Vault
enum Mode @join__type(graph: A) { OPEN SHUT @hidden }
"""
)


def test_the_api_schema_has_neither_machinery_nor_what_is_inaccessible():
    printed = print_schema(Supergraph.parse(SDL).api)
    for hidden in ("join", "link", "hidden", "Vault", "vault", "secret", "SHUT", "gold", "@owner"):
        assert hidden not in printed
    assert "item(id: ID!): Item" in printed
    assert '@deprecated(reason: "use item")' in printed
    assert "union Found = Item" in printed


def test_directives_for_operations_stay_in_the_api_schema():
    directive = Supergraph.parse(SDL).api.get_directive("audit")
    assert directive is not None
    assert not directive.args  # its only argument is inaccessible


def test_the_tables_say_what_each_subgraph_knows():
    graph = Supergraph.parse(SDL)
    assert graph.graphs["A"].name == "a-1"
    assert graph.graphs["A"].url == "http://a"
    item = graph.types["Item"]
    assert [key.fields for key in graph.keys("Item", "A")] == ["id"]
    assert graph.keys("Item", "B") == []  # not resolvable
    assert item.fields["mode"].graphs["A"].external
    assert item.fields["mode"].graphs["B"].type == "Mode!"
    assert set(item.fields["id"].graphs) == {"A", "B"}
    assert set(graph.types["Query"].fields["item"].graphs) == {"A"}
    assert graph.possible("Found") == {"Item", "Vault"}
    assert graph.possible_in("Found", "A") == {"Item", "Vault"}
    assert graph.possible_in("Found", "B") == frozenset()


def test_the_hash_tells_supergraphs_apart():
    assert Supergraph.parse(SDL).hash == Supergraph.parse(SDL).hash
    assert Supergraph.parse(SDL).hash != Supergraph.parse(SDL + "\n# changed").hash


def test_interface_objects_are_opaque_where_they_are_objects():
    graph = supergraph("objects")
    assert graph.is_opaque("Account", "SOCIAL")
    assert not graph.is_opaque("Account", "ACCOUNTS")
    assert not graph.is_opaque("Person", "PEOPLE")
    assert graph.possible_in("Account", "ACCOUNTS") == {"Person", "Company", "Robot"}


def test_what_an_interface_object_requires_is_external_there_though_the_supergraph_does_not_say_so():
    sdl = (
        HEADER
        + """
type Query @join__type(graph: A) @join__type(graph: B) { nodes: [Node!]! @join__field(graph: B) }
interface Node @join__type(graph: A, key: "id")
  @join__type(graph: B, key: "id", isInterfaceObject: true)
{
  id: ID!
  name: String
  size: Int
  initial: String @join__field(graph: B, requires: "name")
}
type Leaf implements Node @join__type(graph: A, key: "id") @join__implements(graph: A, interface: "Node") {
  id: ID!
  name: String
  size: Int
  initial: String @join__field
}
"""
    )
    fields = Supergraph.parse(sdl).types["Node"].fields
    assert [each.graph for each in fields["name"].graphs.values() if each.external] == ["B"]
    assert not any(each.external for each in fields["size"].graphs.values())


def test_what_is_provided_is_known_there_though_the_supergraph_does_not_say_so():
    sdl = (
        HEADER
        + """
type Query @join__type(graph: A) @join__type(graph: B) {
  found: Found @join__field(graph: A, provides: "... on Item { name maker { city } }")
}
union Found @join__type(graph: A) @join__unionMember(graph: A, member: "Item") = Item
type Item @join__type(graph: A, key: "id") @join__type(graph: B, key: "id") {
  id: ID!
  name: String @join__field(graph: B)
  size: Int @join__field(graph: B)
  maker: Maker @join__field(graph: B)
}
type Maker @join__type(graph: A) @join__type(graph: B) {
  city: String @join__field(graph: B)
}
"""
    )
    graph = Supergraph.parse(sdl)
    item = graph.types["Item"].fields
    assert {name: [each.external for each in field.graphs.values()] for name, field in item.items()} == {
        "id": [False, False],
        "name": [False, True],
        "size": [False],
        "maker": [False, True],
    }
    made = plan(graph, "{ found { ... on Item { name maker { city } } } }")
    assert [request.subgraph.name for request in made.requests] == ["a-1"]


def test_labels_of_progressive_overrides_are_listed():
    assert supergraph("moved").labels == {"percent(25)"}
    assert supergraph("shop").labels == frozenset()
    assert supergraph("moved").labels_for(24.9) == {"percent(25)"}
    assert supergraph("moved").labels_for(25.0) == frozenset()


def test_field_sets_carry_typenames_for_abstract_values():
    selection = supergraph("requirements").fieldset("Case", "holder { ... on Hook { strength } }")
    (holder,) = selection.fields
    assert holder.selection is not None
    assert [field.name for field in holder.selection.fields] == ["__typename", "strength"]
    assert holder.selection.fields[1].types == {"Hook"}


def test_contexts_are_refused_rather_than_ignored():
    sdl = SDL.replace(
        "vault: Vault\n}", 'vault(x: Int): Vault @join__field(graph: A, contextArguments: [{name: "x"}])\n}'
    )
    with pytest.raises(ValueError, match=r"Item\.vault takes an argument from a context"):
        Supergraph.parse(sdl)
