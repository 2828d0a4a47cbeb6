"""Writes the GraphQL documents of a plan's requests.

Fetches of the same subgraph and step become one request: entities of several places are asked for in one
document under aliases of `_entities`, and places that ask for the same share a call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import VariableDefinitionNode, print_ast

from gateway.planner.fetches import Fetch, Leaf, Part
from gateway.planner.joins import Subgraph
from gateway.planner.levels import set_levels
from gateway.planner.selection import ALWAYS, TYPENAME, Conditions
from gateway.planner.supergraph import Supergraph

FILLER = (
    "empty__"  # asked of interface objects of which nothing else is asked: their __typename must not be told
)

Renames = dict[str, Any]  # response key -> (entry, Renames of its value)


@dataclass(slots=True, frozen=True, eq=False)
class Call:
    """One root of a request: the response key of its `_entities` and the variable with its representations
    (both None for an ordinary operation), and the fetches it serves.
    """

    key: str | None
    variable: str | None
    fetches: tuple[Fetch, ...]
    text: str
    renames: Renames
    variables: tuple[str, ...]

    @property
    def selection(self) -> str:
        """The call as it stands in a document."""
        if self.key is None:
            return self.text
        alias = "" if self.key == "_entities" else f"{self.key}:"
        return f"{alias}_entities(representations:${self.variable}){self.text}"


@dataclass(slots=True, frozen=True, eq=False)
class Request:
    """One request to one subgraph. `after` are the numbers of the requests it waits for; `when` the
    conditions of which one must hold (None: always needed).
    """

    number: int
    subgraph: Subgraph
    kind: str
    text: str
    operation_name: str | None
    variables: tuple[str, ...]
    calls: tuple[Call, ...]
    after: tuple[int, ...]
    when: tuple[Conditions, ...] | None


@dataclass(slots=True)
class Writer:
    """Writes the requests of one plan."""

    supergraph: Supergraph
    definitions: Mapping[str, VariableDefinitionNode]
    operation_name: str | None
    requests: list[Request] = field(default_factory=list)
    of_fetch: dict[Fetch, int] = field(default_factory=dict)

    def write(self, fetches: list[Fetch]) -> list[Request]:
        """One request for each stage, step and subgraph, in the order in which they can be sent."""
        set_levels(fetches)
        groups: dict[tuple[int, int, str, int], list[Fetch]] = {}
        for fetch in sorted(fetches, key=lambda each: (each.stage, each.level, each.number)):
            apart = fetch.number if fetch.root and fetch.path else -1
            groups.setdefault((fetch.stage, fetch.level, fetch.graph, apart), []).append(fetch)
        for group in groups.values():
            self._request(group)
        return self.requests

    def _request(self, fetches: list[Fetch]) -> None:
        number = len(self.requests)
        kind = fetches[0].root or "query"
        written = [(fetch, *self._selection(fetch)) for fetch in fetches]
        conditions = {when for fetch in fetches for when in fetch.when}
        used = {name for *_, names in written for name in names}
        if fetches[0].root:
            fetch, body, renames, _ = written[0]
            calls: tuple[Call, ...] = (Call(None, None, (fetch,), body, renames, tuple(sorted(used))),)
        else:
            calls = self._calls(written, used)
        name = self._name(fetches[0].graph, number)
        text = self.document(kind, name, calls)
        earlier = {self.of_fetch[each] for fetch in fetches for each in fetch.after}
        earlier |= {
            each.number for each in self.requests if each.calls[0].fetches[0].stage < fetches[0].stage
        }
        self.of_fetch.update((fetch, number) for fetch in fetches)
        self.requests.append(
            Request(
                number,
                self.supergraph.graphs[fetches[0].graph],
                kind,
                text,
                name,
                tuple(sorted(used)),
                calls,
                tuple(sorted(earlier)),
                None if ALWAYS in conditions else tuple(conditions),
            )
        )

    def document(self, kind: str, name: str | None, calls: tuple[Call, ...]) -> str:
        """The document of a request that makes these calls."""
        declared = [f"${call.variable}:[_Any!]!" for call in calls if call.variable]
        used = {each for call in calls for each in call.variables}
        declared += [_declare(self.definitions[each]) for each in sorted(used)]
        signature = f"({','.join(declared)})" if declared else ""
        body = (
            calls[0].text if calls[0].key is None else "{" + " ".join(call.selection for call in calls) + "}"
        )
        prefix = f"{kind} {name}" if name else kind
        return body if prefix == "query" and not signature else f"{prefix}{signature}{body}"

    def _calls(self, written: list[tuple[Fetch, str, Renames, set[str]]], used: set[str]) -> tuple[Call, ...]:
        shared: dict[str, tuple[list[Fetch], Renames, set[str]]] = {}
        for fetch, text, renames, names in written:
            shared.setdefault(text, ([], renames, names))[0].append(fetch)
        single = len(shared) == 1
        calls = []
        for position, (text, (fetches, renames, names)) in enumerate(shared.items()):
            key = "_entities" if single else f"_{position}"
            variable = _fresh("representations" if single else f"representations_{position}", used)
            calls.append(Call(key, variable, tuple(fetches), text, renames, tuple(sorted(names))))
        return tuple(calls)

    def _name(self, graph: str, number: int) -> str | None:
        if not self.operation_name:
            return None
        subgraph = re.sub(r"\W", "_", self.supergraph.graphs[graph].name)
        return f"{self.operation_name}__{subgraph}__{number}"

    def _selection(self, fetch: Fetch) -> tuple[str, Renames, set[str]]:
        used: set[str] = set()
        parts = [fetch.part]
        renames = self._settle(parts, fetch.graph)
        return _print(fetch.part, used), renames, used

    def _settle(self, parts: Iterable[Part], graph: str) -> Renames:
        """Give aliases to fields that share an entry but not a shape (GraphQL, SameResponseShape), and say
        how to rename them in the response.
        """
        leaves: dict[str, list[tuple[Leaf, str]]] = {}
        for part in parts:
            for each in part.group():
                for leaf in each.fields.values():
                    leaves.setdefault(leaf.store, []).append((leaf, self._shape(each.type, leaf, graph)))
        renames: Renames = {}
        for store, found in leaves.items():
            shapes: dict[str, list[Leaf]] = {}
            for leaf, shape in found:
                shapes.setdefault(shape, []).append(leaf)
            for position, same in enumerate(shapes.values()):
                alias = store if position == 0 else _fresh(f"{store}__{position}", leaves)
                for leaf in same:
                    leaf.alias = alias
                children = [leaf.child for leaf in same if leaf.child is not None]
                inner = self._settle(children, graph) if children else {}
                if alias != store or inner:
                    renames[alias] = (store, inner)
        return renames

    def _shape(self, type_name: str, leaf: Leaf, graph: str) -> str:
        if leaf.name == TYPENAME:
            return "String!"
        table = self.supergraph.field(type_name, leaf.name)
        said = table.graphs.get(graph) if table else None
        text = said.type if said else table.type if table else ""
        if leaf.child is None or said is None:
            return text
        return text.replace(said.named, "{}")


def _fresh(name: str, taken: Iterable[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _declare(definition: VariableDefinitionNode) -> str:
    text = f"${definition.variable.name.value}:{print_ast(definition.type)}"
    return f"{text}={print_ast(definition.default_value)}" if definition.default_value else text


def _print(part: Part, used: set[str]) -> str:
    texts = [_print_leaf(leaf, used) for leaf in part.fields.values()]
    texts += [
        f"...on {branch.type}{_print(branch, used)}"
        for branch in part.branches.values()
        if branch.fields or branch.branches
    ]
    if not texts:
        texts.append(f"{FILLER}:{TYPENAME}" if part.opaque else TYPENAME)
    return "{" + " ".join(texts) + "}"


def _print_leaf(leaf: Leaf, used: set[str]) -> str:
    used |= leaf.variables
    text = leaf.name if leaf.alias == leaf.name else f"{leaf.alias}:{leaf.name}"
    text += leaf.arguments
    # a directive may stand only once on a field: the second of a kind goes on a fragment around it
    around: list[str] = []
    seen: set[bool] = set()
    for variable, wanted in sorted(leaf.when):
        used.add(variable)
        directive = f"@{'include' if wanted else 'skip'}(if:${variable})"
        if wanted in seen:
            around.append(directive)
        else:
            seen.add(wanted)
            text += directive
    if leaf.child is not None:
        text += _print(leaf.child, used)
    for directive in around:
        text = f"...{directive}{{{text}}}"
    return text
