"""Decisions asked for without waiting: the answer comes as an event, once."""

from __future__ import annotations

import base64
import json
from typing import Any
from uuid import uuid4

import pytest

from rules import evaluations, graph, housekeeping, publishing, rules, sets
from tests.integration.platform import Caller, Platform
from tests.integration.rules.test_rule_sets import DISCOUNT, rule


@pytest.fixture
def owner(fresh_platform: Platform) -> Caller:
    owner = fresh_platform.register()
    owner.call(sets.create, DISCOUNT).ok(201)
    owner.call(rules.create, rule("small", "CH", 100, 5), path={"id": "discount"}).ok(201)
    owner.call(publishing.publish, path={"id": "discount"}).ok(201)
    return owner


def waiting(platform: Platform) -> list[dict[str, Any]]:
    """The requests in the outbox, as the event source delivers them."""
    rows = platform.rows("select * from platform.outbox where topic = 'rules.evaluation.requested'")
    return [
        {
            "topic": row.topic,
            "key": base64.b64encode(row.key.encode()).decode(),
            "value": base64.b64encode(row.payload.encode()).decode(),
            "headers": [{name: list(value.encode())} for name, value in row.headers.items()],
        }
        for row in rows
    ]


def answers(platform: Platform) -> list[dict[str, Any]]:
    rows = platform.rows("select payload from platform.outbox where topic = 'rules.evaluation.completed'")
    return [json.loads(row.payload) for row in rows]


def deliver(platform: Platform, records: list[dict[str, Any]]) -> None:
    platform.invoke(evaluations.answer, {"eventSource": "aws:kafka", "records": {"x-0": records}})


def test_an_order_is_pending_then_decided(fresh_platform: Platform, owner: Caller) -> None:
    order = {"rule_set": "discount", "facts": {"country": "CH", "amount": 500}, "reply_to": "me"}
    accepted = owner.call(evaluations.request, order)
    identifier = accepted.ok(202)["id"]
    assert accepted.headers["Location"].endswith(identifier)
    assert owner.call(evaluations.read, path={"id": identifier}).ok()["status"] == "pending"
    deliver(fresh_platform, waiting(fresh_platform))
    kept = owner.call(evaluations.read, path={"id": identifier}).ok()
    assert (kept["status"], kept["outputs"]) == ("completed", {"percent": 5})
    (told,) = answers(fresh_platform)
    assert (told["id"], told["outcome"], told["reply_to"]) == (identifier, "completed", "me")


def test_a_process_is_joined_to_what_was_decided_for_it(fresh_platform: Platform, owner: Caller) -> None:
    process, other = uuid4(), uuid4()
    order = {"rule_set": "discount", "facts": {"country": "CH", "amount": 500}}
    place = f"workflow/processes/{process}/decisions/1"
    owner.call(evaluations.request, order | {"reply_to": place}).ok(202)
    deliver(fresh_platform, waiting(fresh_platform))
    query = """query($of: [_Any!]!) { _entities(representations: $of) {
        ... on Process { evaluations { status outputs fired } }
    } }"""
    of = [{"__typename": "Process", "id": str(each)} for each in (process, other)]
    answer = owner.call(graph.query, {"query": query, "variables": {"of": of}}).ok()
    assert answer["data"]["_entities"] == [
        {"evaluations": [{"status": "completed", "outputs": {"percent": 5}, "fired": ["small"]}]},
        {"evaluations": []},
    ]


def test_an_order_delivered_twice_is_answered_once(fresh_platform: Platform, owner: Caller) -> None:
    order = {"rule_set": "discount", "facts": {"country": "CH", "amount": 500}}
    owner.call(evaluations.request, order).ok(202)
    records = waiting(fresh_platform)
    deliver(fresh_platform, records)
    deliver(fresh_platform, records + records)
    assert len(answers(fresh_platform)) == 1


def test_an_order_that_cannot_be_decided_is_answered_too(fresh_platform: Platform, owner: Caller) -> None:
    owner.call(evaluations.request, {"rule_set": "discount", "facts": {"country": 7}}).ok(202)
    (record,) = waiting(fresh_platform)
    unknown = json.loads(base64.b64decode(record["value"])) | {"rule_set": "nothing", "id": str(uuid4())}
    headers = [h for h in record["headers"] if "ce_id" not in h] + [{"ce_id": list(str(uuid4()).encode())}]
    other = record | {
        "value": base64.b64encode(json.dumps(unknown).encode()).decode(),
        "headers": headers,
    }
    deliver(fresh_platform, [record, other])
    told = answers(fresh_platform)
    assert [each["outcome"] for each in told] == ["failed", "failed"]
    assert all(each["error"] for each in told)


def test_partitions_are_kept_ahead_and_dropped_past_the_retention(fresh_platform: Platform) -> None:
    with fresh_platform.admin.begin() as connection:
        connection.exec_driver_sql(
            "create table rules.evaluations_p202001 partition of rules.evaluations "
            "for values from ('2020-01-01') to ('2020-02-01')"
        )
    assert fresh_platform.invoke(housekeeping.keep_partitions, {}) == {
        "made": [],
        "dropped": ["evaluations_p202001"],
    }
    names = fresh_platform.rows(
        "select inhrelid from pg_inherits where inhparent = 'rules.evaluations'::regclass"
    )
    assert len(names) == 4
