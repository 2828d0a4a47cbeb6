"""Every list can be narrowed and ordered by what its items hold, and says which members those are."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest

from auth import audit, roles
from common.binding import parameters
from common.operation import Operation, Route, discover_all
from rules import sets
from tests.integration.masterdata import files
from tests.integration.platform import Caller, Platform
from tests.integration.workflow import models


def lists() -> list[Operation[..., Any]]:
    routed = [operation for operation in discover_all() if isinstance(operation.trigger, Route)]
    return [one for one in routed if any(p.kind == "selection" for p in parameters(one))]


@pytest.fixture(scope="module")
def owner(platform: Platform) -> Caller:
    return platform.register()


@pytest.fixture(scope="module")
def places(platform: Platform, owner: Caller) -> dict[str, dict[str, Any]]:
    """Where the lists below other things are found, by the first of the path."""
    made = owner.call(sets.create, {"key": "prices", "name": "Prices"}).ok(201)
    with files.bucket(platform):
        started = files.start(owner, entity="customers", format="csv")
    return {
        "/rules/sets/{id}": {"id": made["id"]},
        "/masterdata/imports/{id}": {"id": started["id"]},
        "/workflow/definitions/{key}": {"key": models.publish(owner, models.line(models.task()))},
    }


def path_of(operation: Operation[..., Any], places: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return next((path for start, path in places.items() if operation.route.path.startswith(start)), {})


def test_the_lists_of_every_service_are_among_them() -> None:
    assert {operation.service for operation in lists()} == {
        "auth",
        "masterdata",
        "workflow",
        "rules",
        "gateway",
    }


@pytest.mark.parametrize("operation", lists(), ids=lambda operation: operation.id)
def test_a_list_is_ordered_and_narrowed_by_each_of_its_members(
    owner: Caller, places: dict[str, dict[str, Any]], operation: Operation[..., Any]
) -> None:
    path = path_of(operation, places)
    refused = owner.call(operation, path=path, query={"sort": "shoe_size"}).problem(400)
    assert refused["parameter"] == "sort"
    named = re.search(r"Sort by (.+); not by", refused["detail"])
    assert named is not None
    for member in named[1].split(", "):
        for sort in (member, f"-{member}"):
            owner.call(operation, path=path, query={"sort": sort, "limit": "1"}).ok()
        owner.call(operation, path=path, query={"filter": f"{member} ne null"}).ok()
    told = owner.call(operation, path=path, query={"filter": "shoe_size pr"}).problem(400)
    assert told["parameter"] == "filter"
    assert named[1].split(", ")[0] in told["detail"]


@pytest.mark.parametrize("sort", ["name", "-name", "-description,name", "created_at"])
def test_the_pages_of_an_order_are_the_list_in_that_order(owner: Caller, sort: str) -> None:
    for number in range(7):
        body = {"name": f"r{uuid4().hex}", "description": f"{number % 3}", "permissions": []}
        owner.call(roles.create, body).ok(201)
    whole = owner.call(roles.list_, query={"sort": sort, "limit": "200"}).ok()["items"]
    paged: list[dict[str, Any]] = []
    query = {"sort": sort, "limit": "2"}
    while True:
        answer = owner.call(roles.list_, query=query).ok()
        paged += answer["items"]
        if "next" not in answer or answer["next"] is None:
            break
        query["cursor"] = answer["next"]
    assert paged == whole
    first = sort.split(",", maxsplit=1)[0]
    values = [item[first.lstrip("-")] for item in whole]
    assert values == sorted(values, reverse=first.startswith("-"))


def test_a_filter_holds_beside_what_narrows_the_list_already(owner: Caller) -> None:
    query = {"filter": 'type sw "auth.role." and not (stream co "nothing")', "actor": f"user:{owner.user}"}
    found = owner.call(audit.list_, query=query).ok()["items"]
    assert {event["type"] for event in found} == {"auth.role.created"}


def test_a_cursor_holds_for_its_own_filter_and_order_only(owner: Caller) -> None:
    cursor = owner.call(roles.list_, query={"limit": "1"}).ok()["next"]
    for other in ({"sort": "-name"}, {"filter": "name pr"}):
        owner.call(roles.list_, query={"limit": "1", "cursor": cursor, **other}).problem(400)
