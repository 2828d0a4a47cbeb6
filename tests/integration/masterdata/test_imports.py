"""Imports: what a spreadsheet or a program wrote becomes records, once, whatever happens on the way."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
import requests

from common.work import Work
from masterdata import accounts, customers, import_worker, imports, jobs, products, storage, waiting
from tests.integration.masterdata import files
from tests.integration.platform import Caller, Platform


@pytest.fixture
def s3(platform: Platform) -> Iterator[Any]:
    with files.bucket(platform) as client:
        yield client


@pytest.fixture
def owner(platform: Platform) -> Caller:
    return platform.register()


def _records(owner: Caller, module: Any = customers) -> dict[str, dict[str, Any]]:
    items = owner.call(module.list_, query={"limit": 200}).ok()["items"]
    return {item["code"]: item for item in items}


def test_a_file_is_put_to_the_link_and_imported(s3: Any, owner: Caller) -> None:
    job = files.start(owner, entity="customers")
    assert (job["status"], job["progress"], job["upload"]["method"]) == ("awaiting_upload", 0.0, "PUT")
    answer = requests.put(
        job["upload"]["url"], data=b"code,name\nC-1,Ann\n", headers=job["upload"]["headers"], timeout=5
    )
    assert answer.status_code == 200
    ended = files.work(owner, job)
    assert (ended["status"], ended["progress"]) == ("completed", 1.0)
    assert (ended["rows"], ended["created"], ended["failed"]) == (1, 1, 0)
    record = _records(owner)["C-1"]
    assert record["name"] == "Ann"
    assert record["created_by"] == f"user:{owner.user}"
    (event,) = owner.platform.rows(
        "select payload from platform.outbox where topic = 'masterdata.import.completed' and key = :key",
        key=f"import:{job['id']}",
    )
    assert json.loads(event.payload)["created"] == 1
    assert [item["id"] for item in owner.call(imports.list_).ok()["items"]] == [job["id"]]


def test_what_a_german_spreadsheet_saves_is_imported(s3: Any, owner: Caller) -> None:
    rows = (
        "Code;Name;Credit Limit;addresses.0.lines.0;addresses.0.country\r\n"
        'C-1;"Bäckerei; ""Süß""";1.234,50;Hauptstr. 1;DE\r\n'
    )
    for encoding in ("utf-8-sig", "cp1252"):
        ended = files.run(
            s3, owner, rows.replace("C-1", f"C-{encoding}").encode(encoding), entity="customers"
        )
        assert (ended["status"], ended["created"]) == ("completed", 1), files.errors(owner, ended)
    for record in _records(owner).values():
        assert record["name"] == 'Bäckerei; "Süß"'
        assert record["credit_limit"] == "1234.5000"
        assert record["addresses"] == [{"lines": ["Hauptstr. 1"], "country": "DE"}]


def test_bad_rows_are_told_and_good_ones_kept(s3: Any, owner: Caller) -> None:
    owner.call(customers.create, {"code": "OLD", "name": "x"}).ok(201)
    owner.call(customers.archive, path={"id": _records(owner)["OLD"]["id"]}, headers={"If-Match": '"1"'}).ok(
        204
    )
    content = (
        "code,name,currency,payment_terms_days\n"
        "C-1,Good,EUR,30\n"
        "C-2,Bad,EUX,30\n"
        ",Without code,EUR,30\n"
        "\n"
        "C-3,,EUR,\n"
        "C-4,Late,EUR,many\n"
        'C-5,"broken"x,EUR,\n'
        "OLD,Archived,EUR,\n"
        "C-6,Good too,,\n"
    )
    ended = files.run(s3, owner, content, entity="customers")
    assert (ended["rows"], ended["created"], ended["failed"], ended["status"]) == (8, 2, 6, "completed")
    found = files.errors(owner, ended)
    assert [(e["row"], [p["pointer"] for p in e["errors"]]) for e in found] == [
        (3, ["/currency"]),
        (4, ["/code"]),
        (6, ["/name"]),
        (7, ["/payment_terms_days"]),
        (8, [""]),
        (9, []),
    ]
    assert found[-1]["code"] == "archived"
    assert sorted(_records(owner)) == ["C-1", "C-6"]


def test_rows_change_the_records_with_their_code(s3: Any, owner: Caller) -> None:
    owner.call(
        customers.create,
        {
            "code": "C-1",
            "name": "Old",
            "tax_id": "keep",
            "currency": "EUR",
            "attributes": {"a": "1", "b": "2"},
        },
    ).ok(201)
    content = "code,name,currency,attributes.a\nC-1,New,,\nC-1,Newer,,\nC-2,Two,USD,x\nC-2,Two,USD,x\n"
    ended = files.run(s3, owner, content, entity="customers")
    assert (ended["created"], ended["updated"], ended["unchanged"], ended["failed"]) == (1, 2, 1, 0)
    record = _records(owner)["C-1"]
    assert (
        record["name"],
        record["tax_id"],
        record["currency"],
        record["attributes"],
        record["version"],
    ) == (
        "Newer",
        "keep",
        None,
        {"b": "2"},
        3,
    )
    history = owner.call(customers.history, path={"id": record["id"]}).ok()["items"]
    assert [change["happened"] for change in history] == ["updated", "updated", "created"]
    again = files.run(s3, owner, "code,name\nC-1,Newer\nC-2,Two\n", entity="customers")
    assert (again["unchanged"], again["updated"]) == (2, 0)


def test_imported_records_are_found_and_compared(s3: Any, owner: Caller) -> None:
    files.run(s3, owner, "code,name\nC-1,Café Zürich GmbH\nC-2,Zuerich Cafe\n", entity="customers")
    assert len(owner.call(customers.list_, query={"q": "zurich"}).ok()["items"]) == 1
    owner.call(customers.list_, query={"q": "cafe"}).ok()
    files.run(s3, owner, "code,name\nC-2,Café Zürich AG\n", entity="customers")
    (pair,) = owner.call(customers.duplicates).ok()["items"]
    assert pair["reasons"] == ["name"]


def test_ndjson_lines_are_records(s3: Any, owner: Caller) -> None:
    lines = [
        {
            "code": "P-1",
            "name": "Hammer",
            "price": "9.99",
            "currency": "EUR",
            "attributes": {"deep": {"n": 1}},
        },
        {"code": "P-2", "name": "Saw", "price": 9.99, "currency": "EUR"},
        {"code": "P-3", "name": "Nail", "colour": "grey"},
        {"code": "P-4", "name": "Drill", "barcode": "4006381333931"},
        {"code": "P-5", "name": "Drill too", "barcode": "4006381333931"},
    ]
    content = "\n".join(json.dumps(line) for line in lines) + "\nnot json\n[]\n"
    ended = files.run(s3, owner, content, entity="products", format="ndjson")
    assert (ended["created"], ended["failed"]) == (2, 5), files.errors(owner, ended)
    assert [(e["row"], e["code"]) for e in files.errors(owner, ended)] == [
        (2, "invalid"),
        (3, "invalid"),
        (5, "code_taken"),
        (6, "invalid"),
        (7, "invalid"),
    ]
    assert _records(owner, products)["P-1"]["attributes"] == {"deep": {"n": 1}}


@pytest.mark.parametrize("many", ["customers", "vendors", "products"])
def test_an_imports_events_tell_the_records_as_they_are_kept(s3: Any, owner: Caller, many: str) -> None:
    """They are made without asking the database what it made of the row."""
    attributes = {"tier": "gold", "n": 1.50, "big": 1e21, "deep": {"b": [1, None], "a": "\u00fc"}}
    first: dict[str, Any] = {"code": "E-1", "name": "One", "currency": "EUR", "attributes": attributes}
    if many == "products":
        first |= {"price": "1.5", "cost": "0.25", "barcode": "4006381333931"}
        second: dict[str, Any] = {"code": "E-1", "price": "2", "cost": None}
    else:
        first |= {"credit_limit": "1500.5", "iban": "DE89 3704 0044 0532 0130 00"}
        first |= {"addresses": [{"lines": ["Main St"], "country": "DE"}], "contacts": [{"name": "Ann"}]}
        second = {"code": "E-1", "credit_limit": "7", "contacts": [{"name": "Bob", "email": "b@x.test"}]}
    module = importlib.import_module(f"masterdata.{many}")
    for version, row in enumerate((first, second, {"code": "E-2", "name": "Two"}), 1):
        files.run(s3, owner, json.dumps(row), entity=many, format="ndjson")
        kept = owner.call(module.list_).ok()["items"][-1]
        told = _events(owner, f"{module.records.entity.one}:{kept['id']}")
        assert told[-1] == kept
        assert kept["version"] == (1 if version == 3 else version)


def _events(owner: Caller, stream: str) -> list[dict[str, Any]]:
    """What is told of a stream to who listens, and is what is kept of it."""
    told = owner.platform.rows("select payload from platform.outbox where key = :s order by id", s=stream)
    kept = owner.platform.rows(
        "select data from masterdata.event_store where stream = :s order by version", s=stream
    )
    assert [json.loads(row.payload) for row in told] == [row.data for row in kept]
    return [json.loads(row.payload) for row in told]


def test_accounts_name_their_parents_by_code(s3: Any, owner: Caller) -> None:
    content = (
        "code,name,type,postable,parent_code\n"
        "1000,Assets,asset,false,\n"
        "1100,Cash,asset,true,1000\n"
        "4000,Sales,income,true,1000\n"
        "9000,Lost,asset,true,8000\n"
    )
    for dry_run in (True, False):
        ended = files.run(s3, owner, content, entity="accounts", dry_run=dry_run)
        assert (ended["created"], ended["failed"]) == (2, 2)
        assert [e["errors"][0]["pointer"] for e in files.errors(owner, ended)] == ["/type", "/parent_code"]
    found = _records(owner, accounts)
    assert found["1100"]["parent_id"] == found["1000"]["id"]


def test_a_dry_run_tells_everything_and_changes_nothing(s3: Any, owner: Caller) -> None:
    owner.call(customers.create, {"code": "C-1", "name": "Old"}).ok(201)
    content = "code,name,currency\nC-1,New,EUR\nC-2,Two,EUR\nC-3,Three,EUX\n"
    ended = files.run(s3, owner, content, entity="customers", dry_run=True)
    assert (ended["created"], ended["updated"], ended["failed"]) == (1, 1, 1)
    assert [e["row"] for e in files.errors(owner, ended)] == [4]
    assert {c: r["name"] for c, r in _records(owner).items()} == {"C-1": "Old"}
    events = owner.platform.rows(
        "select count(*) from masterdata.event_store where tenant_id = :t and stream like 'customer:%'",
        t=owner.tenant,
    )
    assert events[0][0] == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "no header"),
        ("code,name\n".encode("utf-16"), "UTF-16"),
        (b"name\nx\n", "no column `code`"),
        (b"code,name,colour\nx,y,z\n", "no field colour"),
        (b"code,name,name\nx,y,z\n", "more than once"),
    ],
)
def test_a_file_that_cannot_be_read_fails_with_what_to_do(
    s3: Any, owner: Caller, content: bytes, complaint: str
) -> None:
    ended = files.run(s3, owner, content, entity="customers")
    assert ended["status"] == "failed"
    assert complaint in ended["failure"]


def test_what_only_the_platform_writes_is_ignored_in_a_file(s3: Any, owner: Caller) -> None:
    ended = files.run(s3, owner, "id,code,name,version,created_at\nx,C-1,Ann,77,never\n", entity="customers")
    assert ended["created"] == 1
    assert _records(owner)["C-1"]["version"] == 1


def test_an_import_needs_the_rights_that_its_rows_need(s3: Any, owner: Caller) -> None:
    assert imports.create.permission == "masterdata.import.create"
    stranger = owner.platform.register()
    job = files.start(owner, entity="customers")
    stranger.call(imports.read, path={"id": job["id"]}).problem(404)
    stranger.call(imports.errors, path={"id": job["id"]}).problem(404)


class Killed(BaseException):
    """The function's environment is taken away: nothing in it runs any more."""


ROWS = 10
CONTENT = "code,name\n" + "".join(f"C-{n:02},Name {n}\n" for n in range(ROWS)) + "C-99,\n"


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_import_killed_at_any_step_ends_complete_after_a_retry(
    s3: Any, platform: Platform, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """At each of the worker's statements and commits in turn, just before it and just after."""
    monkeypatch.setattr(import_worker, "BATCH", 3)
    monkeypatch.setattr(jobs, "LEASE", timedelta(0))
    killed = 0
    for fatal in range(100):
        owner = platform.register()
        job = files.start(owner, entity="customers")
        files.put(s3, owner, job, CONTENT)
        steps = count()

        def dying(act: Any, fatal: int = fatal, steps: Iterator[int] = steps) -> Any:
            def step(*arguments: Any) -> Any:
                this = next(steps)
                if this == fatal and when == "before":
                    raise Killed
                result = act(*arguments)
                if this == fatal:
                    raise Killed
                return result

            return step

        with monkeypatch.context() as patched:
            patched.setattr(Work, "execute", dying(Work.execute))
            patched.setattr(Work, "commit", dying(Work.commit))
            try:
                platform.invoke(imports.work_off, files.created(files.key_of(owner, job)))
            except Killed:
                killed += 1
        ended = files.work(owner, job)
        assert ended["status"] == "completed"
        assert (ended["rows"], ended["created"], ended["failed"]) == (ROWS + 1, ROWS, 1)
        assert [e["row"] for e in files.errors(owner, ended)] == [ROWS + 2]
        assert {r["version"] for r in _records(owner).values()} == {1}
        counted = platform.rows(
            "select count(*), count(distinct stream) from masterdata.event_store "
            "where tenant_id = :t and type = 'masterdata.customer.created'",
            t=owner.tenant,
        )
        assert tuple(counted[0]) == (ROWS, ROWS)
        done = platform.rows(
            "select count(*) from masterdata.event_store "
            "where tenant_id = :t and type = 'masterdata.import.completed'",
            t=owner.tenant,
        )
        assert done[0][0] == 1
        if fatal >= next(steps):
            break
    assert killed == fatal > 20


def test_two_workers_of_one_import_write_each_row_once(
    s3: Any, owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one falls silent, the second takes over, then the first one wakes up."""
    monkeypatch.setattr(import_worker, "BATCH", 3)
    monkeypatch.setattr(jobs, "LEASE", timedelta(0))
    job = files.start(owner, entity="customers")
    files.put(s3, owner, job, CONTENT)
    write, woken = import_worker._Importer._write, False

    def sleepy(self: Any, entries: Any, seen: int, position: int) -> None:
        nonlocal woken
        if position > 60 and not woken:
            woken = True
            assert files.work(owner, job)["status"] == "completed"
        write(self, entries, seen, position)

    monkeypatch.setattr(import_worker._Importer, "_write", sleepy)
    ended = files.work(owner, job)
    assert woken
    assert (ended["status"], ended["created"], ended["failed"]) == ("completed", ROWS, 1)
    assert {r["version"] for r in _records(owner).values()} == {1}


def test_a_job_in_hand_is_left_alone(s3: Any, owner: Caller) -> None:
    job = files.start(owner, entity="customers")
    files.put(s3, owner, job, CONTENT)
    owner.platform.rows(
        "update masterdata.imports set lease_until = now() + interval '1 minute' where id = :id returning 1",
        id=job["id"],
    )
    assert files.work(owner, job)["status"] == "awaiting_upload"


def test_a_file_replaced_halfway_is_not_mixed(
    s3: Any, owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_worker, "BATCH", 3)
    monkeypatch.setattr(jobs, "LEASE", timedelta(0))
    job = files.start(owner, entity="customers")
    files.put(s3, owner, job, CONTENT)
    finish = import_worker._finish
    monkeypatch.setattr(import_worker, "_finish", lambda *_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        files.work(owner, job)
    monkeypatch.setattr(import_worker, "_finish", finish)
    files.put(s3, owner, job, CONTENT.replace("Name", "Other"))
    ended = files.work(owner, job)
    assert ended["status"] == "failed"
    assert "replaced" in ended["failure"]
    assert _records(owner)["C-00"]["name"] == "Name 0"


def test_an_import_that_never_gets_on_fails_in_the_end(
    s3: Any, owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "LEASE", timedelta(0))
    job = files.start(owner, entity="customers")
    files.put(s3, owner, job, CONTENT)
    monkeypatch.setattr(import_worker._Importer, "_write", lambda *_: (_ for _ in ()).throw(Killed))
    for _ in range(jobs.ATTEMPTS):
        with pytest.raises(Killed):
            files.work(owner, job)
    ended = files.work(owner, job)
    assert ended["status"] == "failed"
    assert "again and again" in ended["failure"]


def test_an_import_near_its_deadline_is_taken_up_by_the_next_round(
    s3: Any, owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_worker, "BATCH", 3)
    job = files.start(owner, entity="customers")
    files.put(s3, owner, job, CONTENT)

    class Context:
        def get_remaining_time_in_millis(self) -> int:
            return 1000

    owner.platform.use("masterdata")
    imports.work_off(files.created(files.key_of(owner, job)), Context())
    halfway = files.read(owner, job)
    assert (halfway["status"], halfway["rows"]) == ("running", 3)
    assert 0 < halfway["progress"] < 1
    owner.platform.invoke(waiting.resume, {})
    assert files.read(owner, job)["status"] == "completed"


def test_an_upload_nobody_heard_of_is_found_and_an_unused_link_expires(s3: Any, owner: Caller) -> None:
    heard, unused = (files.start(owner, entity="customers") for _ in range(2))
    files.put(s3, owner, heard, CONTENT)
    owner.platform.rows(
        "update masterdata.imports set created_at = now() - interval '2 days' "
        "where tenant_id = :t returning 1",
        t=owner.tenant,
    )
    owner.platform.invoke(waiting.resume, {})
    assert files.read(owner, heard)["status"] == "completed"
    assert files.read(owner, unused)["status"] == "expired"


def test_a_large_file_is_read_in_pieces(s3: Any, owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "PIECE", 50)
    ended = files.run(s3, owner, CONTENT, entity="customers")
    assert (ended["created"], ended["failed"]) == (ROWS, 1)
