"""A tenant's hour, compressed: requests that move every metric of the services there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import create_engine, text

from common.operation import SERVICES
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


TRAFFIC: dict[str, Callable[[Stack, Tenant], None]] = {"auth": auth, "masterdata": masterdata}


def failures(stack: Stack) -> None:
    """Each service answers 503 once, while the database seems to be of another release."""
    engine = create_engine(stack.database)
    said = text("update platform.alembic_version set version_num = :version")
    try:
        with engine.begin() as connection:
            head = connection.execute(text("select version_num from platform.alembic_version")).scalar_one()
            connection.execute(said, {"version": "none"})
        with stack.http as http:
            for service in SERVICES:
                assert http.get(f"/{service}/health/ready").status_code == 503
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
