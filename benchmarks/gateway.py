"""The gateway beside Apollo's and Hive's, on the same subgraphs, in one run; and what planning costs.

Each gateway is one process on loopback and is sent the same queries: one at a time for the latency, then
eight at a time for the throughput. Ours is measured twice: bare, doing what the others do, and whole, as it
is in production: token, session, quota, metrics, a sample of events. The peers are installed apart, and left
out where they are not::

    npm install --prefix .local/peers/gateway @apollo/gateway@2.14.4 @apollo/server@5.5.1 \\
        @apollo/subgraph@2.14.4 @graphql-hive/gateway@2.15.1 graphql@16.15.0

The subgraphs need `@apollo/subgraph`, so without that folder only planning is measured.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from gateway.planner import Limits, PlanCache, Subgraph, Supergraph, execute, plan
from infra.compose import SUPERGRAPH, compose
from infra.compose import Subgraph as Part
from local.ports import free_port

ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / ".local" / "peers" / "gateway"
SCRIPTS = Path(__file__).with_name("_gateway_peers")
QUERIES = {
    "one subgraph": "{ me { id name } }",
    "two steps": "{ products(first: 5) { name reviews { stars } } }",
    "three services": "{ products { id name price reviews { stars author { name } } } me { name } }",
}
WARM_UP, REQUESTS, AT_ONCE, SECONDS = 150, 300, 8, 3.0


def main() -> None:
    """Run and print the tables."""
    planning()
    if shutil.which("node") is None or not (PEERS / "node_modules" / "@apollo" / "subgraph").is_dir():
        print(f"\nNo gateway was measured over HTTP: {PEERS.relative_to(ROOT)} has no @apollo/subgraph.")
        return
    with tempfile.TemporaryDirectory() as folder, ExitStack() as running:
        file = running.enter_context(subgraphs(Path(folder)))
        print(f"\n{'milliseconds, requests a second':<34}" + "".join(f"{name:>28}" for name in QUERIES))
        print(f"{'':<34}" + "".join(f"{'p50':>10}{'p99':>9}{'rps':>9}" for _ in QUERIES))
        for name, command in gateways(file):
            with started(command) as port:
                figures = "".join(measured(port, query) for query in QUERIES.values())
                print(f"{name:<34}{figures}", flush=True)
        for name in absent():
            print(f"{name:<34} absent")


def planning() -> None:
    """What a plan costs, and what a cached one adds to its subgraphs' time."""
    supergraph = Supergraph.parse(SUPERGRAPH.read_text())
    _ = supergraph.api
    document = """query Typical($id: ID!) {
      me { name roles { name } createdCustomers { code createdBy { name } } }
      customer(id: $id) { name creditLimit createdBy { name email } }
    }"""
    took = milliseconds(lambda: plan(supergraph, document), 30)
    print(f"{'plan of a typical query':<34}{took:>10.2f} ms")
    cache = PlanCache()
    answers: dict[str, Any] = {
        "auth": {"data": {"me": {"__typename": "User", "id": "u", "name": "n", "roles": [{"name": "r"}]}}},
        "masterdata": {"data": {"customer": None}},
    }

    def fetch(subgraph: Subgraph, body: dict[str, Any]) -> Any:
        if "_entities" in body["query"]:
            return {"data": {"_entities": [{"createdCustomers": []}]}}
        return answers[subgraph.name]

    def cached() -> dict[str, Any]:
        return execute(cache.plan(supergraph, document, limits=Limits()), {"id": "1"}, fetch)

    assert cached().keys() == {"data"}, cached()
    print(f"{'added by a cached plan':<34}{milliseconds(cached, 300):>10.2f} ms")


def milliseconds(call: Callable[[], object], times: int) -> float:
    """The median of some calls."""
    taken = []
    for _ in range(times):
        started_at = time.perf_counter()
        call()
        taken.append((time.perf_counter() - started_at) * 1000)
    return median(taken)


@contextmanager
def process(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process, ended with the block."""
    environment = os.environ | {"NODE_PATH": str(PEERS / "node_modules"), "NODE_ENV": "production"}
    running = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


@contextmanager
def subgraphs(folder: Path) -> Iterator[Path]:
    """The subgraphs, running; gives the supergraph's file."""
    told = folder / "subgraphs.json"
    with process(["node", str(SCRIPTS / "subgraphs.js"), str(told)]) as running:
        until(told.exists, running)
        parts = [Part(each["name"], each["url"], each["sdl"]) for each in json.loads(told.read_text())]
        file = folder / "supergraph.graphql"
        file.write_text(compose(parts))
        yield file


def gateways(file: Path) -> Iterator[tuple[str, list[str]]]:
    """Those that are installed: name, and how they are started on a port to be put in."""
    ours = [sys.executable, "-m", "benchmarks._gateway_peers.ours", str(file), "{port}"]
    yield "Groundwork, bare", [*ours, "bare"]
    yield "Groundwork, whole", [*ours, "whole"]
    if (PEERS / "node_modules" / "@apollo" / "gateway").is_dir():
        yield "@apollo/gateway", ["node", str(SCRIPTS / "apollo.js"), str(file), "{port}"]
    hive = PEERS / "node_modules" / ".bin" / "hive-gateway"
    if hive.exists():
        yield "@graphql-hive/gateway", [
            str(hive), "supergraph", str(file), "--port", "{port}", "--host", "127.0.0.1",
        ]  # fmt: skip


def absent() -> Iterator[str]:
    """The peers that are not installed."""
    for name in ("@apollo/gateway", "@graphql-hive/gateway"):
        if not (PEERS / "node_modules" / name).is_dir():
            yield name


@contextmanager
def started(command: list[str]) -> Iterator[int]:
    """A gateway that answers; gives its port."""
    port = free_port()
    with process([word.format(port=port) for word in command]) as running:
        until(lambda: answers_on(port), running)
        yield port


def until(ready: Callable[[], bool], running: subprocess.Popen[bytes], seconds: float = 120) -> None:
    """Wait for something that a process does."""
    deadline = time.monotonic() + seconds
    while not ready():
        if running.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"{running.args!r} did not start.")
        time.sleep(0.1)


def answers_on(port: int) -> bool:
    """Whether a gateway answers there."""
    try:
        return "data" in ask(HTTPConnection("127.0.0.1", port, timeout=10), "{ __typename }")
    except (OSError, ValueError):
        return False


def ask(connection: HTTPConnection, query: str) -> dict[str, Any]:
    """One request on a connection that is kept."""
    body = json.dumps({"query": query})
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    connection.request("POST", "/graphql", body, headers)
    answer: dict[str, Any] = json.loads(connection.getresponse().read())
    return answer


def measured(port: int, query: str) -> str:
    """A query's latency and throughput."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    taken = []
    for number in range(WARM_UP + REQUESTS):
        started_at = time.perf_counter()
        answer = ask(connection, query)
        if number >= WARM_UP:
            taken.append((time.perf_counter() - started_at) * 1000)
        assert answer.keys() == {"data"}, answer
    cuts = quantiles(taken, n=100)
    return f"{median(taken):>10.2f}{cuts[98]:>9.2f}{throughput(port, query):>9.0f}"


def throughput(port: int, query: str) -> float:
    """Requests a second, so many at once."""
    deadline = time.monotonic() + SECONDS

    def work(_number: int) -> int:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        done = 0
        while time.monotonic() < deadline:
            ask(connection, query)
            done += 1
        return done

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(work, range(AT_ONCE))) / SECONDS


if __name__ == "__main__":
    main()
