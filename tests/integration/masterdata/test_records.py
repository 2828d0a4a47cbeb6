"""The life of every entity's records: created, read, changed, archived, restored, and what is told of it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest

from masterdata import accounts, customers, products, vendors
from tests.integration.platform import Caller, Platform

ENTITIES: dict[str, tuple[ModuleType, dict[str, Any], dict[str, Any]]] = {
    "customer": (customers, {"credit_limit": "1500.50", "currency": "EUR"}, {"credit_limit": "2000.0000"}),
    "vendor": (vendors, {"iban": "DE89370400440532013000"}, {"payment_terms_days": 30}),
    "product": (products, {"price": "9.99", "currency": "EUR", "barcode": "4006381333931"}, {"unit": "KGM"}),
    "account": (accounts, {"type": "asset", "postable": False}, {"currency": "EUR"}),
}

each_entity = pytest.mark.parametrize("one", ENTITIES)


def _new(one: str, **more: Any) -> dict[str, Any]:
    return {"code": f"X-{uuid4().hex[:8]}", "name": "Something"} | ENTITIES[one][1] | more


def _create(owner: Caller, one: str, **more: Any) -> tuple[dict[str, Any], str]:
    answer = owner.call(ENTITIES[one][0].create, _new(one, **more))
    return answer.ok(201), answer.etag


@each_entity
def test_a_record_lives_from_creation_to_restoration(platform: Platform, one: str) -> None:
    owner = platform.register()
    module, _, change = ENTITIES[one]
    made, tag = _create(owner, one, attributes={"tier": "gold", "old": 1})
    place = {"id": made["id"]}

    patch = {"name": "Else", "attributes": {"old": None, "new": {"x": 1}}} | change
    patched = owner.call(module.patch, patch, path=place, headers={"If-Match": tag})
    after = patched.ok()
    assert after == made | change | {
        "name": "Else",
        "attributes": {"tier": "gold", "new": {"x": 1}},
        "version": 2,
        "updated_at": after["updated_at"],
    }

    replaced = owner.call(
        module.replace, _new(one, code=made["code"]), path=place, headers={"If-Match": patched.etag}
    )
    assert replaced.ok()["attributes"] == {}
    owner.call(module.archive, path=place, headers={"If-Match": replaced.etag}).ok(204)
    archived = owner.call(module.read, path=place)
    assert archived.ok()["archived_at"] is not None
    owner.call(module.patch, {"name": "x"}, path=place, headers={"If-Match": archived.etag}).problem(
        409, "archived"
    )
    owner.call(module.create, _new(one, code=made["code"])).problem(409, "code_taken")
    restored = owner.call(module.restore, path=place, headers={"If-Match": archived.etag})
    assert restored.ok()["archived_at"] is None
    owner.call(module.restore, path=place, headers={"If-Match": restored.etag}).problem(409)

    happened = [change["happened"] for change in owner.call(module.history, path=place).ok()["items"]]
    assert happened == ["restored", "archived", "updated", "updated", "created"]
    topics = platform.rows(
        "select topic, payload from platform.outbox where key = :key order by position",
        key=f"{one}:{made['id']}",
    )
    assert [topic for topic, _ in topics] == [f"masterdata.{one}.{h}" for h in reversed(happened)]
    assert json.loads(topics[-1].payload) == restored.json


@each_entity
def test_a_change_says_which_version_it_changes(platform: Platform, one: str) -> None:
    owner = platform.register()
    module = ENTITIES[one][0]
    made, tag = _create(owner, one)
    place = {"id": made["id"]}
    for operation, body in (
        (module.replace, _new(one)),
        (module.patch, {"name": "x"}),
        (module.archive, None),
        (module.restore, None),
    ):
        owner.call(operation, body, path=place).problem(428)
        owner.call(operation, body, path=place, headers={"If-Match": '"7"'}).problem(412)
        owner.call(operation, body, path={"id": uuid4()}, headers={"If-Match": tag}).problem(404)
    assert owner.call(module.read, path=place, headers={"If-None-Match": tag}).status == 304


@each_entity
def test_permissions_are_of_the_entity(platform: Platform, one: str) -> None:
    module = ENTITIES[one][0]
    assert module.create.permission == f"masterdata.{one}.create"
    assert {module.read.permission, module.list_.permission, module.history.permission} == {
        f"masterdata.{one}.read"
    }
    platform.call(module.list_).problem(401)


def test_the_past_is_read_as_it_was(platform: Platform) -> None:
    owner = platform.register()
    before = datetime.now(UTC).isoformat()
    made, tag = _create(owner, "customer", name="First")
    place = {"id": made["id"]}
    between = datetime.now(UTC).isoformat()
    time.sleep(0.002)
    owner.call(customers.patch, {"name": "Second"}, path=place, headers={"If-Match": tag}).ok()

    assert owner.call(customers.read, path=place, query={"as_of": between}).ok() == made
    owner.call(customers.read, path=place, query={"as_of": before}).problem(404)
    owner.call(customers.read, path=place, query={"as_of": "2026-01-01T00:00:00"}).problem(400)
    assert owner.call(customers.read, path=place).ok()["name"] == "Second"

    assert owner.call(customers.list_, query={"as_of": between}).ok()["items"] == [made]
    assert owner.call(customers.list_, query={"as_of": before}).ok()["items"] == []
    owner.call(customers.list_, query={"as_of": between, "sort": "name"}).problem(400)


def test_a_list_of_the_past_is_walked_and_knows_what_was_archived_then(platform: Platform) -> None:
    owner = platform.register()
    made = [_create(owner, "customer", name=f"N{n}")[0] for n in range(5)]
    then = datetime.now(UTC).isoformat()
    owner.call(customers.archive, path={"id": made[0]["id"]}, headers={"If-Match": '"1"'}).ok(204)
    now = datetime.now(UTC).isoformat()
    seen, cursor = [], None
    while True:
        query = {"as_of": then, "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = owner.call(customers.list_, query=query).ok()
        seen += page["items"]
        if (cursor := page["next"]) is None:
            break
    assert seen == made
    assert owner.call(customers.list_, query={"as_of": now}).ok()["items"] == made[1:]
    assert len(owner.call(customers.list_, query={"as_of": now, "archived": "true"}).ok()["items"]) == 5


def test_history_tells_who_changed_what_field_by_field(platform: Platform) -> None:
    owner = platform.register()
    made, tag = _create(owner, "customer", name="A", attributes={"tier": "gold"})
    place = {"id": made["id"]}
    owner.call(
        customers.patch,
        {"name": "B", "attributes": {"tier": "silver", "since": 2020}, "credit_limit": None},
        path=place,
        headers={"If-Match": tag, "X-Correlation-Id": "the-change"},
    ).ok()
    first = owner.call(customers.history, path=place, query={"limit": 1}).ok()
    (change,) = first["items"]
    assert (change["version"], change["actor"], change["correlation_id"]) == (
        2,
        f"user:{owner.user}",
        "the-change",
    )
    assert sorted(change["changes"], key=lambda c: c["field"]) == [
        {"field": "attributes.since", "before": None, "after": 2020},
        {"field": "attributes.tier", "before": "gold", "after": "silver"},
        {"field": "credit_limit", "before": "1500.5000", "after": None},
        {"field": "name", "before": "A", "after": "B"},
    ]
    rest = owner.call(customers.history, path=place, query={"limit": 1, "cursor": first["next"]}).ok()
    assert [c["happened"] for c in rest["items"]] == ["created"]
    assert rest["next"] is None
    owner.call(customers.history, path={"id": uuid4()}).problem(404)


def test_a_cached_record_is_never_stale(platform: Platform) -> None:
    """Another container, played by the database's superuser, changes the record behind this one's back."""
    owner = platform.register()
    made, _ = _create(owner, "customer", name="Before")
    place = {"id": made["id"]}
    for _ in range(2):
        assert owner.call(customers.read, path=place).ok()["name"] == "Before"
    platform.rows(
        "update masterdata.customers set name = 'After', version = version + 1 where id = :id returning 1",
        id=made["id"],
    )
    assert owner.call(customers.read, path=place).ok()["name"] == "After"


def test_the_cache_counts_its_hits_and_misses(platform: Platform, capsys: pytest.CaptureFixture[str]) -> None:
    owner = platform.register()
    made, _ = _create(owner, "customer")
    capsys.readouterr()
    for _ in range(3):
        owner.call(customers.read, path={"id": made["id"]}).ok()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    counted = {
        name: sum(sum(line.get(name, [])) for line in lines if "_aws" in line)
        for name in (
            "cache_hits_total",
            "cache_misses_total",
            "crud_operations_total",
        )
    }
    assert counted == {"cache_hits_total": 2, "cache_misses_total": 1, "crud_operations_total": 3}


def test_another_tenant_sees_nothing_of_it(platform: Platform) -> None:
    owner, stranger = platform.register(), platform.register()
    made, tag = _create(owner, "customer")
    place, match = {"id": made["id"]}, {"If-Match": tag}
    now = datetime.now(UTC).isoformat()
    stranger.call(customers.read, path=place).problem(404)
    stranger.call(customers.read, path=place, query={"as_of": now}).problem(404)
    stranger.call(customers.patch, {"name": "x"}, path=place, headers=match).problem(404)
    stranger.call(customers.history, path=place).problem(404)
    assert stranger.call(customers.list_, query={"q": "something"}).ok()["items"] == []
    assert stranger.call(customers.list_, query={"as_of": now}).ok()["items"] == []


def test_products_keep_skus_and_barcodes_apart(platform: Platform) -> None:
    owner = platform.register()
    made, _ = _create(owner, "product", code="P-1")
    assert made["sku"] == "P-1"
    owner.call(products.create, {"code": "P-2", "name": "x", "sku": "P-1"}).problem(409, "code_taken")
    owner.call(products.create, {"code": "P-2", "name": "x", "barcode": "4006381333931"}).problem(
        409, "code_taken"
    )


def test_text_with_characters_that_cannot_be_stored_is_refused(platform: Platform) -> None:
    owner = platform.register()
    owner.call(customers.create, {"code": "C", "name": "x", "attributes": {"a": "\u0000"}}).problem(400)
    owner.call(customers.list_, query={"q": "\u0000"}).problem(400)


def test_attributes_that_nest_too_deeply_are_refused(platform: Platform) -> None:
    owner = platform.register()
    deep = '{"code": "C", "name": "x", "attributes": {"a": ' + "[" * 20_000 + "]" * 20_000 + "}}"
    owner.call(customers.create, raw=deep).problem(400)
    made, tag = _create(owner, "customer")
    for depth in (100, 400, 800, 950):
        patch = '{"attributes": ' + '{"a":' * depth + "1" + "}" * depth + "}"
        answer = owner.call(customers.patch, raw=patch, path={"id": made["id"]}, headers={"If-Match": tag})
        if answer.status == 200:
            tag = answer.etag
        else:
            assert depth > 400
            assert answer.status in (400, 422)
