"""Two editors at once never lose a change."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from common import database
from masterdata import accounts, customers
from tests.integration.platform import Caller, Platform


@pytest.fixture(scope="module")
def owner(platform: Platform) -> Caller:
    return platform.register()


class Editor:
    """A client that remembers the version it saw last, and edits from that."""

    def __init__(self, owner: Caller, place: dict[str, str]) -> None:
        self.owner, self.place, self.tag, self.seen = owner, place, "", dict[str, Any]()

    def look(self) -> None:
        answer = self.owner.call(customers.read, path=self.place)
        self.tag, self.seen = answer.etag, answer.ok()

    def edit(self, attribute: str, value: int) -> bool:
        """Add to what was seen; True if it was accepted."""
        attributes = self.seen["attributes"] | {attribute: value}
        body = {"code": self.seen["code"], "name": self.seen["name"], "attributes": attributes}
        answer = self.owner.call(customers.replace, body, path=self.place, headers={"If-Match": self.tag})
        if answer.status == 200:
            self.tag, self.seen = answer.etag, answer.ok()
            return True
        assert answer.status == 412, answer.text
        return False


_steps = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["look", "edit"])), max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_steps)
def test_no_interleaving_of_editors_loses_an_accepted_change(
    owner: Caller, steps: list[tuple[int, str]]
) -> None:
    code = f"C-{threading.get_ident() % 1000}-{id(steps)}-{len(steps)}"
    made = owner.call(customers.create, {"code": code, "name": "x"})
    if made.status == 409:
        made = owner.call(
            customers.create, {"code": f"{code}.{made.headers['X-Correlation-Id']}", "name": "x"}
        )
    place = {"id": made.ok(201)["id"]}
    editors = [Editor(owner, place) for _ in range(3)]
    for editor in editors:
        editor.look()
    accepted: dict[str, int] = {}
    for number, (who, what) in enumerate(steps):
        if what == "look":
            editors[who].look()
        elif editors[who].edit(f"step{number}", who):
            accepted[f"step{number}"] = who
    final = owner.call(customers.read, path=place).ok()
    assert final["attributes"] == accepted
    assert final["version"] == 1 + len(accepted)
    history = owner.call(customers.history, path=place).ok()["items"]
    assert [change["version"] for change in history] == list(range(final["version"], 0, -1))


def test_editors_at_the_very_same_time_lose_nothing(platform: Platform, owner: Caller) -> None:
    """Real threads on connections of their own; each keeps trying until its change is accepted."""
    place = {"id": owner.call(customers.create, {"code": "RACE", "name": "x"}).ok(201)["id"]}
    configuration = platform.settings["masterdata"]
    wide = database.open_engine(database.url_of(configuration), size=4)
    narrow, database.engine = database.engine, lambda: wide
    try:
        platform.use("masterdata")

        def insist(who: int) -> int:
            editor, tries = Editor(owner, place), 0
            for number in range(5):
                editor.look()
                while not editor.edit(f"editor{who}.{number}", number):
                    editor.look()
                    tries += 1
            return tries

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(insist, range(4)))
    finally:
        database.engine = narrow
        wide.dispose()
    final = owner.call(customers.read, path=place).ok()
    assert final["attributes"] == {f"editor{who}.{n}": n for who in range(4) for n in range(5)}
    assert final["version"] == 21


def test_a_change_between_check_and_write_is_412(
    platform: Platform, owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other editor commits after this one has compared the versions: the write itself notices."""
    made = owner.call(customers.create, {"code": "GAP", "name": "x"})
    place = {"id": made.ok(201)["id"]}
    rules = type(customers.records.entity.rules)
    original = rules.check

    def meanwhile(self: Any, new: Any) -> Any:
        platform.rows(
            "update masterdata.customers set version = version + 1 where id = :id returning 1", id=place["id"]
        )
        return original(self, new)

    monkeypatch.setattr(rules, "check", meanwhile)
    body = {"code": "GAP", "name": "y"}
    owner.call(customers.replace, body, path=place, headers={"If-Match": made.etag}).problem(412)
    owner.call(customers.replace, body, path=place, headers={"If-Match": "*"}).problem(409)


def test_two_moves_at_once_never_make_a_cycle(platform: Platform, owner: Caller) -> None:
    """Each move is good alone. The tree's lock makes the second one see the first."""
    one, other = (
        owner.call(accounts.create, {"code": f"T-{n}", "name": "x", "type": "asset", "postable": False}).ok(
            201
        )
        for n in range(2)
    )
    engine = create_engine(platform.settings["masterdata"].database_url)
    try:
        with engine.connect() as first:
            first.execute(text("select set_config('app.tenant_id', :t, true)"), {"t": owner.tenant})
            first.execute(
                text("select pg_advisory_xact_lock(hashtextextended('masterdata.accounts ' || :t, 0))"),
                {"t": owner.tenant},
            )
            first.execute(
                text("update masterdata.accounts set parent_id = :p, version = version + 1 where id = :i"),
                {"p": other["id"], "i": one["id"]},
            )
            with ThreadPoolExecutor(1) as pool:
                second = pool.submit(
                    owner.call,
                    accounts.move,
                    {"parent_id": one["id"]},
                    path={"id": other["id"]},
                    headers={"If-Match": '"1"'},
                )
                with pytest.raises(TimeoutError):
                    second.result(timeout=0.3)
                first.commit()
                second.result(timeout=5).problem(409, "cycle")
    finally:
        engine.dispose()
