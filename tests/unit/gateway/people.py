"""A small federation: people in auth, tasks in workflow, the weather in another's service. See subgraphs/."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from graphql import graphql_sync

from common.federation import build
from gateway.planner import Subgraph
from gateway.serving.composed import Graph

FOLDER = Path(__file__).parent / "subgraphs"
SUPERGRAPH = Path(__file__).with_name("supergraph.graphql")
SUBGRAPHS = (
    ("auth", "lambda:auth.graph.query", "people.graphql"),
    ("workflow", "lambda:workflow.graph.query", "tasks.graphql"),
    ("weather", "", "weather.graphql"),
)
"""Name, URL and file of each."""


@cache
def graph() -> Graph:
    """The composed graph, as `infra.compose` writes it."""
    return Graph(SUPERGRAPH.read_text())


PEOPLE: dict[str, dict[str, Any]] = {
    "1": {"id": "1", "name": "Ada", "email": "ada@x.test", "salary": 10, "grade": 7, "file": "f1"},
    "2": {"id": "2", "name": "Bob", "email": "bob@x.test", "salary": 20, "grade": 8, "file": None},
}
FILES = {"f1": {"__typename": "File", "name": "Ada's file", "pages": 3}}
TASKS: dict[str, dict[str, Any]] = {
    "t1": {"id": "t1", "title": "Sign", "assignee": {"id": "1"}},
    "t2": {"id": "t2", "title": "Pay", "assignee": {"id": "2"}},
}


class World:
    """The three subgraphs, answering from memory without asking who calls; ``sent``: what they got."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self._schemas = {name: build((FOLDER / file).read_text()) for name, _, file in SUBGRAPHS}

    def fetch(self, subgraph: Subgraph, body: dict[str, Any]) -> dict[str, Any]:
        """Answer as the subgraph."""
        return self.answer(subgraph.name, body)

    def answer(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """A subgraph's response to a request's body."""
        self.sent.append((name, body))
        result = graphql_sync(
            self._schemas[name],
            body["query"],
            root_value=_Root(),
            variable_values=body.get("variables"),
            operation_name=body.get("operationName"),
            type_resolver=lambda value, _info, _kind: value["__typename"],
            field_resolver=_resolve,
        )
        return dict(result.formatted)

    @property
    def text(self) -> str:
        """All documents that were sent."""
        return "\n".join(body["query"] for _, body in self.sent)


class _Root:
    """Root fields."""

    def me(self, _info: Any) -> Any:
        return PEOPLE["1"]

    def people(self, _info: Any, first: int) -> Any:
        return list(PEOPLE.values())[:first]

    def named(self, _info: Any) -> Any:
        return [{"__typename": "Person", **PEOPLE["1"]}, FILES["f1"]]

    def motto(self, _info: Any) -> str:
        return "Festina lente"

    def rename(self, _info: Any, id: str, name: str) -> Any:  # noqa: A002 - the argument's name
        return PEOPLE[id] | {"name": name}

    def dismiss(self, _info: Any, id: str) -> bool:  # noqa: A002 - the argument's name
        return True

    def tasks(self, _info: Any) -> Any:
        return list(TASKS.values())

    def forecast(self, _info: Any, city: str) -> str:
        return f"Rain in {city}"

    def _entities(self, _info: Any, representations: list[dict[str, Any]]) -> Any:
        return [
            {"__typename": each["__typename"], "id": each["id"]} | _entity(each) for each in representations
        ]


def _entity(representation: dict[str, Any]) -> dict[str, Any]:
    return dict(PEOPLE[representation["id"]] if representation["__typename"] == "Person" else {})


def _resolve(source: Any, info: Any, **arguments: Any) -> Any:
    name = info.field_name
    if isinstance(source, _Root):
        return getattr(source, name)(info, **arguments)
    if name == "tasks":
        return [task for task in TASKS.values() if task["assignee"]["id"] == source["id"]]
    if name == "weather":
        return f"Sun for {source['id']}"
    if name == "file":
        return FILES.get(source["file"])
    if name == "files":
        return [FILES[source["file"]]] if source["file"] else []
    return source.get(name)
