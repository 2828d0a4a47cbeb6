"""Processes over HTTP: started, worked on, seen, ended."""

from __future__ import annotations

from base64 import b64decode
from typing import Any
from uuid import uuid4

import pytest

from tests.integration.platform import Caller, Platform
from tests.integration.workflow.models import line, only_task, publish, service, start, task
from workflow import inbox, incidents, jobs, messages, migrations, processes, tasks, workflows


@pytest.fixture(scope="module")
def owner(platform: Platform) -> Caller:
    return platform.register()


def lease(owner: Caller, kind: str, **fields: Any) -> list[dict[str, Any]]:
    leased: list[dict[str, Any]] = owner.call(jobs.lease, {"worker": "w", "types": [kind], **fields}).ok()[
        "items"
    ]
    return leased


def events_of(platform: Platform, stream: str) -> list[str]:
    rows = platform.rows(
        "select type from workflow.event_store where stream = :stream order by version", stream=stream
    )
    return [row.type for row in rows]


def test_a_process_runs_from_start_to_end(platform: Platform, owner: Caller) -> None:
    key = publish(owner, line(task()))
    process = start(owner, key, {"n": 1})
    assert process["status"] == "active"
    assert process["tokens"] == [{"node": "ask", "waits": "task"}]
    work = only_task(owner, process)
    owner.call(tasks.claim, path={"id": work["id"]}).ok()
    done = owner.call(tasks.complete, {"variables": {"answer": 42}}, path={"id": work["id"]}).ok()
    assert done["status"] == "completed"
    read = owner.call(processes.read, path={"id": process["id"]}).ok()
    assert (read["status"], read["outcome"]) == ("ended", "completed")
    assert read["variables"] == {"n": 1, "answer": 42}
    history = owner.call(processes.history, path={"id": process["id"]}).ok()["items"]
    assert [entry["node"] for entry in history if entry["kind"] in ("completed", "passed")] == [
        "start",
        "ask",
        "end",
    ]
    assert events_of(platform, f"process:{process['id']}") == [
        "workflow.process.started",
        "workflow.process.completed",
    ]
    assert events_of(platform, f"task:{work['id']}") == [
        "workflow.task.assigned",
        "workflow.task.assigned",
        "workflow.task.completed",
    ]


def test_a_start_with_the_business_key_of_a_running_process_finds_it(owner: Caller) -> None:
    key = publish(owner, line(task()))
    first = start(owner, key, business_key="PO-1")
    body = {"definition": key, "business_key": "PO-1"}
    assert owner.call(processes.start, body).ok(200)["id"] == first["id"]
    owner.call(processes.cancel, path={"id": first["id"]}).ok()
    assert owner.call(processes.start, body).ok(201)["id"] != first["id"]


def test_a_start_is_repeated_by_its_idempotency_key(owner: Caller) -> None:
    key, headers = publish(owner, line(task())), {"Idempotency-Key": uuid4().hex}
    answers = [owner.call(processes.start, {"definition": key}, headers=headers) for _ in range(2)]
    assert answers[0].ok(201) == answers[1].ok(201)
    assert len(owner.call(processes.list_, query={"key": key}).ok()["items"]) == 1


def test_a_job_is_tried_again_and_then_an_incident_that_can_be_retried(owner: Caller) -> None:
    kind = uuid4().hex
    key = publish(owner, line(service(job=kind, retries=1, backoff="PT0S")))
    process = start(owner, key)
    for attempt in (1, 2):
        [job] = lease(owner, kind)
        assert job["attempt"] == attempt
        failure = {"lease": job["lease"], "message": "no paper"}
        owner.call(jobs.fail, failure, path={"id": job["id"]}).ok()
    assert lease(owner, kind) == []
    [incident] = owner.call(incidents.list_, query={"process_id": process["id"]}).ok()["items"]
    assert (incident["kind"], incident["message"]) == ("job_failed", "no paper")
    assert owner.call(processes.read, path={"id": process["id"]}).ok()["incidents"] == 1
    owner.call(incidents.retry, {"variables": {"paper": True}}, path={"id": incident["id"]}).ok()
    owner.call(incidents.retry, {}, path={"id": incident["id"]}).problem(409, "over")
    [job] = lease(owner, kind)
    assert job["variables"] == {"paper": True}
    result = {"lease": job["lease"], "variables": {"printed": True}}
    owner.call(jobs.complete, result, path={"id": job["id"]}).ok()
    owner.call(jobs.complete, result, path={"id": job["id"]}).problem(409, "over")
    read = owner.call(processes.read, path={"id": process["id"]}).ok()
    assert (read["status"], read["incidents"]) == ("ended", 0)
    assert read["variables"] == {"paper": True, "printed": True}


def test_a_leased_job_is_nobody_elses_until_its_lease_ends(platform: Platform, owner: Caller) -> None:
    kind = uuid4().hex
    start(owner, publish(owner, line(service(job=kind))))
    [job] = lease(owner, kind, seconds=60)
    assert lease(owner, kind) == []
    with platform.admin.begin() as connection:
        connection.exec_driver_sql("update workflow.jobs set leased_until = now() - interval '1 second'")
    [again] = lease(owner, kind)
    assert again["id"] == job["id"]
    assert again["lease"] != job["lease"]
    owner.call(jobs.complete, {"lease": job["lease"]}, path={"id": job["id"]}).problem(409, "lease_lost")
    owner.call(jobs.complete, {"lease": again["lease"]}, path={"id": job["id"]}).ok()


def test_a_suspended_process_stands_still_and_goes_on(owner: Caller) -> None:
    process = start(owner, publish(owner, line(task())))
    work = only_task(owner, process)
    owner.call(processes.suspend, path={"id": process["id"]}).ok()
    refused = owner.call(tasks.complete, {}, path={"id": work["id"]}).problem(409)
    assert refused["reason"] == "suspended"
    owner.call(processes.resume, path={"id": process["id"]}).ok()
    owner.call(tasks.complete, {}, path={"id": work["id"]}).ok()


def receive(name: str, key: str = "", identifier: str = "wait") -> dict[str, Any]:
    return {
        "type": "intermediateCatchEvent",
        "id": identifier,
        "events": [{"type": "message", "name": name, "key": key}],
    }


def test_a_message_finds_the_process_that_waits_for_it_by_name_and_key(owner: Caller) -> None:
    name = uuid4().hex
    key = publish(owner, line(receive(name, "=order")))
    one, other = start(owner, key, {"order": "1"}), start(owner, key, {"order": "2"})
    message = {"name": name, "key": "2", "variables": {"paid": True}}
    sent = owner.call(messages.send, message).ok()
    assert (sent["outcome"], sent["process_id"]) == ("correlated", other["id"])
    assert owner.call(processes.read, path={"id": one["id"]}).ok()["status"] == "active"
    ended = owner.call(processes.read, path={"id": other["id"]}).ok()
    assert (ended["status"], ended["variables"]["paid"]) == ("ended", True)


def test_a_message_that_comes_too_early_waits_for_its_process(owner: Caller) -> None:
    name = uuid4().hex
    assert owner.call(messages.send, {"name": name, "variables": {"x": 1}}).ok()["outcome"] == "buffered"
    process = start(owner, publish(owner, line(receive(name))))
    assert owner.call(processes.read, path={"id": process["id"]}).ok()["variables"] == {"x": 1}
    again = start(owner, process["key"])
    assert owner.call(processes.read, path={"id": again["id"]}).ok()["status"] == "active"


def test_a_signal_reaches_all_of_the_tenant_and_nobody_else(platform: Platform, owner: Caller) -> None:
    name = uuid4().hex
    caught = {
        "type": "intermediateCatchEvent",
        "id": "wait",
        "events": [{"type": "signal", "name": name}],
    }
    definition, stranger = line(caught), platform.register()
    mine = [start(owner, publish(owner, definition)) for _ in range(2)]
    theirs = start(stranger, publish(stranger, definition))
    sent = owner.call(messages.send, {"name": name, "kind": "signal"}).ok()
    assert (sent["outcome"], sent["receivers"]) == ("broadcast", 2)
    statuses = [owner.call(processes.read, path={"id": one["id"]}).ok()["status"] for one in mine]
    assert statuses == ["ended", "ended"]
    assert stranger.call(processes.read, path={"id": theirs["id"]}).ok()["status"] == "active"


def test_a_called_process_gives_its_variables_to_the_caller(owner: Caller) -> None:
    inner = line(task("inner"))
    call = {"type": "callActivity", "id": "call", "process": inner["key"], "outputs": {"got": "answer"}}
    publish(owner, inner)
    process = start(owner, publish(owner, line(call)), {"n": 1})
    [child] = owner.call(processes.list_, query={"key": inner["key"]}).ok()["items"]
    assert child["parent_id"] == process["id"]
    work = only_task(owner, child)
    owner.call(tasks.complete, {"variables": {"answer": 7}}, path={"id": work["id"]}).ok()
    read = owner.call(processes.read, path={"id": process["id"]}).ok()
    assert (read["status"], read["variables"]) == ("ended", {"n": 1, "got": 7})


def test_a_cancelled_process_cancels_what_it_called(owner: Caller) -> None:
    inner = line(task("inner"))
    publish(owner, inner)
    call = {"type": "callActivity", "id": "call", "process": inner["key"]}
    process = start(owner, publish(owner, line(call)))
    owner.call(processes.cancel, path={"id": process["id"]}, query={"reason": "no need"}).ok()
    [child] = owner.call(processes.list_, query={"key": inner["key"]}).ok()["items"]
    assert child["outcome"] == "cancelled"


def test_a_faulty_definition_is_refused_with_its_element(owner: Caller) -> None:
    faulty = line(task())
    faulty["flows"][0]["target"] = "nowhere"
    problem = owner.call(workflows.create, faulty).problem(422, "definition_faulty")
    assert {error["element"] for error in problem["errors"]} == {"start_ask"}
    checked = owner.call(workflows.validate, faulty).ok()
    assert not checked["valid"]
    assert checked["faults"][0]["element"] == "start_ask"


def test_versions_count_and_the_same_content_is_no_new_one(owner: Caller) -> None:
    definition = line(task())
    first, again = (owner.call(workflows.create, definition).ok(201)["items"][0] for _ in range(2))
    assert first == again
    changed = definition | {"name": "Other"}
    assert owner.call(workflows.create, changed).ok(201)["items"][0]["number"] == 2
    key = definition["key"]
    owner.call(processes.start, {"definition": key}).problem(404)
    assert owner.call(workflows.publish, path={"key": key}).ok()["number"] == 2
    assert start(owner, key)["number"] == 2


def test_diagrams_are_drawn(owner: Caller) -> None:
    process = start(owner, publish(owner, line(task())))
    plain = owner.call(workflows.diagram, path={"key": process["key"]})
    assert plain.headers["Content-Type"] == "image/svg+xml"
    drawn = owner.call(processes.diagram, path={"id": process["id"]})
    assert drawn.text.startswith("<svg")
    assert 'class="token"' in drawn.text
    assert 'class="token"' not in plain.text


def test_a_migration_is_all_or_nothing(owner: Caller) -> None:
    definition = line(task("ask"))
    process = start(owner, publish(owner, definition))
    renamed = line(task("question"), task("more"), key=definition["key"])
    publish(owner, renamed)
    here = {"path": {"id": process["id"]}}
    body: dict[str, Any] = {"number": 2}
    problem = owner.call(migrations.migrate, body, **here).problem(409, "migration_impossible")
    assert problem["errors"][0]["element"] == "ask"
    assert owner.call(processes.read, **here).ok()["number"] == 1
    mass = {"number": 2, "source": 1, "mapping": {"ask": "question"}}
    told = owner.call(migrations.migrate_all, mass, path={"key": definition["key"]}).ok()
    assert told["items"] == [
        {"process_id": process["id"], "possible": True, "migrated": False, "reasons": []}
    ]
    assert owner.call(processes.read, **here).ok()["number"] == 1
    body["mapping"] = {"ask": "question"}
    assert owner.call(migrations.migrate, body, **here).ok()["migrated"]
    work = only_task(owner, process)
    assert work["node"] == "question"
    owner.call(tasks.complete, {}, path={"id": work["id"]}).ok()
    assert owner.call(processes.read, **here).ok()["tokens"] == [{"node": "more", "waits": "task"}]


def test_tenants_see_nothing_of_each_other(platform: Platform, owner: Caller) -> None:
    process = start(owner, publish(owner, line(task())))
    work, stranger = only_task(owner, process), platform.register()
    stranger.call(processes.read, path={"id": process["id"]}).problem(404)
    stranger.call(tasks.claim, path={"id": work["id"]}).problem(404)
    assert stranger.call(inbox.list_).ok()["items"] == []
    assert stranger.call(workflows.list_).ok()["items"] == []


def test_the_document_of_a_definition_is_kept_to_the_byte(owner: Caller) -> None:
    sent = (
        '<?xml version="1.0"?><!-- wie der Zeichner es schrieb: über alles -->\n'
        '<b:definitions xmlns:b="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="t">'
        '<b:process id="kept" isExecutable="true"><b:startEvent id="s"/></b:process>'
        '<b:process id="kept_too" isExecutable="true"><b:startEvent id="s2"/></b:process></b:definitions>'
    )
    headers = {"Content-Type": "application/bpmn+xml"}
    owner.call(workflows.create, raw=sent, headers=headers).ok(201)
    owner.call(workflows.create, raw=sent.replace("Zeichner", "Leser"), headers=headers).ok(201)
    for key in ("kept", "kept_too"):
        answer = owner.call(workflows.document, path={"key": key})
        assert b64decode(answer.text).decode() == sent
        assert answer.headers["Content-Type"] == "application/bpmn+xml"
    assert len(owner.platform.rows("select 1 from workflow.documents")) == 1
    told = owner.call(workflows.document, path={"key": publish(owner, line(task()))}).problem(404)
    assert "read its definition" in told["detail"]


def test_a_process_that_calls_itself_without_end_is_stopped(platform: Platform, owner: Caller) -> None:
    key = f"d{uuid4().hex[:8]}"
    publish(owner, line({"type": "callActivity", "id": "again", "process": key}, key=key))
    process = start(owner, key)
    assert process["status"] == "active"
    found = owner.call(incidents.list_, query={"kind": "call_failed"}).ok()["items"]
    assert [row["message"] for row in found] == ["Calls nest more than 50 deep without any waiting."]
    rows = platform.rows("select count(*) from workflow.processes where key = :key", key=key)
    assert rows == [(51,)]
    cancelled = owner.call(processes.cancel, path={"id": process["id"]}).ok()
    assert cancelled["outcome"] == "cancelled"
    left = "select count(*) from workflow.processes where key = :key and status <> 'ended'"
    assert platform.rows(left, key=key) == [(0,)]
