"""Exports: files that a spreadsheet opens, and that an import reads back."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from masterdata import accounts, customers, export_worker, exports, storage, waiting
from tests.integration.masterdata import files
from tests.integration.platform import Caller, Platform


@pytest.fixture
def s3(platform: Platform) -> Iterator[Any]:
    with files.bucket(platform) as client:
        yield client


@pytest.fixture
def owner(platform: Platform) -> Caller:
    """A tenant with seven customers, one of them archived."""
    caller = platform.register()
    for n in range(7):
        new: dict[str, Any] = {
            "code": f"C-{n}",
            "name": ["Ann", "=cmd()", "Zürich; AG", '"Q"'][n % 4],
            "credit_limit": f"{n}.50",
            "contacts": [{"name": f"P{i}", "phone": "+49 1"} for i in range(n % 3)],
            "addresses": [{"lines": ["a", "b"], "country": "DE"}] if n % 2 else [],
            "attributes": {f"k{n % 2}": "v"},
        }
        caller.call(customers.create, new).ok(201)
    last = caller.call(customers.list_, query={"sort": "-code", "limit": 1}).ok()["items"][0]
    caller.call(customers.archive, path={"id": last["id"]}, headers={"If-Match": '"1"'}).ok(204)
    return caller


def _own(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    system = ("id", "version", "created_at", "created_by", "updated_at", "updated_by")
    return sorted(({k: v for k, v in r.items() if k not in system} for r in records), key=lambda r: r["code"])


def test_a_csv_export_opens_in_a_spreadsheet(s3: Any, owner: Caller) -> None:
    ended, content = files.export(s3, owner, entity="customers")
    assert (ended["status"], ended["rows"], ended["size"]) == ("completed", 6, len(content))
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    assert {row["code"] for row in rows} == {f"C-{n}" for n in range(6)}
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row.values())
    answer = requests.get(ended["download"]["url"], timeout=5)
    assert answer.content == content
    assert "customers-" in answer.headers["Content-Disposition"]


@pytest.mark.parametrize("format_", ["csv", "ndjson"])
def test_what_is_exported_imports_into_another_tenant_as_it_was(s3: Any, owner: Caller, format_: str) -> None:
    other = owner.platform.register()
    _, content = files.export(s3, owner, entity="customers", format=format_)
    ended = files.run(s3, other, content, entity="customers", format=format_)
    assert (ended["created"], ended["failed"]) == (6, 0), files.errors(other, ended)
    original = owner.call(customers.list_).ok()["items"]
    assert _own(other.call(customers.list_).ok()["items"]) == _own(original)


@pytest.mark.parametrize("format_", ["csv", "ndjson"])
def test_a_chart_of_accounts_keeps_its_shape_in_another_tenant(
    s3: Any, platform: Platform, format_: str
) -> None:
    one, other = platform.register(), platform.register()
    new = {"name": "x", "type": "asset", "postable": False}
    top = one.call(accounts.create, new | {"code": "1"}).ok(201)
    one.call(accounts.create, new | {"code": "11", "parent_id": top["id"], "postable": True}).ok(201)
    _, content = files.export(s3, one, entity="accounts", format=format_)
    ended = files.run(s3, other, content, entity="accounts", format=format_)
    assert (ended["created"], ended["failed"]) == (2, 0), files.errors(other, ended)
    (root,) = other.call(accounts.tree).ok()["roots"]
    assert (root["code"], [child["code"] for child in root["children"]]) == ("1", ["11"])


def test_an_export_is_narrowed_by_a_filter_and_widened_to_the_archived(s3: Any, owner: Caller) -> None:
    _, content = files.export(
        s3, owner, entity="customers", format="ndjson", filter='code ge "C-5"', archived=True
    )
    assert [json.loads(line)["code"] for line in content.splitlines()] == ["C-5", "C-6"]
    assert json.loads(content.splitlines()[0])["credit_limit"] == "5.5000"
    owner.call(exports.create, {"entity": "customers", "filter": "colour pr"}).problem(400)


def test_an_export_of_nothing_is_a_file_with_a_header(s3: Any, platform: Platform) -> None:
    ended, content = files.export(s3, platform.register(), entity="products")
    assert ended["rows"] == 0
    assert content.decode("utf-8-sig").startswith("id,code,name,")


def test_a_large_export_is_written_in_parts_over_pages(
    s3: Any, owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_worker, "PAGE", 2)
    expected = files.export(s3, owner, entity="customers", format="ndjson")[1]
    monkeypatch.setattr(storage, "PART", 5 * 1024 * 1024)
    padding = "x" * 5_000_000
    encode = export_worker._encode
    monkeypatch.setattr(export_worker, "_encode", lambda record: encode(record) + padding.encode())
    _, content = files.export(s3, owner, entity="customers", format="ndjson")
    assert content.replace(padding.encode(), b"") == expected


def test_an_export_whose_worker_fell_silent_is_taken_up(s3: Any, owner: Caller) -> None:
    job = owner.call(exports.create, {"entity": "customers"}).ok(202)
    assert job["status"] == "queued"
    assert job["download"] is None
    owner.platform.rows(
        "update masterdata.exports set status = 'running', lease_until = now() - interval '1 second' "
        "where id = :id returning 1",
        id=job["id"],
    )
    owner.platform.invoke(waiting.resume, {})
    assert owner.call(exports.read, path={"id": job["id"]}).ok()["rows"] == 6


def test_another_tenants_export_is_not_there(s3: Any, owner: Caller) -> None:
    job = owner.call(exports.create, {"entity": "customers"}).ok(202)
    owner.platform.register().call(exports.read, path={"id": job["id"]}).problem(404)


def test_a_file_store_that_does_not_answer_is_told(platform: Platform, owner: Caller) -> None:
    with files.bucket(platform) as client:
        client.delete_bucket(Bucket=files.BUCKET)
        owner.call(exports.create, {"entity": "customers"}).problem(503)
