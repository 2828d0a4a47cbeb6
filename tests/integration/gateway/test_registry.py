"""The registry, what Prometheus finds by it, and the roll-ups over it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from common import exposition, health
from common.operation import PLATFORM, SERVICES
from gateway import rollup, services
from gateway.reach.errors import Unreached
from tests.integration.gateway.conftest import Graph, Lambdas, proxied
from tests.integration.platform import Caller, Platform


@pytest.fixture
def operator(platform: Platform) -> Iterator[Caller]:
    """The operator's tenant's owner; what was registered is taken out again."""
    yield platform.register()
    with platform.admin.begin() as connection:
        connection.exec_driver_sql("delete from gateway.services")


def register(operator: Caller, name: str, **entry: Any) -> Any:
    entry = {"url": "https://billing.example"} | entry
    return operator.call(services.register, entry, path={"name": name}).ok()


def test_the_five_are_always_there_and_others_beside_them(operator: Caller) -> None:
    entry = register(operator, "billing", labels={"team": "money"}, timeout_ms=700)
    assert (entry["kind"], entry["version"], entry["health"]) == ("external", 1, "/health")
    listed = operator.call(services.list_).ok()["items"]
    assert [each["name"] for each in listed] == [*SERVICES, "billing"]
    assert [each["kind"] for each in listed] == ["own"] * 5 + ["external"]


def test_the_registry_is_read_page_by_page(operator: Caller) -> None:
    for name in ("shipping", "billing"):
        register(operator, name)
    names: list[str] = []
    query: dict[str, str] = {"limit": "2"}
    while True:
        answer = operator.call(services.list_, query=query).ok()
        names += [each["name"] for each in answer["items"]]
        if answer["next"] is None:
            break
        query["cursor"] = answer["next"]
    assert names == [*SERVICES, "billing", "shipping"]


def test_an_entry_is_replaced_told_and_removed(platform: Platform, operator: Caller) -> None:
    register(operator, "billing")
    assert register(operator, "billing", url="https://bills.example")["version"] == 2
    operator.call(services.remove, path={"name": "billing"}).ok(204)
    operator.call(services.remove, path={"name": "billing"}).problem(404)
    assert register(operator, "billing")["version"] == 1
    told = platform.rows(
        "select type, data from gateway.event_store where tenant_id = :t and stream = 'service:billing'"
        " order by version",
        t=operator.tenant,
    )
    assert [row.type.rsplit(".", 1)[1] for row in told] == [
        "registered",
        "registered",
        "removed",
        "registered",
    ]
    assert told[1].data["url"] == "https://bills.example"


@pytest.mark.parametrize("name", SERVICES)
def test_the_five_are_neither_registered_nor_removed(operator: Caller, name: str) -> None:
    entry = {"url": "https://evil.example"}
    operator.call(services.register, entry, path={"name": name}).problem(409, "own_service")
    operator.call(services.remove, path={"name": name}).problem(409, "own_service")


def test_outside_a_developers_stage_only_public_addresses_are_taken(
    platform: Platform, operator: Caller
) -> None:
    slug = operator.slug
    platform.configure("gateway", stage="prod", operator_tenant=slug)
    try:
        for url in ("http://billing.example", "https://127.0.0.1", "https://169.254.169.254"):
            operator.call(services.register, {"url": url}, path={"name": "billing"}).problem(
                422, "address_refused"
            )
        register(operator, "billing")
        stranger = platform.register()
        stranger.call(services.register, {"url": "https://x.example"}, path={"name": "x"}).problem(
            403, "operator_only"
        )
        stranger.call(services.remove, path={"name": "billing"}).problem(403, "operator_only")
    finally:
        platform.configure("gateway", stage="local", operator_tenant="")


def test_prometheus_finds_every_service(platform: Platform, operator: Caller) -> None:
    register(operator, "billing", metrics="/actuator/prometheus", labels={"team": "money", "service": "x"})
    register(operator, "silent", metrics=None)
    groups = platform.call(services.targets).ok()
    assert groups[0] == {
        "targets": ["api.test"],
        "labels": {
            "__scheme__": "https",
            "__metrics_path__": "/local/auth/metrics",
            "service": "auth",
            "kind": "own",
        },
    }
    assert [group["labels"]["service"] for group in groups] == [*SERVICES, PLATFORM, "billing"]
    assert groups[-1]["labels"] | {"team": "money"} == groups[-1]["labels"]
    assert groups[-1]["labels"]["__metrics_path__"] == "/actuator/prometheus"
    platform.configure("gateway", scrape_token="s3cret")
    try:
        platform.call(services.targets).problem(401)
        platform.call(services.targets, headers={"Authorization": "Bearer s3cret"}).ok()
    finally:
        platform.configure("gateway", scrape_token="")


def own_services(platform: Platform, lambdas: Lambdas) -> None:
    """The five services' own health and metrics, by their real handlers."""
    lock = threading.Lock()
    for service in SERVICES:
        for name, operation in (
            ("health.health", health.health),
            ("health.ready", health.ready),
            ("health.live", health.live),
            ("exposition.expose", exposition.expose),
        ):

            def answer(
                event: dict[str, Any], _s: float, service: str = service, operation: Any = operation
            ) -> Any:
                with lock:
                    platform.use(service)
                    try:
                        return operation.for_service(service)(event, None)
                    finally:
                        platform.use("gateway")

            lambdas.behaviours[f"{service}.{name}"] = answer
    lambdas.behaviours["platform.exposition.expose"] = lambda *_: proxied(503, {})


@contextmanager
def beside(status: int) -> Iterator[str]:
    """Another service, with this health."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_platform_is_ready_when_its_services_are(
    platform: Platform, operator: Caller, lambdas: Lambdas
) -> None:
    own_services(platform, lambdas)
    with beside(200) as url:
        register(operator, "billing", url=url, required=True)
        for operation in (rollup.ready, rollup.live):
            verdict = platform.call(operation).ok()
            assert verdict["status"] == "pass"
            assert [each["name"] for each in verdict["services"]] == [*SERVICES, "billing"]
            assert all(each["duration_ms"] >= 0 for each in verdict["services"])
    checks = platform.call(rollup.ready).json["services"][0]["detail"]["checks"]
    assert [check["name"] for check in checks] == ["database", "migrations"]


def test_a_service_that_the_platform_needs_fails_it_and_another_does_not(
    platform: Platform, operator: Caller, lambdas: Lambdas
) -> None:
    own_services(platform, lambdas)
    with beside(503) as url:
        register(operator, "billing", url=url, required=False)
        verdict = platform.call(rollup.ready).ok()
        assert (verdict["services"][-1]["status"], verdict["status"]) == ("fail", "pass")
        register(operator, "billing", url=url, required=True)
        assert platform.call(rollup.ready).ok(503)["status"] == "fail"
        register(operator, "billing", url=url, required=True, ready=None)
        assert platform.call(rollup.ready).ok()["status"] == "pass"


@pytest.mark.parametrize("nonsense", [None, {}, {"body": 7}, {"body": "{}"}, {"body": "<"}])
def test_an_own_service_that_answers_nonsense_or_not_at_all_fails(
    platform: Platform, lambdas: Lambdas, nonsense: Any
) -> None:
    own_services(platform, lambdas)
    lambdas.behaviours["rules.health.live"] = lambda *_: nonsense
    verdict = platform.call(rollup.live).ok(503)
    assert {each["name"]: each["status"] for each in verdict["services"]}["rules"] == "fail"

    def unreached(_event: Any, _seconds: float) -> Any:
        raise Unreached("could not be reached.")

    lambdas.behaviours["rules.health.live"] = unreached
    verdict = platform.call(rollup.live).ok(503)
    assert verdict["services"][3]["detail"] == "could not be reached."


def test_every_services_metrics_are_one_page(platform: Platform, operator: Caller, lambdas: Lambdas) -> None:
    own_services(platform, lambdas)
    lambdas.behaviours["rules.exposition.expose"] = lambda *_: proxied(500, {})
    answer = platform.call(rollup.metrics)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert answer.text.count("# TYPE requests_total counter") == 1
    assert 'session_counts{service="auth"}' in answer.text
    assert "# TYPE federated_queries_total counter" in answer.text
    assert 'service_up{service="rules"} 0.0' in answer.text
    assert 'service_up{service="auth"} 1.0' in answer.text
    modern = platform.call(rollup.metrics, headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert modern.text.endswith("# EOF\n")


def test_a_caller_without_the_permission_sees_no_registry(platform: Platform, owner: Graph) -> None:
    platform.call(services.list_).problem(401)
