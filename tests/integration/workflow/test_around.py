"""What processes have to do with the world around them: rules, HTTP services, the graph, the demo."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.clock import Clock
from common.decisions import EvaluationCompleted
from tests.integration.platform import Caller, Platform
from tests.integration.workflow.models import line, publish, service, start, task
from workflow import decisions, graph, inbox, incidents, jobs, processes, tasks, workers, workflows

DEMO = Path(__file__).parents[3] / "functions" / "workflow" / "definitions" / "purchase_approval.bpmn"


@pytest.fixture(scope="module")
def owner(platform: Platform) -> Caller:
    return platform.register()


def requests(platform: Platform, owner: Caller) -> list[Any]:
    rows = platform.rows(
        "select payload, headers from platform.outbox where topic = 'rules.evaluation.requested' order by 1"
    )
    return [json.loads(row.payload) for row in rows if row.headers["ce_tenantid"] == owner.tenant]


def answer(platform: Platform, owner: Caller, request: dict[str, Any], **fields: Any) -> None:
    """Deliver the rules' answer as Kafka does."""
    from base64 import b64encode

    import msgspec

    completed = EvaluationCompleted(
        id=UUID(request["id"]),
        rule_set=request["rule_set"],
        version=1,
        reply_to=request["reply_to"],
        **{"outcome": "completed", "outputs": {}, **fields},
    )
    headers = {
        "ce_id": str(uuid4()),
        "ce_type": "rules.evaluation.completed",
        "ce_source": "/rules",
        "ce_time": "2026-01-05T08:00:00+00:00",
        "ce_tenantid": owner.tenant,
    }
    record = {
        "value": b64encode(msgspec.json.encode(completed)).decode(),
        "headers": [{name: list(value.encode())} for name, value in headers.items()],
    }
    for _ in range(2):  # delivery is at least once
        platform.invoke(decisions.answered, {"records": {"t-0": [record]}})


def test_a_decision_is_asked_of_the_rules_and_its_answer_goes_on(platform: Platform, owner: Caller) -> None:
    rule = {"type": "businessRuleTask", "id": "decide", "rules": "discount", "result": "discount"}
    process = start(owner, publish(owner, line(rule)), {"amount": 10})
    request = requests(platform, owner)[-1]
    assert (request["rule_set"], request["facts"]) == ("discount", {"amount": 10})
    assert process["tokens"] == [{"node": "decide", "waits": "rules"}]
    answer(platform, owner, request, outputs={"percent": 5})
    read = owner.call(processes.read, path={"id": process["id"]}).ok()
    assert (read["status"], read["variables"]["discount"]) == ("ended", {"percent": 5})


def test_a_decision_that_fails_is_an_incident_and_a_retry_asks_again(
    platform: Platform, owner: Caller
) -> None:
    rule = {"type": "businessRuleTask", "id": "decide", "rules": f"r{uuid4().hex}", "result": "d"}
    process = start(owner, publish(owner, line(rule)))
    asked = [one for one in requests(platform, owner) if one["rule_set"] == rule["rules"]]
    answer(platform, owner, asked[0], outcome="failed", error="There is no such rule set.")
    [incident] = owner.call(incidents.list_, query={"process_id": process["id"]}).ok()["items"]
    assert incident["message"] == "There is no such rule set."
    owner.call(incidents.retry, {}, path={"id": incident["id"]}).ok()
    asked = [one for one in requests(platform, owner) if one["rule_set"] == rule["rules"]]
    assert len({one["id"] for one in asked}) == 2
    for request in asked:  # the first one's answer, coming late, is no answer to the second
        answer(platform, owner, request, outputs={"ok": True})
    assert owner.call(processes.read, path={"id": process["id"]}).ok()["status"] == "ended"


class Service(BaseHTTPRequestHandler):
    """Answers 201 with the request's body, 503 once for each path ``/again...``, 404 for ``/missing``."""

    seen: list[tuple[str, dict[str, str], Any]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        first = all(path != self.path for path, _, _ in self.seen)
        self.seen.append((self.path, dict(self.headers), body))
        status = 503 if self.path.startswith("/again") and first else 201
        status = 404 if self.path == "/missing" else status
        content = json.dumps({"echo": body}).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests look at what was seen."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def work_off(platform: Platform) -> int:
    platform.use("workflow")
    return workers.round_(Clock())


def test_an_http_task_sends_its_body_and_keeps_what_it_asked_for(
    platform: Platform, owner: Caller, url: str
) -> None:
    settings = {"url": f"{url}/orders", "body": {"item": "=item"}, "headers": {"X-Shop": "1"}}
    element = service(job="http", settings=settings, outputs={"order": "body.echo.item", "code": "status"})
    process = start(owner, publish(owner, line(element)), {"item": "pen"})
    assert work_off(platform) == 1
    read = owner.call(processes.read, path={"id": process["id"]}).ok()
    assert read["variables"] == {"item": "pen", "order": "pen", "code": 201}
    path, headers, body = Service.seen[-1]
    assert (path, headers["X-Shop"], body) == ("/orders", "1", {"item": "pen"})
    assert UUID(headers["Idempotency-Key"])
    assert work_off(platform) == 0


def test_an_http_task_is_tried_again_when_the_service_is_down(
    platform: Platform, owner: Caller, url: str
) -> None:
    element = service(job="http", settings={"url": f"{url}/again"}, backoff="PT0S")
    process = start(owner, publish(owner, line(element)))
    assert work_off(platform) == 1
    assert owner.call(processes.read, path={"id": process["id"]}).ok()["status"] == "active"
    assert work_off(platform) == 1
    assert owner.call(processes.read, path={"id": process["id"]}).ok()["status"] == "ended"


@pytest.mark.parametrize(
    ("element", "reason"),
    [
        (service(job="http", settings={"url": "{url}/missing"}), "answered 404"),
        (service(job="http", settings={"url": "file:///etc/passwd"}), "does not begin with https://"),
        (service(job="http", settings={}), "need a url"),
        (service(job="lambda", settings={"function": "groundwork-local-auth-users-list"}), "is not named"),
    ],
)
def test_what_no_retry_can_help_is_an_incident_at_once(
    platform: Platform, owner: Caller, url: str, element: dict[str, Any], reason: str
) -> None:
    settings = {k: v.replace("{url}", url) for k, v in element["settings"].items()}
    process = start(owner, publish(owner, line({**element, "settings": settings})))
    assert work_off(platform) == 1
    [incident] = owner.call(incidents.list_, query={"process_id": process["id"]}).ok()["items"]
    assert reason in incident["message"]


def ask(owner: Caller, query: str, **variables: Any) -> dict[str, Any]:
    answered = owner.call(graph.query, {"query": query, "variables": variables}).ok()
    assert "errors" not in answered, answered["errors"]
    data: dict[str, Any] = answered["data"]
    return data


def test_the_graph_starts_claims_and_completes(owner: Caller) -> None:
    key, customer = publish(owner, line(task())), str(uuid4())
    started = ask(
        owner,
        """mutation($input: NewProcessInput!) { startProcess(input: $input) {
            id status definition { key number } customer { id } startedBy { id } tasks { id name }
        } }""",
        input={"definition": key, "variables": {"customer_id": customer}},
    )["startProcess"]
    assert started["customer"] == {"id": customer}
    assert started["startedBy"] == {"id": owner.user}
    assert started["definition"] == {"key": key, "number": 1}
    [work] = started["tasks"]
    claimed = ask(
        owner, "mutation($id: ID!) { claimTask(id: $id) { assignee { id } process { id } } }", id=work["id"]
    )["claimTask"]
    assert claimed == {"assignee": {"id": owner.user}, "process": {"id": started["id"]}}
    entities = ask(
        owner,
        """query($r: [_Any!]!) { _entities(representations: $r) {
            ... on User { tasks { id } } ... on Customer { processes { id status variables } }
        } }""",
        r=[{"__typename": "User", "id": owner.user}, {"__typename": "Customer", "id": customer}],
    )["_entities"]
    assert entities[0]["tasks"] == [{"id": work["id"]}]
    assert entities[1]["processes"][0]["status"] == "ACTIVE"
    done = ask(
        owner,
        """mutation($id: ID!) { completeTask(id: $id, input: {variables: {ok: true}}) {
            status process { status outcome }
        } }""",
        id=work["id"],
    )["completeTask"]
    assert done == {"status": "COMPLETED", "process": {"status": "ENDED", "outcome": "completed"}}
    listed = ask(owner, "query($k: String) { processes(key: $k) { nodes { key variables } } }", k=key)
    assert listed["processes"]["nodes"][0]["variables"]["ok"] is True


def test_the_demo_approves_a_purchase(platform: Platform, owner: Caller) -> None:
    raw, headers = DEMO.read_text(), {"Content-Type": "application/bpmn+xml"}
    added = owner.call(workflows.create, raw=raw, headers=headers).ok(201)
    assert added["items"][0]["key"] == "purchase_approval"
    owner.call(workflows.publish, path={"key": "purchase_approval"}).ok()
    from workflow import calendars

    office = {day: [["09:00", "17:00"]] for day in ("monday", "tuesday", "wednesday", "thursday", "friday")}
    calendar = {"time_zone": "Europe/Berlin", "week": office}
    owner.call(calendars.create, {"name": "office", "calendar": calendar}).ok(201)
    variables = {
        "requester": owner.user,
        "item": "press",
        "supplier": "Acme",
        "amount": 90000.0,
        "currency": "EUR",
    }
    process = start(owner, "purchase_approval", variables)
    path = {"id": process["id"]}
    answer(platform, owner, requests(platform, owner)[-1], outputs={"path": "review"})
    found = owner.call(inbox.list_, query={"process_id": process["id"]}).ok()["items"]
    assert {work["node"] for work in found} == {"review_legal", "review_finance"}
    for work in found:
        owner.call(tasks.complete, {}, path={"id": work["id"]}).problem(403)  # neither legal nor finance
        owner.call(tasks.assign, {"assignee": owner.user}, path={"id": work["id"]}).ok()
        owner.call(tasks.complete, {"variables": {"approved": True}}, path={"id": work["id"]}).ok()
    request = {"worker": "w", "types": ["place-order"]}
    [job] = owner.call(jobs.lease, request).ok()["items"]
    drawn = owner.call(processes.diagram, path=path).text
    assert 'class="token"' in drawn
    result = {"lease": job["lease"], "variables": {"order_number": "4711"}}
    owner.call(jobs.complete, result, path={"id": job["id"]}).ok()
    read = owner.call(processes.read, path=path).ok()
    assert (read["status"], read["outcome"]) == ("ended", "completed")
    assert read["variables"]["order_number"] == "4711"
