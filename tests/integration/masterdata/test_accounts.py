"""The chart of accounts stays a tree, and postings stay where they are."""

from __future__ import annotations

from typing import Any

import pytest

from masterdata import accounts
from tests.integration.platform import Answer, Caller, Platform


@pytest.fixture
def owner(platform: Platform) -> Caller:
    return platform.register()


def _create(owner: Caller, code: str, parent: Any = None, **more: Any) -> Answer:
    new = {"code": code, "name": f"Account {code}", "type": "asset", "postable": False}
    return owner.call(accounts.create, new | {"parent_id": parent and parent["id"]} | more)


def _change(owner: Caller, account: Any, **changes: Any) -> Answer:
    return owner.call(
        accounts.patch, changes, path={"id": account["id"]}, headers={"If-Match": f'"{account["version"]}"'}
    )


def _move(owner: Caller, account: Any, parent: Any) -> Answer:
    return owner.call(
        accounts.move,
        {"parent_id": parent and parent["id"]},
        path={"id": account["id"]},
        headers={"If-Match": f'"{account["version"]}"'},
    )


def _shape(nodes: Any) -> Any:
    return {node["code"]: _shape(node["children"]) for node in nodes}


def test_the_tree_is_read_whole_and_in_parts(owner: Caller) -> None:
    top = _create(owner, "1000").ok(201)
    cash = _create(owner, "1100", top).ok(201)
    for code in ("1120", "1110"):
        _create(owner, code, cash, postable=True).ok(201)
    _create(owner, "4000", type="income", postable=True).ok(201)
    tree = owner.call(accounts.tree).ok()["roots"]
    assert _shape(tree) == {"1000": {"1100": {"1110": {}, "1120": {}}}, "4000": {}}
    assert [node["code"] for node in tree[0]["children"][0]["children"]] == ["1110", "1120"]
    part = owner.call(accounts.tree, query={"root": cash["id"]}).ok()["roots"]
    assert _shape(part) == {"1100": {"1110": {}, "1120": {}}}
    owner.call(accounts.tree, query={"root": "01890000-0000-7000-8000-000000000000"}).problem(404)


def test_an_account_moves_with_all_below_it_but_not_below_itself(owner: Caller) -> None:
    one, two = _create(owner, "1").ok(201), _create(owner, "2").ok(201)
    below = _create(owner, "11", one).ok(201)
    leaf = _create(owner, "111", below).ok(201)
    _move(owner, one, leaf).problem(409, "cycle")
    _move(owner, one, one).problem(409, "cycle")
    _change(owner, one, parent_id=leaf["id"]).problem(409, "cycle")
    moved = _move(owner, below, two).ok()
    assert moved["parent_id"] == two["id"]
    assert _shape(owner.call(accounts.tree).ok()["roots"]) == {"1": {}, "2": {"11": {"111": {}}}}
    top = _move(owner, moved, None).ok()
    assert top["parent_id"] is None
    owner.call(accounts.move, {}, path={"id": top["id"]}, headers={"If-Match": '"3"'}).problem(422)


def test_what_is_below_an_account_is_of_its_type(owner: Caller) -> None:
    top = _create(owner, "1").ok(201)
    assert _create(owner, "2", top, type="income").problem(422)["errors"][0]["pointer"] == "/type"
    below = _create(owner, "11", top).ok(201)
    _change(owner, top, type="equity").problem(409, "in_use")
    _change(owner, below, type="equity").problem(422)
    income = _create(owner, "4", type="income").ok(201)
    _move(owner, below, income).problem(422)


def test_only_leaves_take_postings(owner: Caller) -> None:
    top = _create(owner, "1").ok(201)
    leaf = _create(owner, "11", top, postable=True).ok(201)
    _create(owner, "111", leaf).problem(422)
    _change(owner, top, postable=True).problem(409, "in_use")
    _change(owner, leaf, postable=False).ok()


def test_an_account_with_postings_keeps_its_type_and_currency(owner: Caller) -> None:
    leaf = _create(owner, "1", postable=True, currency="EUR").ok(201)
    leaf = _change(owner, leaf, posted=True).ok()
    _change(owner, leaf, type="equity").problem(409, "in_use")
    _change(owner, leaf, currency="USD").problem(409, "in_use")
    _change(owner, leaf, postable=False).problem(422)
    _change(owner, leaf, posted=False).problem(422)
    assert _change(owner, leaf, name="Renamed").ok()["name"] == "Renamed"
    _create(owner, "2", posted=True).problem(422)


def test_archiving_needs_an_empty_account_and_restoring_a_living_parent(owner: Caller) -> None:
    top = _create(owner, "1").ok(201)
    leaf = _create(owner, "11", top).ok(201)
    match = {"If-Match": '"1"'}
    owner.call(accounts.archive, path={"id": top["id"]}, headers=match).problem(409, "in_use")
    owner.call(accounts.archive, path={"id": leaf["id"]}, headers=match).ok(204)
    owner.call(accounts.archive, path={"id": top["id"]}, headers=match).ok(204)
    owner.call(accounts.restore, path={"id": leaf["id"]}, headers={"If-Match": '"2"'}).problem(422)
    _create(owner, "12", top).problem(422)
    assert owner.call(accounts.tree).ok()["roots"] == []


def test_a_parent_is_an_account_of_the_tenant(platform: Platform, owner: Caller) -> None:
    foreign = _create(platform.register(), "1").ok(201)
    assert _create(owner, "1", foreign).problem(422)["errors"][0]["pointer"] == "/parent_id"


def test_the_tree_is_bounded_in_depth(owner: Caller) -> None:
    parent = None
    for depth in range(40):
        answer = _create(owner, f"D{depth}", parent)
        if answer.status != 201:
            break
        parent = answer.json
    answer.problem(422)
    assert depth == 32
