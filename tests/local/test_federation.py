"""6: one query over several services, as HTTP clients send it; and the protocol it is sent by, whole."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from common.operation import PLATFORM, SERVICES
from tests.local.stack import ROOT, Stack, Tenant, eventually, samples

QUERY = """query Joined($id: ID!) {
  me { name tenant { slug } createdCustomers { code } }
  customer(id: $id) { name createdBy { name email } }
}"""


def node(script: str, package: str, *arguments: str) -> Any:
    """What a script of this folder prints, as JSON; skipped where Node or the package is not installed."""
    program = shutil.which("node")
    if program is None or not (ROOT / "node_modules" / package).exists():
        pytest.skip(f"{package} is not installed: `make setup`")
    ran = subprocess.run(
        [program, str(ROOT / "tests" / "local" / script), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def customer(owner: Tenant) -> str:
    with owner.http as http:
        made = http.post("/masterdata/customers", json={"code": "C-1", "name": "Café Zürich"})
    assert made.status_code == 201, made.text
    identifier: str = made.json()["id"]
    return identifier


def test_one_query_is_answered_by_several_services(owner: Tenant) -> None:
    body = {"query": QUERY, "variables": {"id": customer(owner)}}
    with owner.http as http:
        answer = http.post("/graphql", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {
            "data": {
                "me": {
                    "name": "Olive Owner",
                    "tenant": {"slug": owner.slug},
                    "createdCustomers": [{"code": "C-1"}],
                },
                "customer": {
                    "name": "Café Zürich",
                    "createdBy": {"name": "Olive Owner", "email": owner.email},
                },
            }
        }
        assert int(answer.headers["RateLimit-Remaining"]) < int(answer.headers["RateLimit-Limit"])
        by_get = http.get("/graphql", params={"query": "{ me { name } }"})
        assert by_get.json() == {"data": {"me": {"name": "Olive Owner"}}}


def test_another_tenant_sees_nothing_of_it(stack: Stack, owner: Tenant) -> None:
    body = {"query": QUERY, "variables": {"id": customer(owner)}}
    with stack.register().http as http:
        data = http.post("/graphql", json=body).json()["data"]
    assert data["customer"] is None
    assert data["me"]["createdCustomers"] == []


def test_without_a_token_there_is_the_schema_and_nothing_else(stack: Stack) -> None:
    with stack.http as http:
        schema = http.post("/graphql", json={"query": "{ __schema { queryType { name } } }"})
        assert schema.json() == {"data": {"__schema": {"queryType": {"name": "Query"}}}}
        answer = http.post("/graphql", json={"query": "{ customers { nodes { name } } }"}).json()
        assert answer["data"] == {"customers": None}


def test_a_revoked_session_is_refused_by_the_graph_at_once(owner: Tenant) -> None:
    with owner.http as http:
        session = http.get("/auth/me").json()["session_id"]
        assert http.post("/graphql", json={"query": "{ me { name } }"}).status_code == 200
        revoked = http.post("/graphql", json={"query": f'mutation {{ revokeSession(id: "{session}") }}'})
        assert revoked.json() == {"data": {"revokeSession": True}}
        assert http.post("/graphql", json={"query": "{ me { name } }"}).status_code == 401


def test_the_graphql_over_http_audit_has_nothing_to_complain_of(stack: Stack, owner: Tenant) -> None:
    results = node("audit.mjs", "graphql-http", f"{stack.api}/graphql", owner.token)
    complaints = [each for each in results if each["status"] != "ok"]
    assert not complaints, json.dumps(complaints, indent=2)
    assert len(results) >= 61


def test_a_real_client_reads_changes_and_understands_errors(stack: Stack, owner: Tenant) -> None:
    made, read, by_get, refused = node("urql.mjs", "@urql/core", f"{stack.api}/graphql", owner.token)
    assert made["data"]["createCustomer"]["version"] == 1, made
    assert read["data"]["customer"] == {
        "__typename": "Customer",
        "name": "Urql Ltd",
        "createdBy": {"name": "Olive Owner"},
    }
    assert by_get["data"]["me"]["name"] == "Olive Owner"
    assert refused["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert not any("network" in each for each in (made, read, by_get, refused))


def test_the_whole_platform_is_healthy_and_found_by_prometheus(stack: Stack) -> None:
    with stack.http as http:
        for level in ("/health", "/health/ready", "/health/live"):
            answer = http.get(level, timeout=60)
            assert answer.status_code == 200, answer.text
            assert {each["status"] for each in answer.json()["services"]} == {"pass"}
        groups = http.get("/services/targets").json()
        for group in groups:
            labels = group["labels"]
            url = f"{labels['__scheme__']}://{group['targets'][0]}{labels['__metrics_path__']}"
            assert http.get(url).status_code == 200, url


def test_the_graphs_metrics_move_and_are_on_the_platforms_page(stack: Stack, owner: Tenant) -> None:
    series = 'federated_queries_total{operation="query"'

    def counted() -> float:
        with stack.http as http:
            page = samples(http.get("/metrics", timeout=60).text)
        return sum(value for key, value in page.items() if key.startswith(series))

    with stack.http as http:
        page = samples(http.get("/metrics", timeout=60).text)
    assert {page[f'service_up{{service="{name}"}}'] for name in (*SERVICES, PLATFORM)} == {1}
    before = counted()
    with owner.http as http:
        for _ in range(3):
            http.post("/graphql", json={"query": "{ me { name } }"})
    eventually(lambda: counted() >= before + 3, seconds=30)


def test_the_documents_of_the_api_are_served(stack: Stack) -> None:
    with stack.http as http:
        openapi = http.get("/openapi.json").json()
        assert openapi["servers"] == [{"url": stack.api}]
        assert "/graphql" in openapi["paths"]
        assert "gateway.query.completed" in http.get("/asyncapi.json").json()["channels"]
