"""Rules over HTTP and Kafka: a set is published and decides, at once and when asked over the broker."""

from __future__ import annotations

from tests.integration.rules.test_rule_sets import DISCOUNT, rule
from tests.local.stack import Tenant, eventually, problem


def test_a_rule_set_decides_at_once_and_over_kafka(owner: Tenant) -> None:
    with owner.http as http:
        assert http.post("/rules/sets", json=DISCOUNT).status_code == 201
        for new in (rule("big", "CH", 1000, 10), rule("small", "CH", 100, 5)):
            added = http.post("/rules/sets/discount/rules", json=new)
            assert added.status_code == 201, added.text
        published = http.post("/rules/sets/discount/publish")
        assert published.status_code == 201, published.text
        question = {"facts": {"country": "CH", "amount": 500}}
        decided = http.post("/rules/sets/discount/evaluate?explain=true", json=question).json()
        assert decided["outputs"] == {"percent": 5}
        assert len(decided["explanation"]) == 2
        problem(http.post("/rules/sets/discount/evaluate", json={"facts": {"country": 1}}), 422)

        ordered = http.post("/rules/evaluations", json={"rule_set": "discount", **question})
        assert ordered.status_code == 202, ordered.text
        place = f"/rules/evaluations/{ordered.json()['id']}"
        eventually(lambda: http.get(place).json()["status"] == "completed", seconds=30)
        assert http.get(place).json()["outputs"] == {"percent": 5}
