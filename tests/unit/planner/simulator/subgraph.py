"""A subgraph that runs: its SDL as a schema, answering from the world, and strict about what it may be asked.

It refuses fields that are external and not provided, fields another subgraph has overridden, and fields whose
`@requires` did not arrive (or arrived with other values than the world's): a plan that is wrong fails loudly.
"""

from __future__ import annotations

from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    InlineFragmentNode,
    InterfaceTypeDefinitionNode,
    InterfaceTypeExtensionNode,
    ObjectTypeDefinitionNode,
    ObjectTypeExtensionNode,
    OperationDefinitionNode,
    SchemaDefinitionNode,
    SchemaExtensionNode,
    SelectionSetNode,
    build_ast_schema,
    execute_sync,
    parse,
    validate,
    value_from_ast_untyped,
)

from gateway.planner.supergraph import Supergraph
from tests.unit.planner.simulator.world import Thing, World

EXTENSIONS = (ObjectTypeExtensionNode, InterfaceTypeExtensionNode)
DEFINITIONS: dict[type, Any] = {
    ObjectTypeDefinitionNode: ObjectTypeDefinitionNode,
    ObjectTypeExtensionNode: ObjectTypeDefinitionNode,
    InterfaceTypeDefinitionNode: InterfaceTypeDefinitionNode,
    InterfaceTypeExtensionNode: InterfaceTypeDefinitionNode,
}


class View:
    """A thing as one subgraph sees it in one request: with what came in its representation and what is
    provided."""

    def __init__(self, thing: Thing, given: dict[str, Any], provided: SelectionSetNode | None) -> None:
        self.thing = thing
        self.given = given
        self.provided = provided


class FieldRules:
    def __init__(self) -> None:
        self.external = False
        self.requires: SelectionSetNode | None = None
        self.provides: SelectionSetNode | None = None
        self.overridden = False
        self.in_extension_key = False


class SimulatedSubgraph:
    def __init__(self, name: str, sdl: str, overridden: set[tuple[str, str]]) -> None:
        self.name = name
        self.rules: dict[tuple[str, str], FieldRules] = {}
        self.keys: dict[str, list[str]] = {}
        self.interface_objects: set[str] = set()
        self.overridden = overridden
        self.schema = self._schema(parse(sdl))

    def answer(self, world: World, request: dict[str, Any]) -> dict[str, Any]:
        document = parse(request["query"])
        errors = validate(self.schema, document)
        if errors:
            raise AssertionError(f"{self.name} cannot be asked {request['query']}: {errors}")
        result = execute_sync(
            self.schema,
            document,
            root_value=world,
            variable_values=request.get("variables"),
            operation_name=request.get("operationName"),
            field_resolver=self._resolve,
            type_resolver=self._resolve_type,
        )
        return result.formatted  # type: ignore[return-value]

    # the schema

    def _schema(self, document: DocumentNode) -> GraphQLSchema:
        merged: dict[str, Any] = {}
        others: list[Any] = []
        for node in document.definitions:
            if isinstance(node, SchemaDefinitionNode | SchemaExtensionNode):
                continue
            kind = DEFINITIONS.get(type(node))
            if kind is None:
                others.append(node)
                continue
            definition: Any = node
            self._read(definition)
            known = merged.setdefault(
                definition.name.value,
                kind(name=definition.name, interfaces=(), fields=(), directives=()),
            )
            known.fields += tuple(definition.fields or ())
            known.interfaces += tuple(definition.interfaces or ())
        entities = [name for name in self.keys if isinstance(merged[name], ObjectTypeDefinitionNode)]
        extra = "scalar _Any type _Service { sdl: String } type Query { _service: _Service }"
        if entities:
            extra = extra.replace("}", "} union _Entity = " + " | ".join(entities), 1)
            extra = extra.replace("_service:", "_entities(representations: [_Any!]!): [_Entity]! _service:")
        own = parse(extra).definitions
        query = own[-1]
        assert isinstance(query, ObjectTypeDefinitionNode)
        if "Query" in merged:
            merged["Query"].fields += tuple(query.fields)
        else:
            merged["Query"] = query
        return build_ast_schema(
            DocumentNode(definitions=tuple(_bare(node) for node in [*merged.values(), *others, *own[:-1]]))
        )

    def _read(self, node: Any) -> None:
        type_name = node.name.value
        extension = isinstance(node, EXTENSIONS)
        whole_external = False
        for directive in node.directives or ():
            name = directive.name.value.removeprefix("federation__")
            said = {each.name.value: value_from_ast_untyped(each.value) for each in directive.arguments}
            if name == "key" and said.get("resolvable", True):
                self.keys.setdefault(type_name, []).append(said["fields"])
            if name == "key":
                self.keys.setdefault(type_name, [])
            if name == "interfaceObject":
                self.interface_objects.add(type_name)
            extension |= name == "extends"
            whole_external |= name == "external"
        for field in node.fields or ():
            rules = self.rules.setdefault((type_name, field.name.value), FieldRules())
            rules.external = whole_external
            rules.overridden = (type_name, field.name.value) in self.overridden
            for directive in field.directives or ():
                name = directive.name.value.removeprefix("federation__")
                said = {each.name.value: value_from_ast_untyped(each.value) for each in directive.arguments}
                if name == "external":
                    rules.external = True
                elif name == "requires":
                    rules.requires = _field_set(said["fields"])
                elif name == "provides":
                    rules.provides = _field_set(said["fields"])
            if extension and any(field.name.value in key.split() for key in self.keys.get(type_name, ())):
                rules.external = False

    # answering

    def _resolve(self, source: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        if info.field_name == "_entities":
            return [self._entity(info.root_value, each) for each in arguments["representations"]]
        if isinstance(source, World):
            source = View(source.roots[info.parent_type.name], {}, None)
        assert isinstance(source, View)
        arguments = written(info, arguments)
        rules = self.rules[info.parent_type.name, info.field_name]
        provided, inner = _provided(source.provided, info.field_name)
        if rules.requires is not None:
            self._check(source, rules.requires, info.context)
        elif info.field_name in source.given and not arguments:
            return self._view(source.thing.tell(info.field_name, {}), source.given[info.field_name], inner)
        elif rules.overridden:
            raise GraphQLError(
                f"{info.parent_type}.{info.field_name} is overridden and must not be asked of {self.name}"
            )
        elif rules.external and not provided:
            raise GraphQLError(f"{info.parent_type}.{info.field_name} is external in {self.name}")
        value = source.thing.tell(info.field_name, arguments)
        return self._view(value, None, rules.provides or inner)

    def _view(self, value: Any, given: Any, provided: SelectionSetNode | None) -> Any:
        if isinstance(value, list):
            return [
                self._view(each, given[index] if given else None, provided)
                for index, each in enumerate(value)
            ]
        if isinstance(value, Thing):
            return View(value, given if isinstance(given, dict) else {}, provided)
        return value

    def _entity(self, world: World, given: dict[str, Any]) -> View | None:
        name = given["__typename"]
        keys = self.keys.get(name, [])
        key = next((each for each in keys if _has(given, _field_set(each))), None)
        if key is None:
            raise GraphQLError(f"{self.name} has no key of {name} for {given}")
        wanted = _cut(given, _field_set(key))
        thing = world.find(world.supergraph.possible(name), wanted)
        return View(thing, given, None) if thing is not None else None

    def _check(self, source: View, required: SelectionSetNode, _context: Any) -> None:
        expected = _demand(source.thing, required)
        for field, value in expected.items():
            sent = source.given.get(field, "nothing")
            if not _agrees(sent, value):
                raise GraphQLError(f"{self.name} requires {field} = {value!r}, got {sent!r}")

    def _resolve_type(self, value: Any, info: GraphQLResolveInfo, abstract: Any) -> str | None:
        assert isinstance(value, View)
        known = info.schema.type_map.get(value.thing.type)
        if isinstance(known, GraphQLObjectType) and info.schema.is_sub_type(abstract, known):
            return known.name
        supergraph = value.thing.world.supergraph
        for name in self.interface_objects:
            if value.thing.type in supergraph.possible(name):
                return name
        return None


def written(info: GraphQLResolveInfo, arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments without defaults: whether a subgraph or the API schema has them makes no difference
    here."""
    written = {each.name.value for each in info.field_nodes[0].arguments}
    return {name: value for name, value in arguments.items() if name in written}


def _bare(node: Any) -> Any:
    """The definition without directives."""
    if hasattr(node, "directives"):
        node.directives = ()
    for attribute in ("fields", "arguments", "values"):
        children = getattr(node, attribute, None)
        for child in children or ():
            if hasattr(child, "directives"):
                _bare(child)
    return node


def _field_set(text: str) -> SelectionSetNode:
    definition = parse(text if text.strip().startswith("{") else f"{{{text}}}").definitions[0]
    assert isinstance(definition, OperationDefinitionNode)
    return definition.selection_set


def _provided(provided: SelectionSetNode | None, field: str) -> tuple[bool, SelectionSetNode | None]:
    found = False
    inner: list[Any] = []
    for node in provided.selections if provided else ():
        if isinstance(node, InlineFragmentNode):
            below, deeper = _provided(node.selection_set, field)
            found |= below
            inner += deeper.selections if deeper else ()
        elif isinstance(node, FieldNode) and node.name.value == field:
            found = True
            inner += node.selection_set.selections if node.selection_set else ()
    return found, SelectionSetNode(selections=tuple(inner)) if inner else None


def _has(given: Any, wanted: SelectionSetNode) -> bool:
    if isinstance(given, list):
        return all(_has(each, wanted) for each in given)
    return all(
        isinstance(given, dict)
        and isinstance(node, FieldNode)
        and node.name.value in given
        and (node.selection_set is None or _has(given[node.name.value], node.selection_set))
        for node in wanted.selections
    )


def _cut(given: Any, wanted: SelectionSetNode) -> Any:
    """What a representation says of the key alone."""
    if isinstance(given, list):
        return [_cut(each, wanted) for each in given]
    cut: dict[str, Any] = {}
    for node in wanted.selections:
        assert isinstance(node, FieldNode)
        value = given[node.name.value]
        cut[node.name.value] = _cut(value, node.selection_set) if node.selection_set else value
    return cut


def _demand(thing: Thing, wanted: SelectionSetNode) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in wanted.selections:
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition.name.value if node.type_condition else thing.type
            if thing.type in thing.world.supergraph.possible(condition):
                found.update(_demand(thing, node.selection_set))
            continue
        assert isinstance(node, FieldNode)
        if node.name.value == "__typename":
            continue
        arguments = {each.name.value: value_from_ast_untyped(each.value) for each in node.arguments}
        value = thing.tell(node.name.value, arguments)
        found[node.name.value] = _below(value, node.selection_set)
    return found


def _below(value: Any, wanted: SelectionSetNode | None) -> Any:
    if isinstance(value, list):
        return [_below(each, wanted) for each in value]
    if isinstance(value, Thing):
        assert wanted is not None
        return _demand(value, wanted)
    return value


def _agrees(sent: Any, expected: Any) -> bool:
    if isinstance(expected, dict):
        return isinstance(sent, dict) and all(
            _agrees(sent.get(key, "nothing"), each) for key, each in expected.items()
        )
    if isinstance(expected, list):
        return isinstance(sent, list) and len(sent) == len(expected) and all(map(_agrees, sent, expected))
    return bool(sent == expected)


def overridden_fields(sdls: dict[str, str]) -> dict[str, set[tuple[str, str]]]:
    """For each subgraph, the fields that another one overrides."""
    found: dict[str, set[tuple[str, str]]] = {name: set() for name in sdls}
    for sdl in sdls.values():
        for node in parse(sdl).definitions:
            owner: str = getattr(getattr(node, "name", None), "value", "")
            for field in getattr(node, "fields", None) or ():
                for directive in field.directives or ():
                    if directive.name.value.removeprefix("federation__") == "override":
                        said = {
                            each.name.value: value_from_ast_untyped(each.value)
                            for each in directive.arguments
                        }
                        if "label" not in said and said["from"] in found:
                            found[said["from"]].add((owner, field.name.value))
    return found


def simulate(sdls: dict[str, str]) -> dict[str, SimulatedSubgraph]:
    """Subgraphs from their SDL. They keep nothing between requests and can be shared."""
    overridden = overridden_fields(sdls)
    return {name: SimulatedSubgraph(name, sdl, overridden[name]) for name, sdl in sdls.items()}


class Federation:
    """The subgraphs of a supergraph, running on one world. Counts the requests and keeps them."""

    def __init__(
        self, supergraph: Supergraph, subgraphs: dict[str, SimulatedSubgraph], world: World | None = None
    ) -> None:
        self.supergraph = supergraph
        self.world = world or World(supergraph)
        self.subgraphs = subgraphs
        self.requests: list[tuple[str, dict[str, Any]]] = []

    def fetch(self, subgraph: Any, request: dict[str, Any]) -> dict[str, Any]:
        self.requests.append((subgraph.name, request))
        return self.subgraphs[subgraph.name].answer(self.world, request)


def whole_world(world: World, document: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the answer must be: the operation executed on the world as one service."""

    def resolve(source: Any, info: GraphQLResolveInfo, **arguments: Any) -> Any:
        thing = world.roots[info.parent_type.name] if isinstance(source, World) else source
        return thing.tell(info.field_name, written(info, arguments))

    result = execute_sync(
        world.supergraph.api,
        parse(document),
        root_value=world,
        variable_values=variables,
        field_resolver=resolve,
        type_resolver=lambda value, _info, _type: value.type,
    )
    return result.formatted  # type: ignore[return-value]
