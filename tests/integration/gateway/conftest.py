"""The gateway on a small federation whose subgraphs answer in this process, invoked as Lambdas are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any

import msgspec
import pytest

from gateway import documents, graph, options
from gateway.reach import functions
from gateway.serving import composed
from tests.integration.platform import Answer, Caller, Platform
from tests.unit.gateway import people

Behaviour = Callable[[dict[str, Any], float], Any]
"""What a Lambda does with an event, in so many seconds."""


class Lambdas:
    """The platform's functions, as far as the gateway invokes them; ``events`` are those it sent."""

    def __init__(self) -> None:
        self.world = people.World()
        self.behaviours: dict[str, Behaviour] = {
            "auth.graph.query": self._subgraph("auth"),
            "workflow.graph.query": self._subgraph("workflow"),
        }
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._lock = Lock()

    def invoke(self, operation: str, payload: dict[str, Any], seconds: float) -> Any:
        """Stand for `gateway.reach.functions.invoke`."""
        with self._lock:
            self.events.append((operation, payload))
        return self.behaviours[operation](payload, seconds)

    def _subgraph(self, name: str) -> Behaviour:
        def answer(event: dict[str, Any], _seconds: float) -> dict[str, Any]:
            with self._lock:
                response = self.world.answer(name, msgspec.json.decode(event["body"]))
            return proxied(200, response)

        return answer


def proxied(status: int, body: Any, **headers: str) -> dict[str, Any]:
    """A Lambda proxy response."""
    return {"statusCode": status, "headers": headers, "body": msgspec.json.encode(body).decode()}


@pytest.fixture(autouse=True)
def lambdas(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lambdas]:
    """The functions behind the gateway, and the graph that they make."""
    made = Lambdas()
    monkeypatch.setattr(functions, "invoke", made.invoke)
    composed.use(people.graph())
    documents.forget()
    yield made
    composed.use(None)
    options.use(None)


class Graph:
    """The graph's endpoint as one caller uses it."""

    def __init__(self, platform: Platform, caller: Caller | None = None) -> None:
        self.platform = platform
        self.caller = caller

    def post(self, body: Any = None, **options: Any) -> Answer:
        """A POST with a JSON body, or with ``raw`` text."""
        return self._call(graph.query, body, **options)

    def get(self, query: dict[str, str], **options: Any) -> Answer:
        """A GET with these parameters."""
        return self._call(graph.read, None, query=query, **options)

    def ask(self, document: str, **variables: Any) -> dict[str, Any]:
        """The response to a document."""
        answer: dict[str, Any] = self.post({"query": document, "variables": variables}).ok()
        return answer

    def _call(self, operation: Any, body: Any, **options: Any) -> Answer:
        if self.caller is not None:
            return self.caller.call(operation, body, **options)
        return self.platform.call(operation, body, **options)


@pytest.fixture
def anyone(platform: Platform) -> Graph:
    """A caller without a token."""
    return Graph(platform)


@pytest.fixture
def owner(platform: Platform) -> Graph:
    """The owner of a new tenant, who may everything."""
    return Graph(platform, platform.register())
