"""People and their tasks: who may have them, who has them, and what completes them."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from tests.integration.platform import PASSWORD, Caller, Platform
from tests.integration.workflow.models import END, START, flows, line, only_task, publish, start, task
from workflow import inbox, processes, tasks


@pytest.fixture(scope="module")
def owner(platform: Platform) -> Caller:
    return platform.register()


def hire(owner: Caller, *names: str) -> Caller:
    """A user who has roles of these names, which permit to work on tasks."""
    from auth import memberships, roles, users

    email = f"{uuid4().hex}@people.test"
    made = owner.call(users.create, {"email": email, "name": "P", "password": PASSWORD}).ok(201)
    permissions = ["workflow.task.read", "workflow.task.complete", "workflow.process.read"]
    known = {role["name"]: role["id"] for role in owner.call(roles.list_).ok()["items"]}
    for name in names:
        if name not in known:
            role = owner.call(roles.create, {"name": name, "permissions": permissions}).ok(201)
            known[name] = role["id"]
        owner.call(memberships.assign, path={"id": made["id"], "role_id": known[name]})
    platform = owner.platform
    return Caller(platform, owner.slug, platform.sign_in(owner.slug, email), made["id"], owner.tenant)


@pytest.fixture(scope="module")
def clerk(owner: Caller) -> Caller:
    return hire(owner, "clerk")


@pytest.fixture(scope="module")
def legal(owner: Caller) -> Caller:
    return hire(owner, "legal")


def begin(owner: Caller, **fields: Any) -> dict[str, Any]:
    """The task of a new process."""
    return only_task(owner, start(owner, publish(owner, line(task(**fields)))))


def ids(caller: Caller, **query: Any) -> list[str]:
    return [one["id"] for one in caller.call(inbox.list_, query=query).ok()["items"]]


def test_a_task_is_in_the_inbox_of_those_whose_role_may_claim_it(
    owner: Caller, clerk: Caller, legal: Caller
) -> None:
    work = begin(owner, candidate_roles=["legal"])
    assert work["id"] in ids(legal, groups="true")
    assert work["id"] not in ids(clerk, groups="true")
    assert work["id"] not in ids(legal, mine="true")
    clerk.call(tasks.claim, path={"id": work["id"]}).problem(403, "not_a_candidate")
    clerk.call(tasks.complete, {}, path={"id": work["id"]}).problem(403, "not_a_candidate")
    legal.call(tasks.claim, path={"id": work["id"]}).ok()
    assert work["id"] in ids(legal, mine="true")
    assert work["id"] not in ids(legal, groups="true")


def test_an_assignee_may_be_named_by_id_or_by_address(owner: Caller, clerk: Caller) -> None:
    by_id = begin(owner, assignee=clerk.user)
    assert by_id["id"] in ids(clerk, mine="true")
    owner.call(tasks.complete, {}, path={"id": by_id["id"]}).problem(409, "task_taken")
    clerk.call(tasks.complete, {}, path={"id": by_id["id"]}).ok()


def test_a_delegated_task_comes_back_when_it_is_released(owner: Caller, clerk: Caller, legal: Caller) -> None:
    work = begin(owner, candidate_roles=["clerk"])
    path = {"id": work["id"]}
    clerk.call(tasks.claim, path=path).ok()
    legal.call(tasks.delegate, {"assignee": legal.user}, path=path).problem(409, "task_taken")
    given = clerk.call(tasks.delegate, {"assignee": legal.user, "comment": "please"}, path=path).ok()
    assert (given["assignee"], given["owner"]) == (legal.user, clerk.user)
    clerk.call(tasks.complete, {}, path=path).problem(409, "task_taken")
    back = legal.call(tasks.release, path=path).ok()
    assert (back["assignee"], back["owner"]) == (clerk.user, "")
    clerk.call(tasks.release, path=path).ok()
    log = owner.call(inbox.assignments_of, path=path).ok()["items"]
    assert [entry["action"] for entry in log] == ["claimed", "delegated", "returned", "released"]
    assert log[1]["comment"] == "please"


def test_only_somebody_of_the_tenant_can_be_given_a_task(owner: Caller, clerk: Caller) -> None:
    work = begin(owner)
    path = {"id": work["id"]}
    owner.call(tasks.assign, {"assignee": str(uuid4())}, path=path).problem(422)
    clerk.call(tasks.assign, {"assignee": clerk.user}, path=path).problem(403)
    assert owner.call(tasks.assign, {"assignee": clerk.user}, path=path).ok()["assignee"] == clerk.user


def test_what_completes_a_task_has_to_fit_its_form(owner: Caller) -> None:
    form = {"type": "object", "required": ["approved"], "properties": {"approved": {"type": "boolean"}}}
    work = begin(owner, form=form)
    path = {"id": work["id"]}
    missing = owner.call(tasks.complete, {}, path=path).problem(422, "form_invalid")
    assert missing["errors"] == [{"pointer": "/variables/approved", "detail": "It is required."}]
    owner.call(tasks.complete, {"variables": {"approved": "yes"}}, path=path).problem(422, "form_invalid")
    owner.call(tasks.complete, {"variables": {"approved": True}}, path=path).ok()


def test_an_escalated_task_goes_the_way_that_the_model_has_for_it(owner: Caller) -> None:
    boundary = {
        "type": "boundaryEvent",
        "id": "escalated",
        "attached_to": "ask",
        "events": [{"type": "escalation", "code": "HELP"}],
    }
    definition = line(task())
    definition["elements"] = [START, task(), boundary, task("boss"), END]
    definition["flows"] += flows("escalated boss", "boss end")
    process = start(owner, publish(owner, definition))
    work = only_task(owner, process)
    body = {"code": "HELP", "comment": "too hard"}
    assert owner.call(tasks.escalate, body, path={"id": work["id"]}).ok()["status"] == "cancelled"
    assert owner.call(processes.read, path={"id": process["id"]}).ok()["tokens"] == [
        {"node": "boss", "waits": "task"}
    ]


def test_the_inbox_is_paged_by_urgency(owner: Caller) -> None:
    key = publish(owner, line(task(priority="=urgency")))
    for urgency in (1, 5, 3, 5, 2):
        start(owner, key, {"urgency": urgency})
    seen: list[int] = []
    query: dict[str, Any] = {"key": key, "limit": 2}
    while True:
        page = owner.call(inbox.list_, query=query).ok()
        seen += [one["priority"] for one in page["items"]]
        if not page.get("next"):
            break
        query["cursor"] = page["next"]
    assert seen == [5, 5, 3, 2, 1]


def test_overdue_tasks_can_be_asked_for(owner: Caller) -> None:
    late = begin(owner, due="2020-01-01T00:00:00Z")
    later = begin(owner, due="P1D")
    assert late["id"] in ids(owner, overdue="true")
    assert later["id"] not in ids(owner, overdue="true")
