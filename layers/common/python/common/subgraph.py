"""A service's part of the federated graph: ``schema.graphql``, and a module that says where values come from.

How a service uses it. ``functions/masterdata/schema.graphql`` holds the types, as Apollo Federation v2 writes
them; who may see what stands there too::

    extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key", "@requiresScopes"])
    scalar DateTime
    type Query {
      customer(id: ID!): Customer @requiresScopes(scopes: [["masterdata.customer.read"]])
      customers(first: Int = 50, after: String): CustomerConnection!
    }
    type Mutation { createCustomer(input: NewCustomer!): Customer }  # nullable: each is undone by itself
    type Customer @key(fields: "id") @requiresScopes(scopes: [["masterdata.customer.read"]]) {
      id: ID!  name: String!  status: Status!  createdAt: DateTime!  orders: [Order!]!
    }
    type CustomerConnection { nodes: [Customer!]! edges: [CustomerEdge!]! pageInfo: PageInfo! }
    type User @key(fields: "id") { id: ID!  createdCustomers: [Customer!]! }  # another service's entity

``functions/masterdata/graph.py`` holds the resolvers and the operation::

    graph = Subgraph.beside(__file__)

    @graph.entity("Customer")                       # _entities: all ids of one request, one statement
    def customers_by_id(ids: list[UUID], work: Work) -> dict[UUID, Customer]: ...

    @graph.batch("User", "createdCustomers")        # all parents at once, as many values in their order
    def created(users: list[Any], work: Work) -> list[list[Customer]]: ...

    @graph.field("Query", "customer")               # one parent at a time; arguments by their names
    def customer(_root: None, work: Work, id: str) -> Customer | None: ...

    graph.expose("Query", "customers", customers.list_)           # an operation as it is, permission and all:
    graph.expose("Mutation", "createCustomer", customers.create)  # `input` is its body, `first`/`after` page,
                                                                  # `version` is If-Match, the others by name
    @operation("POST /masterdata/graphql", permission=SELF, emits=graph.emits, memory=1024)
    def query(asked: GraphQuery, request: Request, work: Work) -> Response[Any]:
        # a docstring: it feeds the API's reference
        return graph.answer(asked, request, work)

What follows from it, for every subgraph:

* Names are camelCase in the graph and snake_case in Python: attributes, arguments, input fields (an input
  object arrives as a dict). Enum values are upper case in the graph, lower case in Python. A field without a
  resolver reads the attribute, or the mapping's member, of that name. A :class:`Page` reads as a connection:
  ``nodes``, ``edges { node cursor }`` and ``pageInfo { hasNextPage endCursor }``.
* An entity without ``@graph.entity`` belongs to another service: its representation, the key in it converted
  (``of=`` as in ``@graph.entity``, a UUID unless said otherwise), is the parent its fields get.
* ``@requiresScopes`` on a field, or on the type it returns, is checked against the caller's grants, wildcards
  and all; a refused field is null with the code ``FORBIDDEN``. Finer rules: raise ``Forbidden``.
* A :class:`Problem` becomes an error with its ``code`` in capitals and its sentence; anything else is logged
  and masked. A mutation's field that fails is undone by itself; a lost or colliding transaction fails as a
  whole and is tried again as with every operation.
* A resolver of an abstract type's value says the type by a ``__typename`` member or by its class's name.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    execute_sync,
    get_operation_ast,
    parse,
    specified_rules,
    validate,
)
from graphql.validation import NoSchemaIntrospectionCustomRule
from sqlalchemy.exc import DBAPIError

from common import constraints, federation, logs
from common.errors import BadRequest, Forbidden, Problem
from common.exposed import Exposed
from common.graph_execution import Execution, Resolver
from common.graph_limits import DepthLimit
from common.graph_scalars import snake
from common.operation import Operation
from common.paging import Page
from common.request import Request, Response
from common.settings import settings
from common.work import Work

MAX_TOKENS = 4000
"""Lexical tokens of one document."""
MAX_REPRESENTATIONS = 5000
"""Entities asked for by one ``_entities`` field."""
JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"

F = TypeVar("F", bound=Callable[..., Any])
K = TypeVar("K")


class GraphQuery(msgspec.Struct, frozen=True, rename="camel"):
    """A GraphQL request's body (GraphQL over HTTP); unknown members are ignored."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] | None = None


@dataclass(frozen=True)
class _Entity(Generic[K]):
    key: str
    of: type[K]
    load: Callable[[list[K], Work], Mapping[K, Any]] | None


class _Call:
    """One request's execution: what its resolvers stand on."""

    def __init__(self, graph: Subgraph, work: Work, request: Request) -> None:
        self.graph = graph
        self.work = work
        self.request = request
        self.kinds: dict[int, str] = {}
        """The types of the objects that ``_entities`` found, by identity."""

    def kind(self, value: Any) -> str:
        if (known := self.kinds.get(id(value))) is not None:
            return known
        name = value.get("__typename") if isinstance(value, Mapping) else getattr(value, "__typename", None)
        return str(name or type(value).__name__)


class Subgraph:
    """A subgraph: its SDL and the resolvers declared on it. The module's docstring shows how to use it."""

    def __init__(self, sdl: str | Callable[[], str]) -> None:
        self._source = sdl
        self._single: dict[tuple[str, str], Callable[..., Any]] = {}
        self._many: dict[tuple[str, str], Callable[..., Any]] = {}
        self._exposed: dict[tuple[str, str], Exposed] = {}
        self._entities: dict[str, list[_Entity[Any]]] = {}
        self._document = lru_cache(maxsize=256)(self._checked)

    @classmethod
    def beside(cls, module: str) -> Subgraph:
        """The subgraph whose ``schema.graphql`` lies beside a module; read when it is first needed."""
        return cls(Path(module).with_name("schema.graphql").read_text)

    @cached_property
    def sdl(self) -> str:
        """The schema as it was written, for composition."""
        return self._source if isinstance(self._source, str) else self._source()

    @cached_property
    def schema(self) -> GraphQLSchema:
        """The executable schema; a resolver for what it does not have is a :class:`LookupError`."""
        schema = federation.build(self.sdl)
        for kind, name in (*self._single, *self._many, *self._exposed):
            found = schema.type_map.get(kind)
            if not isinstance(found, GraphQLObjectType) or name not in found.fields:
                raise LookupError(f"There is no {kind}.{name} in the schema, but a resolver for it.")
        keys = federation.keys_of(schema)
        for kind, entities in self._entities.items():
            for entity in entities:
                if entity.key not in keys.get(kind, ()):
                    raise LookupError(f'{kind} has no @key(fields: "{entity.key}").')
        return schema

    @cached_property
    def _keys(self) -> Mapping[str, tuple[str, ...]]:
        return federation.keys_of(self.schema)

    def entity(self, kind: str, *, key: str = "id", of: type[Any] = UUID) -> Callable[[F], F]:
        """Declare how entities are loaded: ``(keys, work)`` to those found, by key."""
        return self._entity(kind, key, of)

    def stub(self, kind: str, *, key: str = "id", of: type[Any] = UUID) -> None:
        """Declare another service's entity whose key is no UUID ``id``."""
        self._entities.setdefault(kind, []).append(_Entity(key, of, None))

    def field(self, kind: str, name: str) -> Callable[[F], F]:
        """Declare a field's resolver: ``(parent, work, **arguments)`` to its value."""
        return self._into(self._single, kind, name)

    def batch(self, kind: str, name: str) -> Callable[[F], F]:
        """Declare a field's resolver: ``(parents, work, **arguments)`` to as many values, in their order."""
        return self._into(self._many, kind, name)

    def expose(self, kind: str, name: str, operation: Operation[..., Any]) -> None:
        """Let a field be an operation, with its permission."""
        self._exposed[kind, name] = Exposed(operation)

    @property
    def emits(self) -> tuple[type[Any], ...]:
        """The events of the operations exposed, for the declaration of the graph's own."""
        every = (struct for exposed in self._exposed.values() for struct in exposed.operation.emits)
        return tuple(dict.fromkeys(every))

    def answer(self, asked: GraphQuery, request: Request, work: Work) -> Response[Any]:
        """Execute a request and answer it (GraphQL over HTTP: 400 if nothing could be executed, where the
        caller accepts ``application/graphql-response+json``).
        """
        result = self.execute(asked, work, request)
        body: dict[str, Any] = {}
        if result.errors:
            body["errors"] = [_told(error) for error in result.errors]
        if result.data is not None or not _refused(result):
            body["data"] = result.data
        modern = GRAPHQL_JSON in request.headers.get("accept", "")
        status = 400 if modern and "data" not in body else 200
        return Response(body, status=status, media_type=GRAPHQL_JSON if modern else JSON)

    def execute(self, asked: GraphQuery, work: Work, request: Request) -> ExecutionResult:
        """Parse, validate and execute. A database's failure is raised, so that the runtime deals with it."""
        document = self._document(asked.query)
        if isinstance(document, list):
            return ExecutionResult(None, document)
        operation = get_operation_ast(document, asked.operation_name)
        if operation is None:
            return ExecutionResult(None, [GraphQLError("Name one of the document's operations.")])
        if operation.operation is OperationType.SUBSCRIPTION:
            return ExecutionResult(None, [GraphQLError("There are no subscriptions here.")])
        call = _Call(self, work, request)
        if _introspects(operation):
            # It asks of the schema, not of the data: depth first costs no statements there.
            answered = execute_sync(
                self.schema,
                document,
                variable_values=asked.variables,
                operation_name=asked.operation_name,
                field_resolver=lambda parent, info, **arguments: _one(
                    self._resolver(call, info.parent_type.name, info.field_name)([parent], arguments)
                ),
                type_resolver=lambda value, _info, _kind: call.kind(value),
            )
        else:
            execution = Execution(
                self.schema, document, operation, lambda k, n: self._resolver(call, k, n), call.kind
            )
            answered = execution.run(asked.variables or {})
        for error in answered.errors or ():
            if isinstance(error.original_error, DBAPIError):
                raise error.original_error
        return answered

    def _entity(self, kind: str, key: str, of: type[Any]) -> Callable[[F], F]:
        def declare(load: F) -> F:
            self._entities.setdefault(kind, []).append(_Entity(key, of, load))
            return load

        return declare

    @staticmethod
    def _into(table: dict[tuple[str, str], Callable[..., Any]], kind: str, name: str) -> Callable[[F], F]:
        def declare(resolve: F) -> F:
            table[kind, name] = resolve
            return resolve

        return declare

    def _checked(self, query: str) -> DocumentNode | list[GraphQLError]:
        """The document, or what is wrong with it."""
        rules = [*specified_rules, DepthLimit]
        if settings().stage == "prod":
            rules.append(NoSchemaIntrospectionCustomRule)
        try:
            document = parse(query, max_tokens=MAX_TOKENS)
            errors = validate(self.schema, document, rules)
        except GraphQLError as error:
            return [_coded(error, "GRAPHQL_PARSE_FAILED")]
        except RecursionError:
            return [_coded(GraphQLError("The document nests too deeply."), "GRAPHQL_PARSE_FAILED")]
        return [_coded(error, "GRAPHQL_VALIDATION_FAILED") for error in errors] or document

    def _resolver(self, call: _Call, kind: str, name: str) -> Resolver:
        """How a field is resolved for all its parents, the caller's scopes checked first."""
        scopes = self._scopes(kind, name)
        if scopes and not any(all(map(call.work.principal.may, some)) for some in scopes):
            raise Forbidden(f"This needs {' or '.join(' and '.join(some) for some in scopes)}.")
        resolve = self._plain(call, kind, name)
        if kind != "Mutation":
            return resolve
        return lambda objects, arguments: _undone(call.work, resolve, objects, arguments)

    def _plain(self, call: _Call, kind: str, name: str) -> Resolver:
        if (many := self._many.get((kind, name))) is not None:
            return lambda objects, arguments: many(list(objects), call.work, **arguments)
        if (single := self._single.get((kind, name))) is not None:
            return lambda objects, arguments: _each(
                lambda parent: single(parent, call.work, **arguments), objects
            )
        if (exposed := self._exposed.get((kind, name))) is not None:
            return lambda objects, arguments: _each(
                lambda _: exposed(call.work, call.request, arguments), objects
            )
        if kind == "Query" and name == "_service":
            return lambda objects, _arguments: [{"sdl": self.sdl}] * len(objects)
        if kind == "Query" and name == "_entities":
            return lambda objects, arguments: [self._load(call, arguments["representations"])] * len(objects)
        attribute = snake(name)
        return lambda objects, _arguments: [_read(parent, attribute, name) for parent in objects]

    def _field(self, kind: str, name: str) -> GraphQLField:
        found = self.schema.type_map[kind]
        assert isinstance(found, GraphQLObjectType)
        field: GraphQLField = found.fields[name]
        return field

    @lru_cache(maxsize=1024)  # noqa: B019 - a subgraph lives as long as its container
    def _scopes(self, kind: str, name: str) -> federation.Scopes:
        return federation.scopes_of(self._field(kind, name))

    def _load(self, call: _Call, representations: Sequence[Any]) -> list[Any]:
        """The entities of ``representations``, in their order; each type's in one call."""
        if len(representations) > MAX_REPRESENTATIONS:
            raise BadRequest(f"Ask for at most {MAX_REPRESENTATIONS} entities at once.")
        found: list[Any] = [None] * len(representations)
        grouped: dict[tuple[str, str], list[int]] = {}
        for place, representation in enumerate(representations):
            entity = self._entity_of(representation)
            if isinstance(entity, Exception):
                found[place] = entity
            else:
                grouped.setdefault((representation["__typename"], entity.key), []).append(place)
        for (kind, key), places in grouped.items():
            some = [representations[place] for place in places]
            for place, value in zip(places, self._load_some(call, kind, key, some), strict=True):
                found[place] = value
                if value is not None:
                    call.kinds[id(value)] = kind
        return found

    def _entity_of(self, representation: Any) -> _Entity[Any] | Exception:
        """Which key of which type a representation holds."""
        kind = representation.get("__typename") if isinstance(representation, Mapping) else None
        keys = self._keys.get(kind or "")
        if keys is None:
            return BadRequest(f"There is no entity {kind!r} here.")
        declared = self._entities.get(kind or "") or [_Entity(key, UUID, None) for key in keys]
        for entity in declared:
            if representation.get(entity.key) is not None:
                return entity
        return BadRequest(f"A representation of {kind} holds none of its keys: {', '.join(keys)}.")

    def _load_some(self, call: _Call, kind: str, key: str, some: list[Any]) -> list[Any]:
        scopes = federation.scopes_of_type(self.schema.type_map[kind])
        if scopes and not any(all(map(call.work.principal.may, held)) for held in scopes):
            refusal = Forbidden(f"{kind} needs {' or '.join(' and '.join(held) for held in scopes)}.")
            return [refusal] * len(some)
        declared = self._entities.get(kind) or [_Entity(key, UUID, None)]
        entity = next(one for one in declared if one.key == key)
        keys = [_key(one[key], entity.of, kind) for one in some]
        if entity.load is None:
            return [
                value if isinstance(value, Exception) else {**one, key: value}
                for one, value in zip(some, keys, strict=True)
            ]
        wanted = list(dict.fromkeys(value for value in keys if not isinstance(value, Exception)))
        loaded = entity.load(wanted, call.work) if wanted else {}
        return [value if isinstance(value, Exception) else loaded.get(value) for value in keys]


def _key(value: Any, kind: type[Any], entity: str) -> Any:
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        return BadRequest(f"{value!r} is no key of {entity}.")


def _read(parent: Any, attribute: str, name: str) -> Any:
    """A field's value without a resolver."""
    if isinstance(parent, Mapping):
        return parent.get(attribute, parent.get(name))
    if isinstance(parent, Page):
        return _read_page(parent, name)
    return getattr(parent, attribute, None)


def _read_page(page: Page[Any], name: str) -> Any:
    """A page as a connection (GraphQL Cursor Connections); its last edge has the cursor to go on from."""
    match name:
        case "nodes":
            return page.items
        case "edges":
            last = len(page.items) - 1
            return [
                {"node": item, "cursor": page.next if place == last else None}
                for place, item in enumerate(page.items)
            ]
        case "pageInfo":
            return {"has_next_page": page.next is not None, "end_cursor": page.next}
        case _:
            return getattr(page, snake(name), None)


def _each(resolve: Callable[[Any], Any], objects: Iterable[Any]) -> list[Any]:
    """Resolve one by one; what one raises is its own."""
    values: list[Any] = []
    for parent in objects:
        try:
            values.append(resolve(parent))
        except DBAPIError:
            raise
        except Exception as error:  # told, or masked, where the answer is made
            values.append(error)
    return values


def _undone(
    work: Work, resolve: Resolver, objects: Sequence[Any], arguments: Mapping[str, Any]
) -> Sequence[Any]:
    """Run a mutation's field; if it fails, undo what it did and nothing else."""
    try:
        with work.savepoint():
            (value,) = resolve(objects, arguments)
            if isinstance(value, Exception) and not getattr(value, "keep", False):
                raise value
            return [value]
    except DBAPIError as error:
        problem = constraints.problem_of(error)
        if problem is None:
            raise
        return [problem]
    except Problem as problem:
        return [problem]


def _one(values: Sequence[Any]) -> Any:
    (value,) = values
    if isinstance(value, Exception):
        raise value
    return value


def _introspects(operation: OperationDefinitionNode) -> bool:
    return any(
        getattr(getattr(selection, "name", None), "value", "") in ("__schema", "__type")
        for selection in operation.selection_set.selections
    )


def _coded(error: GraphQLError, code: str) -> GraphQLError:
    error.extensions = {"code": code}
    return error


def _refused(result: ExecutionResult) -> bool:
    """Whether nothing was executed: the errors have no path then."""
    return bool(result.errors) and all(error.path is None for error in result.errors or ())


def _told(error: GraphQLError) -> dict[str, Any]:
    """An error as the caller sees it: a refusal in its words, a fault of ours masked."""
    told = typing.cast("dict[str, Any]", error.formatted)
    original = error.original_error
    if isinstance(original, Problem):
        told["message"] = original.detail
        told["extensions"] = {"code": original.code.upper(), "status": original.status, **original.members}
    elif original is not None and not isinstance(original, GraphQLError):
        logs.OPERATION_FAILED(exc_info=original)
        told["message"] = "Something went wrong on our side."
        told["extensions"] = {"code": "INTERNAL_SERVER_ERROR"}
    elif "extensions" not in told:
        told["extensions"] = {"code": "BAD_USER_INPUT"}
    return told
