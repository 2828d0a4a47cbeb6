"""A tenant's hour, compressed: requests that move every metric of the services there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import create_engine, text

from common.operation import SERVICES
from tests.integration.rules.test_rule_sets import DISCOUNT, rule
from tests.integration.workflow.models import line, task
from tests.local.stack import PASSWORD, Stack, Tenant


def an_hour(stack: Stack, owner: Tenant) -> None:
    """Everything once, in every service."""
    for drive in TRAFFIC.values():
        drive(stack, owner)


def auth(stack: Stack, owner: Tenant) -> None:
    """Sign-ins that succeed and fail, and a refresh."""
    given = {"tenant": owner.slug, "email": owner.email}
    with stack.http as http:
        tokens = accepted(http.post("/auth/login", json=given | {"password": PASSWORD}))
        assert http.post("/auth/login", json=given | {"password": "x" * 12}).status_code == 401
        accepted(http.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}))


def masterdata(_stack: Stack, owner: Tenant) -> None:
    """A customer's life; read twice, so that the second time it comes from memory."""
    with owner.http as http:
        made = accepted(http.post("/masterdata/customers", json={"code": code(), "name": "Café"}))
        place = f"/masterdata/customers/{made['id']}"
        for _ in range(3):
            read = http.get(place)
            accepted(read)
        accepted(http.get("/masterdata/customers"))
        assert http.delete(place, headers={"If-Match": read.headers["etag"]}).status_code == 204


def rules(_stack: Stack, owner: Tenant) -> None:
    """A rule set that decides twice, the second time out of memory."""
    discounts = DISCOUNT | {"key": f"discount-{uuid4().hex[:8]}"}
    with owner.http as http:
        accepted(http.post("/rules/sets", json=discounts))
        place = f"/rules/sets/{discounts['key']}"
        accepted(http.post(f"{place}/rules", json=rule("big", "CH", 1000, 10)))
        accepted(http.post(f"{place}/publish"))
        for amount in (10, 2000, 3000):
            accepted(http.post(f"{place}/evaluate", json={"facts": {"country": "CH", "amount": amount}}))


def workflow(_stack: Stack, owner: Tenant) -> None:
    """A process that is done by hand, and one whose task is late as soon as it is there."""
    late = task(sla={"target": "PT1S"})
    with owner.http as http:
        for definition, finish in ((line(task()), True), (line(late), False)):
            accepted(http.post("/workflow/definitions", json=definition))
            accepted(http.post(f"/workflow/definitions/{definition['key']}/publish"))
            started = {"definition": definition["key"], "variables": {}}
            process = accepted(http.post("/workflow/processes", json=started))
            if finish:
                query = {"process_id": process["id"]}
                (ask,) = accepted(http.get("/workflow/tasks", params=query))["items"]
                accepted(http.post(f"/workflow/tasks/{ask['id']}/claim"))
                accepted(http.post(f"/workflow/tasks/{ask['id']}/complete", json={"variables": {}}))


def gateway(stack: Stack, owner: Tenant) -> None:
    """A query over two services, one that is wrong, and more than a caller without a token may ask."""
    with owner.http as http:
        told = accepted(http.post("/graphql", json={"query": "{ me { name createdCustomers { code } } }"}))
        assert told["data"]["me"]["createdCustomers"] is not None, told
        assert "errors" in http.post("/graphql", json={"query": "{ nonsense }"}).json()
    batch = [{"query": "{ __typename }"}] * 10
    address = {"X-Forwarded-For": "198.51.100.7"}
    with stack.http as http:
        answers = (http.post("/graphql", json=batch, headers=address).status_code for _ in range(100))
        assert 429 in answers


TRAFFIC: dict[str, Callable[[Stack, Tenant], None]] = {
    "auth": auth,
    "masterdata": masterdata,
    "rules": rules,
    "workflow": workflow,
    "gateway": gateway,
}


def failures(stack: Stack) -> None:
    """Each service answers 503 once, while the database seems to be of an earlier release."""
    engine = create_engine(stack.database)
    said = text("update platform.alembic_version set version_num = :version")
    try:
        with engine.begin() as connection:
            head = connection.execute(text("select version_num from platform.alembic_version")).scalar_one()
            connection.execute(said, {"version": "0001"})
        with stack.http as http:
            for service in SERVICES:
                answer = http.get(f"/{service}/health/ready")
                assert answer.status_code == 503, answer.text
    finally:
        with engine.begin() as connection:
            connection.execute(said, {"version": head})
        engine.dispose()
    answer = stack.invoke("groundwork-local-redrive", {"owners": ["nobody"]})
    assert answer["errorType"]


def code() -> str:
    """A code that nothing has yet."""
    return f"T-{uuid4().hex[:12]}"


def accepted(answer: httpx.Response) -> Any:
    """The body, if the request was taken."""
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None
