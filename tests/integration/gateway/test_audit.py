"""The federation gateway audit's public suites, end to end: the operation's own handler, and subgraphs that
run as HTTP servers on loopback.

The same cases are in `tests/conformance/test_federation.py`, there without the way between.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import pytest

from gateway.serving import composed
from tests.conformance.test_federation import SUITES, suite_of
from tests.integration.gateway.conftest import Graph
from tests.unit.planner.simulator.subgraph import Federation


class Subgraphs(ThreadingHTTPServer):
    """A suite's subgraphs, each at a path of its own. Counts what they are asked."""

    daemon_threads = True

    def __init__(self, federation: Federation) -> None:
        super().__init__(("127.0.0.1", 0), Endpoint)
        self.federation = federation
        self.turn = Lock()  # the world they tell of is one

    def answer(self, name: str, request: dict[str, Any]) -> dict[str, Any]:
        with self.turn:
            self.federation.requests.append((name, request))
            return self.federation.subgraphs[name].answer(self.federation.world, request)


class Endpoint(BaseHTTPRequestHandler):
    """One request to a subgraph."""

    protocol_version = "HTTP/1.1"
    server: Subgraphs

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        content = json.dumps(self.server.answer(self.path.strip("/"), request)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/graphql-response+json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_arguments: Any) -> None:
        """Nothing is printed."""


@contextmanager
def running(name: str) -> Iterator[Federation]:
    """A suite's subgraphs, and the gateway's graph made of them."""
    federation = suite_of(name).federation()
    server = Subgraphs(federation)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        graph = composed.Graph((SUITES / name / "supergraph.graphql").read_text())
        for key, subgraph in graph.supergraph.graphs.items():
            url = f"http://127.0.0.1:{server.server_port}/{subgraph.name}"
            graph.supergraph.graphs[key] = subgraph._replace(url=url)
        composed.use(graph)
        yield federation
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def suites() -> dict[str, list[int | str]]:
    """How many requests each case of each suite may take."""
    if not SUITES.is_dir():
        return {}
    counts: dict[str, list[int | str]] = json.loads((SUITES / "fetch-counts.json").read_text())
    return counts


@pytest.mark.skipif(not SUITES.is_dir(), reason="the audit's suites are not beside the project")
@pytest.mark.parametrize("name", suites())
def test_a_suite_of_the_audit(anyone: Graph, name: str) -> None:
    for number, most in enumerate(suites()[name]):
        test = suite_of(name).tests[number]
        with running(name) as federation:
            response = anyone.post({"query": test["query"]}).ok()
        expected = test["expected"]
        if "data" in expected:
            assert response.get("data") == expected["data"], response
        assert bool(response.get("errors")) == bool(expected.get("errors")), response
        assert len(federation.requests) <= (most if isinstance(most, int) else 0)
