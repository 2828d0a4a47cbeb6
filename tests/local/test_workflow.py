"""Workflow end to end: the demo's process, people, workers, timers and decisions, over HTTP alone."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx

from tests.local.stack import ROOT, Stack, Tenant, eventually, problem

DEMO = ROOT / "functions" / "workflow" / "definitions" / "purchase_approval.bpmn"


def publish(http: httpx.Client, definition: dict[str, Any]) -> str:
    """Add and publish a definition; its key."""
    assert http.post("/workflow/definitions", json=definition).status_code == 201
    key: str = definition["key"]
    assert http.post(f"/workflow/definitions/{key}/publish").status_code == 200
    return key


def of(element: dict[str, Any]) -> dict[str, Any]:
    """A definition of one element between start and end."""
    identifier = element["id"]
    return {
        "key": f"d{uuid4().hex[:10]}",
        "elements": [{"type": "startEvent", "id": "s"}, element, {"type": "endEvent", "id": "e"}],
        "flows": [
            {"id": "f1", "source": "s", "target": identifier},
            {"id": "f2", "source": identifier, "target": "e"},
        ],
    }


def start(http: httpx.Client, key: str, **variables: Any) -> dict[str, Any]:
    """Start a process."""
    answer = http.post("/workflow/processes", json={"definition": key, "variables": variables})
    assert answer.status_code == 201, answer.text
    process: dict[str, Any] = answer.json()
    return process


def status(http: httpx.Client, process: dict[str, Any]) -> str:
    """Whether a process still runs."""
    told: str = http.get(f"/workflow/processes/{process['id']}").json()["status"]
    return told


def test_the_demo_tenant_has_its_process_published_and_drawn(stack: Stack) -> None:
    token = stack.sign_in(stack.tenant, stack.admin["email"], stack.admin["password"])
    with httpx.Client(base_url=stack.api, timeout=30, headers={"Authorization": f"Bearer {token}"}) as http:
        read = http.get("/workflow/definitions/purchase_approval")
        assert read.json()["status"] == "published"
        drawn = http.get("/workflow/definitions/purchase_approval/diagram")
    assert drawn.headers["content-type"].startswith("image/svg+xml")
    assert "Approve the purchase" in drawn.text


def test_bpmn_xml_is_read_and_its_faults_are_named(owner: Tenant) -> None:
    headers = {"Content-Type": "application/bpmn+xml"}
    with owner.http as http:
        added = http.post("/workflow/definitions", content=DEMO.read_bytes(), headers=headers)
        assert added.status_code == 201, added.text
        broken = DEMO.read_bytes().replace(b'targetRef="choose_path"', b'targetRef="nowhere"', 1)
        refused = problem(http.post("/workflow/definitions", content=broken, headers=headers), 422)
    assert "to_rules" in {error["element"] for error in refused["errors"]}


def test_a_person_completes_a_task_and_the_process_ends(owner: Tenant) -> None:
    with owner.http as http:
        process = start(http, publish(http, of({"type": "userTask", "id": "ask"})))
        [task] = http.get("/workflow/tasks", params={"process_id": process["id"]}).json()["items"]
        assert http.post(f"/workflow/tasks/{task['id']}/claim").status_code == 200
        done = http.post(f"/workflow/tasks/{task['id']}/complete", json={"variables": {"x": 1}})
        assert done.json()["status"] == "completed"
        problem(http.post(f"/workflow/tasks/{task['id']}/complete", json={}), 409)
        assert status(http, process) == "ended"
        drawn = http.get(f"/workflow/processes/{process['id']}/diagram")
        assert drawn.text.startswith("<svg")


def test_a_worker_does_a_job(owner: Tenant) -> None:
    kind = uuid4().hex
    with owner.http as http:
        process = start(http, publish(http, of({"type": "serviceTask", "id": "work", "job": kind})))
        leased = http.post("/workflow/jobs/lease", json={"worker": "w", "types": [kind]}).json()["items"]
        [job] = leased
        done = http.post(f"/workflow/jobs/{job['id']}/complete", json={"lease": job["lease"]})
        assert done.status_code == 200, done.text
        assert status(http, process) == "ended"


def test_a_timer_fires_by_itself(owner: Tenant) -> None:
    timer = {"type": "timer", "duration": "PT1S"}
    catch = {"type": "intermediateCatchEvent", "id": "wait", "events": [timer]}
    with owner.http as http:
        process = start(http, publish(http, of(catch)))
        assert status(http, process) == "active"
        eventually(lambda: status(http, process) == "ended", seconds=90)


def test_the_built_in_worker_calls_a_service(stack: Stack, owner: Tenant) -> None:
    settings = {"url": f"{stack.api}/workflow/health/live", "method": "GET"}
    element = {"type": "serviceTask", "id": "call", "job": "http", "settings": settings}
    with owner.http as http:
        process = start(http, publish(http, of(element)))
        eventually(lambda: status(http, process) == "ended", seconds=90)
        read = http.get(f"/workflow/processes/{process['id']}").json()
    assert read["variables"]["status"] == 200


TASK = """
def handler(event, context):
    if "amount" not in event:
        raise ValueError("no amount")
    return {"tax": event["amount"] / 10, "by": context.function_name}
"""


@contextmanager
def function(stack: Stack) -> Iterator[tuple[str, str]]:
    """A function of a user's own that works out a tax: its name, and that of one of the platform's."""
    functions, archive = stack.aws("lambda"), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("task.py", TASK)
    [like, *_] = functions.list_functions()["Functions"]
    name = f"groundwork-local-task-{uuid4().hex[:8]}"
    functions.create_function(
        FunctionName=name,
        Runtime=like["Runtime"],
        Role=like["Role"],
        Handler="task.handler",
        Code={"ZipFile": archive.getvalue()},
    )
    yield name, like["FunctionName"]
    functions.delete_function(FunctionName=name)


def invoking(name: str, **more: Any) -> dict[str, Any]:
    """A definition that invokes a function."""
    settings = {"function": name, "payload": {"amount": "=amount"}}
    outputs = {"tax": "tax", "by": "by"}
    element = {"type": "serviceTask", "id": "tax", "job": "lambda", "settings": settings, "outputs": outputs}
    return of(element | more)


def test_the_built_in_worker_invokes_functions_for_tasks_and_no_others(stack: Stack, owner: Tenant) -> None:
    with function(stack) as (name, other), owner.http as http:
        done = start(http, publish(http, invoking(name)), amount=120)
        empty = {"settings": {"function": name, "payload": {}}, "retries": 0}
        failing = start(http, publish(http, invoking(name, **empty)))
        refused = start(http, publish(http, invoking(other)), amount=120)
        eventually(lambda: status(http, done) == "ended", seconds=90)
        eventually(lambda: incident(http, failing) and incident(http, refused), seconds=90)
        read = http.get(f"/workflow/processes/{done['id']}").json()
        said = incident(http, failing), incident(http, refused)
    assert (read["variables"]["tax"], read["variables"]["by"]) == (12, name)
    assert "no amount" in said[0]
    assert "no other is invoked" in said[1]


def incident(http: httpx.Client, process: dict[str, Any]) -> str:
    """What a process's incident says, if it has one."""
    asked = http.get("/workflow/incidents", params={"process_id": process["id"]})
    return next((found["message"] for found in asked.json()["items"]), "")
