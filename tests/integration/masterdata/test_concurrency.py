"""Two editors at once never lose a change."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

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
        self.look()

    def look(self) -> None:
        answer = self.owner.call(customers.read, path=self.place)
        self.tag, self.seen = answer.etag, answer.ok()

    def replace(self, attribute: str, value: int) -> int:
        """Add to what was seen, and write all of it."""
        attributes = self.seen["attributes"] | {attribute: value}
        body = {"code": self.seen["code"], "name": self.seen["name"], "attributes": attributes}
        return self._change(customers.replace, body)

    def patch(self, attribute: str, value: int) -> int:
        """Add to what is there."""
        return self._change(customers.patch, {"attributes": {attribute: value}})

    def archive(self, *_: Any) -> int:
        return self._change(customers.archive)

    def restore(self, *_: Any) -> int:
        return self._change(customers.restore)

    def _change(self, operation: Any, body: Any = None) -> int:
        """The status; what an accepted change answers is what the editor has seen then."""
        answer = self.owner.call(operation, body, path=self.place, headers={"If-Match": self.tag})
        if answer.status == 200:
            self.tag, self.seen = answer.etag, answer.json
        return answer.status


@dataclass
class Model:
    """What the record must be after the changes that were accepted."""

    version: int = 1
    archived: bool = False
    attributes: dict[str, int] = field(default_factory=dict)

    def expected(self, tag: str, what: str) -> int:
        """The status that a change from a version gets: stale ones first, then what makes no sense."""
        if tag != f'"{self.version}"':
            return 412
        if self.archived != (what == "restore"):
            return 409
        return 204 if what == "archive" else 200

    def accept(self, what: str, attribute: str, value: int) -> None:
        self.version += 1
        if what in ("archive", "restore"):
            self.archived = what == "archive"
        else:
            self.attributes[attribute] = value


_steps = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["look", "replace", "patch", "archive", "restore"])),
    max_size=14,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_steps)
def test_no_interleaving_of_editors_loses_an_accepted_change(
    owner: Caller, steps: list[tuple[int, str]]
) -> None:
    """A change from the version that is current is accepted, any other refused; all accepted ones last."""
    made = owner.call(customers.create, {"code": f"C-{uuid4()}", "name": "x"}).ok(201)
    place = {"id": made["id"]}
    editors, model = [Editor(owner, place) for _ in range(3)], Model()
    for number, (who, what) in enumerate(steps):
        editor, attribute = editors[who], f"step{number}"
        if what == "look":
            editor.look()
            continue
        expected = model.expected(editor.tag, what)
        assert getattr(editor, what)(attribute, who) == expected
        if expected in (200, 204):
            model.accept(what, attribute, who)
    final = owner.call(customers.read, path=place).ok()
    assert final["attributes"] == model.attributes
    assert (final["version"], final["archived_at"] is not None) == (model.version, model.archived)
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
                while (status := editor.replace(f"editor{who}.{number}", number)) != 200:
                    assert status == 412
                    assert tries < 1000
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
