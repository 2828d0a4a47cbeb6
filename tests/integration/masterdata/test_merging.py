"""Likely duplicates, and what a merge leaves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from common import database
from masterdata import customers, merging, vendors
from tests.integration.platform import Caller, Platform


def _create(owner: Caller, code: str, name: str, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = owner.call(customers.create, {"code": code, "name": name} | more).ok(201)
    return made


def _merge(owner: Caller, kept: Any, gone: Any, **more: Any) -> Any:
    body = {"duplicate": gone["id"], "duplicate_version": gone["version"]} | more
    return owner.call(
        customers.merge, body, path={"id": kept["id"]}, headers={"If-Match": f'"{kept["version"]}"'}
    )


def _pairs(owner: Caller, **query: Any) -> list[Any]:
    found, cursor = [], None
    while True:
        page = owner.call(customers.duplicates, query=query | ({"cursor": cursor} if cursor else {})).ok()
        found += page["items"]
        if (cursor := page["next"]) is None:
            return found


def test_likely_pairs_are_told_once_with_score_and_reasons(platform: Platform) -> None:
    owner = platform.register()
    mail = {"contacts": [{"name": "Ann", "email": "ann@acme.test"}]}
    _create(owner, "A-1", "Acme Müller GmbH", tax_id="DE136695976", **mail)
    _create(owner, "A-2", "Mueller Acme", tax_id="DE 136 695 976", **mail)
    _create(owner, "B-1", "Zebra Logistics", contacts=[{"name": "Zoe", "phone": "+49 30 5551234"}])
    _create(owner, "B-2", "Quite Other", contacts=[{"name": "Yan", "phone": "030 5551234"}])
    _create(owner, "C-1", "Nobody Like Me")
    (sure,) = _pairs(owner)
    assert {sure["one"]["code"], sure["other"]["code"]} == {"A-1", "A-2"}
    assert sure["reasons"] == ["tax_id", "email", "name"]
    assert sure["score"] > 0.95
    likely = _pairs(owner, min_score=0.3)
    assert [pair["reasons"] for pair in likely] == [["tax_id", "email", "name"], ["phone"]]
    owner.call(customers.duplicates, query={"min_score": 1.5}).problem(400)


def test_pairs_are_walked_in_bounded_pages(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = platform.register()
    for n in range(9):
        _create(owner, f"A-{n}", "Same Name")
        _create(owner, f"B-{n}", f"Unlike{chr(97 + n) * 3} Number{n}")
    pairs = _pairs(owner, limit=4)
    assert len({(p["one"]["id"], p["other"]["id"]) for p in pairs}) == len(pairs) == 36
    assert merging.KEYS_WALKED * merging.MEETINGS <= 40_000


def test_archived_and_merged_partners_are_no_duplicates(platform: Platform) -> None:
    owner = platform.register()
    one, other, third = (_create(owner, f"D-{n}", "Double Vision Ltd") for n in range(3))
    assert len(_pairs(owner)) == 3
    owner.call(customers.archive, path={"id": third["id"]}, headers={"If-Match": '"1"'}).ok(204)
    assert len(_pairs(owner)) == 1
    _merge(owner, one, other).ok()
    assert _pairs(owner) == []
    owner.call(customers.restore, path={"id": third["id"]}, headers={"If-Match": '"2"'}).ok()
    assert len(_pairs(owner)) == 1


def test_a_merge_unites_the_two_and_leaves_a_redirect(platform: Platform) -> None:
    owner = platform.register()
    kept = _create(
        owner, "K-1", "Kept", currency="EUR", attributes={"a": 1, "c": 1}, contacts=[{"name": "Ann"}]
    )
    gone = _create(
        owner,
        "G-1",
        "Gone",
        currency="USD",
        tax_id="x1",
        attributes={"a": 2, "b": 2},
        contacts=[{"name": "Ann"}, {"name": "Bob"}],
    )
    after = _merge(owner, kept, gone, take=["name"]).ok()
    assert (after["code"], after["name"], after["currency"], after["tax_id"]) == ("K-1", "Gone", "EUR", "x1")
    assert after["attributes"] == {"a": 1, "b": 2, "c": 1}
    assert [contact["name"] for contact in after["contacts"]] == ["Ann", "Bob"]

    answer = owner.call(customers.read, path={"id": gone["id"]})
    assert answer.status == 308
    assert answer.headers["Location"].endswith(f"/masterdata/customers/{kept['id']}")
    assert answer.json["merged_into"] == kept["id"]
    match = {"If-Match": answer.etag}
    for operation, body in (
        (customers.restore, None),
        (customers.patch, {"name": "x"}),
        (customers.archive, None),
    ):
        owner.call(operation, body, path={"id": gone["id"]}, headers=match).problem(409, "merged")
    happened = [c["happened"] for c in owner.call(customers.history, path={"id": gone["id"]}).ok()["items"]]
    assert happened == ["merged", "created"]
    assert [item["id"] for item in owner.call(customers.list_).ok()["items"]] == [kept["id"]]


def test_a_merge_that_makes_no_sense_is_refused(platform: Platform) -> None:
    owner = platform.register()
    kept, gone = _create(owner, "K", "Kept"), _create(owner, "G", "Gone")
    _merge(owner, kept, kept).problem(422)
    _merge(owner, kept, gone, take=["code"]).problem(422)
    _merge(owner, kept, gone | {"version": 7}).problem(412)
    _merge(owner, kept | {"version": 7}, gone).problem(412)
    _merge(owner, kept, gone | {"id": "01890000-0000-7000-8000-000000000000"}).problem(404)
    _merge(owner, kept, gone).ok()
    _merge(owner, kept | {"version": 2}, gone | {"version": 2}).problem(409, "merged")


def test_two_merges_of_one_pair_in_both_directions_end_with_one_survivor(platform: Platform) -> None:
    owner = platform.register()
    wide = database.open_engine(database.url_of(platform.settings["masterdata"]), size=2)
    narrow, database.engine = database.engine, lambda: wide
    try:
        for n in range(5):
            one, other = _create(owner, f"L-{n}", "x"), _create(owner, f"R-{n}", "y")
            with ThreadPoolExecutor(2) as pool:
                answers = list(pool.map(lambda pair: _merge(owner, *pair), [(one, other), (other, one)]))
            assert sorted(answer.status for answer in answers) in ([200, 409], [200, 412])
    finally:
        database.engine = narrow
        wide.dispose()


def test_vendors_merge_likewise(platform: Platform) -> None:
    owner = platform.register()
    one, other = (owner.call(vendors.create, {"code": c, "name": "Same"}).ok(201) for c in "AB")
    assert len(owner.call(vendors.duplicates).ok()["items"]) == 1
    body = {"duplicate": other["id"], "duplicate_version": 1}
    owner.call(vendors.merge, body, path={"id": one["id"]}, headers={"If-Match": '"1"'}).ok()
    assert owner.call(vendors.read, path={"id": other["id"]}).status == 308
