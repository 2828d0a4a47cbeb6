"""A rule set's life: drafted, tested, published, evaluated, studied, exchanged, archived."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from common.operation import Operation
from rules import evaluations, exchange, graph, publishing, rule_tests, rules, sets, studies
from rules.engine.dmn.read import read_dmn
from tests.integration.platform import Answer, Caller, Platform

DISCOUNT = {
    "key": "discount",
    "name": "Discounts",
    "facts": {
        "country": {"type": "string", "required": True},
        "amount": {"type": "number", "required": True, "minimum": 0},
    },
    "outputs": {"percent": {"type": "integer", "default": 0}},
}


def rule(key: str, country: str, above: float, percent: int, **more: Any) -> dict[str, Any]:
    rows = [
        {"kind": "row", "field": "country", "operator": "eq", "value": country},
        {"kind": "row", "field": "amount", "operator": "gt", "value": above},
    ]
    return {
        "key": key,
        "condition": {"kind": "all", "of": rows},
        "actions": [{"type": "set", "output": "percent", "value": percent}],
    } | more


@pytest.fixture
def owner(platform: Platform) -> Caller:
    return platform.register()


@pytest.fixture
def discount(owner: Caller) -> dict[str, str]:
    """A set with two rules, published."""
    owner.call(sets.create, DISCOUNT).ok(201)
    for new in (rule("big", "CH", 1000, 10), rule("small", "CH", 100, 5)):
        owner.call(rules.create, new, path={"id": "discount"}).ok(201)
    owner.call(publishing.publish, path={"id": "discount"}).ok(201)
    return {"id": "discount"}


def decide(owner: Caller, place: dict[str, str], amount: float, **query: Any) -> Answer:
    question = {"facts": {"country": "CH", "amount": amount}}
    return owner.call(evaluations.evaluate, question, path=place, query=query)


def test_a_published_set_decides_and_each_evaluation_is_kept(owner: Caller, discount: dict[str, str]) -> None:
    decision = decide(owner, discount, 1500).ok()
    assert decision["outputs"] == {"percent": 10}
    assert decision["fired"] == ["big"]
    kept = owner.call(evaluations.read, path={"id": decision["id"]}).ok()
    assert (kept["status"], kept["outputs"], kept["rule_set"]) == ("completed", {"percent": 10}, "discount")
    assert decide(owner, discount, 50).ok()["outputs"] == {"percent": 0}
    listed = owner.call(evaluations.list_, query={"rule_set": "discount", "limit": 1}).ok()
    assert len(listed["items"]) == 1
    assert listed["next"]


def test_an_explanation_says_why_and_why_not(owner: Caller, discount: dict[str, str]) -> None:
    decision = decide(owner, discount, 500, explain="true").ok()
    told = {each["rule"]: each for each in decision["explanation"]}
    assert told["small"]["fired"]
    assert not told["big"]["fired"]
    (stopper,) = told["big"]["stopped_by"]
    assert (stopper["field"], stopper["verdict"], stopper["fact"]) == ("amount", "false", 500)


def test_an_evaluation_of_a_large_set_is_explained_page_by_page(owner: Caller) -> None:
    several = [{"id": f"r{n}", "condition": above(n)} for n in range(600)]
    document = {"facts": {"amount": {"type": "number"}}, "rules": several, "hit_policy": "collect"}
    owner.call(
        exchange.import_,
        raw=json.dumps(document),
        headers={"Content-Type": "application/json"},
        query={"key": "large"},
    ).ok(201)
    place = {"id": "large"}
    owner.call(publishing.publish, path=place).ok(201)
    asked = {"facts": {"amount": 2}}
    made = owner.call(evaluations.evaluate, asked, path=place, query={"explain": "true"}).ok()
    assert (len(made["explanation"]), made["unexplained"]) == (500, 100)
    pages, query = [], {"limit": "200"}
    while query:
        told = owner.call(evaluations.explanation, path={"id": made["id"]}, query=query).ok()
        pages += told["items"]
        query = {"limit": "200", "cursor": told["next"]} if told.get("next") else {}
    assert [each["rule"] for each in pages] == [f"r{n}" for n in range(600)]
    assert [each["rule"] for each in pages if each["fired"]] == made["fired"] == ["r0", "r1"]
    assert pages[:500] == made["explanation"]
    one = {"rule": "r599"}
    (told,) = owner.call(evaluations.explanation, path={"id": made["id"]}, query=one).ok()["items"]
    assert (told["stopped_by"][0]["fact"], told["stopped_by"][0]["test"]) == (2, "amount gt 599")
    unknown = owner.call(evaluations.explanation, path={"id": made["id"]}, query={"rule": "r600"})
    unknown.problem(404)


def above(amount: int) -> dict[str, Any]:
    return {"kind": "row", "field": "amount", "operator": "gt", "value": amount}


def test_a_refused_evaluation_is_explained_by_its_refusal(owner: Caller, discount: dict[str, str]) -> None:
    refused = owner.call(evaluations.evaluate, {"facts": {"country": 7}}, path=discount).problem(422)
    path = {"id": refused["evaluation"]}
    assert owner.call(evaluations.explanation, path=path).problem(409)["detail"] == refused["detail"]


def test_facts_that_do_not_fit_are_refused_and_the_evaluation_kept(
    owner: Caller, discount: dict[str, str]
) -> None:
    for facts in (
        {"country": 7, "amount": 1},
        {"country": "CH", "amount": True},
        {"country": "CH"},
        {"country": "CH", "amount": 1, "colour": "red"},
    ):
        refused = owner.call(evaluations.evaluate, {"facts": facts}, path=discount)
        problem = refused.problem(422, "evaluation_refused")
        kept = owner.call(evaluations.read, path={"id": problem["evaluation"]}).ok()
        assert kept["status"] == "refused"
        assert kept["error"] == problem["detail"]


NESTED = '{"o":'
HOSTILE = [
    f'{{"n": {"9" * 400}}}',
    '{"n": 1e308}',
    f'{{"n": 1e-320, "i": {"9" * 30}}}',
    '{"i": 9223372036854775807}',
    '{"w": "P999999999DT999999999H"}',
    '{"t": "0001-01-01T00:00:00+14:00"}',
    '{"s": "\\u0000"}',
    '{"s": "\\ud800"}',
    f'{{"s": "{"a" * 100_000}"}}',
    f'{{"l": [{", ".join(["1e15"] * 1_000)}]}}',
    f"{NESTED * 500}1{'}' * 500}",
]


@pytest.mark.parametrize("facts", HOSTILE)
def test_hostile_facts_are_decided_or_refused_and_never_break(owner: Caller, facts: str) -> None:
    kinds = {"n": "number", "i": "integer", "s": "string", "l": "list", "o": "object"}
    declared = {name: {"type": kind} for name, kind in kinds.items()}
    declared |= {"w": {"type": "duration"}, "t": {"type": "timestamp"}}
    computed = {"x": "n * 2.0", "y": "i + 1", "z": "s + s", "v": "l", "u": "o"}
    given = [{"type": "set", "output": name, "cel": cel} for name, cel in computed.items()]
    several = [
        {"id": "all", "actions": [*given, {"type": "add", "output": "sum", "cel": "n"}]},
        {"id": "again", "actions": [{"type": "add", "output": "sum", "cel": "n"}]},
        {"id": "cel", "condition": {"kind": "expression", "cel": "n > 1.0 || size(s) > 1 || i / 0 > 1"}},
        {"id": "row", "condition": {"kind": "row", "field": "n", "operator": "gt", "value": 0.1}},
        {"id": "late", "condition": {"kind": "row", "field": "w", "operator": "gt", "value": "PT1S"}},
    ]
    document = {"facts": declared, "rules": several, "hit_policy": "collect"}
    owner.call(
        exchange.import_,
        raw=json.dumps(document),
        headers={"Content-Type": "application/json"},
        query={"key": "hostile"},
    ).ok(201)
    place = {"id": "hostile"}
    owner.call(publishing.publish, path=place).ok(201)
    answer = owner.call(evaluations.evaluate, raw=f'{{"facts": {facts}}}', path=place)
    assert answer.status in (200, 400, 422), answer.text
    if answer.status == 200:
        kept = owner.call(evaluations.read, path={"id": answer.json["id"]}).ok()
        assert kept["outputs"] == answer.json["outputs"]
        assert None not in kept["outputs"].values()
        owner.call(evaluations.explanation, path={"id": answer.json["id"]}).ok()


def test_a_batch_decides_each_by_itself(owner: Caller, discount: dict[str, str]) -> None:
    items = [{"country": "CH", "amount": 200}, {"country": 7}, {"country": "CH", "amount": 2000}]
    told = owner.call(evaluations.evaluate_batch, {"items": items}, path=discount).ok()["items"]
    assert [each["status"] for each in told] == ["completed", "refused", "completed"]
    assert [each["outputs"].get("percent") for each in told] == [5, None, 10]
    explained = owner.call(
        evaluations.evaluate_batch, {"items": items[::2]}, path=discount, query={"explain": "true"}
    ).ok()["items"]
    assert [[each["fired"] for each in told["explanation"]] for told in explained] == [
        [False, True],
        [True, False],
    ]


def test_a_draft_decides_nothing_until_it_is_published(owner: Caller, discount: dict[str, str]) -> None:
    owner.call(rules.create, rule("huge", "CH", 5000, 20, priority=9), path=discount).ok(201)
    assert decide(owner, discount, 9000).ok()["outputs"] == {"percent": 10}
    assert owner.call(publishing.publish, path=discount).ok(201)["number"] == 2
    assert decide(owner, discount, 9000).ok()["outputs"] == {"percent": 20}
    question = {"facts": {"country": "CH", "amount": 9000}, "version": 1}
    assert owner.call(evaluations.evaluate, question, path=discount).ok()["outputs"] == {"percent": 10}
    question["version"] = 9
    owner.call(evaluations.evaluate, question, path=discount).problem(404, "not_published")
    listed = owner.call(publishing.versions, path=discount).ok()["items"]
    assert [(v["number"], v["rules"]) for v in listed] == [(2, 3), (1, 2)]


def test_a_rule_round_trips_and_is_changed_with_its_version(owner: Caller, discount: dict[str, str]) -> None:
    tree = {
        "kind": "any",
        "of": [
            {
                "kind": "not",
                "of": {"kind": "row", "field": "country", "operator": "in", "value": ["DE", "AT"]},
            },
            {"kind": "all", "of": [{"kind": "expression", "cel": "amount > 3.0"}]},
            {"kind": "row", "field": "country", "operator": "exists"},
        ],
    }
    new = rule("odd", "CH", 1, 1) | {"condition": tree, "valid_from": "2026-01-01T00:00:00Z"}
    made = owner.call(rules.create, new, path=discount)
    place = discount | {"rule_id": made.ok(201)["id"]}
    read = owner.call(rules.read, path=place)
    assert read.ok()["condition"] == tree
    assert read.json == made.json
    changed = new | {"enabled": False, "condition": None}
    owner.call(rules.replace, changed, path=place).problem(428)
    after = owner.call(rules.replace, changed, path=place, headers={"If-Match": read.etag})
    assert (after.ok()["enabled"], after.json["condition"]) == (False, None)
    owner.call(rules.remove, path=place, headers={"If-Match": read.etag}).problem(412)
    owner.call(rules.remove, path=place, headers={"If-Match": after.etag}).ok(204)
    owner.call(rules.read, path=place).problem(404)


def test_rules_are_found_by_the_field_they_ask_for(owner: Caller, discount: dict[str, str]) -> None:
    found = owner.call(rules.list_, path=discount, query={"field": "amount"}).ok()["items"]
    assert [each["key"] for each in found] == ["big", "small"]
    assert owner.call(rules.list_, path=discount, query={"field": "colour"}).ok()["items"] == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"condition": {"kind": "row", "field": "contry", "operator": "eq", "value": "CH"}}, None),
        ({"condition": {"kind": "row", "field": "amount", "operator": "eq", "value": "CH"}}, None),
        ({"condition": {"kind": "expression", "cel": "amount >"}}, None),
        ({"condition": {"kind": "row", "field": "country", "operator": "matches", "value": "(a+"}}, None),
        ({"actions": [{"type": "set", "output": "colour", "value": 1}]}, None),
        ({"condition": {"kind": "wish"}}, "invalid"),
    ],
)
def test_a_rule_that_cannot_hold_is_refused_with_its_place(
    owner: Caller, discount: dict[str, str], change: dict[str, Any], code: str | None
) -> None:
    answer = owner.call(rules.create, rule("bad", "CH", 1, 1) | change, path=discount)
    problem = answer.problem(422, code or "invalid_rule_set")
    assert problem["errors"][0]["pointer"]


def test_tests_gate_publishing(owner: Caller, discount: dict[str, str]) -> None:
    facts = {"country": "CH", "amount": 500}
    owner.call(
        rule_tests.create, {"name": "good", "facts": facts, "outputs": {"percent": 5}}, path=discount
    ).ok(201)
    bad = {"name": "bad", "facts": facts, "outputs": {"percent": 6}, "fired": ["small"]}
    made = owner.call(rule_tests.create, bad, path=discount).ok(201)
    run = owner.call(rule_tests.run, path=discount).ok()
    assert (run["passed"], run["failed"]) == (1, 1)
    refused = owner.call(publishing.publish, path=discount).problem(422, "tests_failed")
    assert [failure["name"] for failure in refused["failures"]] == ["bad"]
    assert owner.call(sets.read, path=discount).ok()["published"] == 1
    owner.call(rule_tests.remove, path=discount | {"test_id": made["id"]}).ok(204)
    owner.call(publishing.publish, path=discount).ok(201)


def test_tests_and_evaluations_of_a_chaining_set_chain_alike(owner: Caller) -> None:
    numbers = {name: {"type": "integer"} for name in ("a", "b", "c")}
    made = {"key": "chain", "name": "Chain", "facts": numbers, "outputs": {n: numbers[n] for n in "bc"}}
    owner.call(sets.create, made | {"chaining": True, "hit_policy": "collect"}).ok(201)
    place = {"id": "chain"}
    for given, output in (("a", "b"), ("b", "c")):
        condition = {"kind": "row", "field": given, "operator": "eq", "value": 1}
        new = {
            "key": output,
            "condition": condition,
            "actions": [{"type": "set", "output": output, "value": 1}],
        }
        owner.call(rules.create, new, path=place).ok(201)
    expected = {"facts": {"a": 1}, "outputs": {"b": 1, "c": 1}}
    owner.call(rule_tests.create, expected | {"name": "through"}, path=place).ok(201)
    owner.call(rule_tests.create, {"name": "typo", "facts": {"A": 1}, "outputs": {}}, path=place).ok(201)
    run = owner.call(rule_tests.run, path=place).ok()
    assert [(each["name"], each["passed"]) for each in run["outcomes"]] == [
        ("through", True),
        ("typo", False),
    ]
    assert "unknown" in run["outcomes"][1]["error"]
    owner.call(rule_tests.remove, path=place | {"test_id": run["outcomes"][1]["id"]}).ok(204)
    owner.call(publishing.publish, path=place).ok(201)
    told = owner.call(evaluations.evaluate, {"facts": {"a": 1}}, path=place, query={"explain": "true"}).ok()
    assert told["outputs"] == {"b": 1, "c": 1}
    assert [(each["rule"], each["fired"]) for each in told["explanation"]] == [("b", True), ("c", True)]
    assert owner.call(evaluations.explanation, path={"id": told["id"]}).ok()["items"] == told["explanation"]


def test_a_simulation_says_what_a_draft_would_change(owner: Caller, discount: dict[str, str]) -> None:
    for amount in (50, 500, 1500):
        decide(owner, discount, amount).ok()
    owner.call(rules.create, rule("mid", "CH", 400, 7, priority=1), path=discount).ok(201)
    told = owner.call(studies.simulate, {}, path=discount).ok()
    assert (told["evaluated"], told["changed"], told["unchanged"]) == (3, 2, 1)
    assert sorted(change["changed"]["percent"] for change in told["changes"]) == [[5, 7], [10, 7]]


def test_an_analysis_finds_what_is_shadowed_with_a_witness(owner: Caller, discount: dict[str, str]) -> None:
    owner.call(rules.create, rule("late", "CH", 200, 9), path=discount).ok(201)
    told = owner.call(studies.analyse, path=discount).ok()
    (shadowed,) = told["shadowed"]
    assert shadowed["rule"] == "late"
    witness = shadowed["witness"]["facts"]
    assert witness["country"] == "CH"
    assert witness["amount"] > 200
    assert told["gaps"]


def test_a_set_goes_out_as_dmn_and_comes_back(owner: Caller, discount: dict[str, str]) -> None:
    exported = owner.call(exchange.export, path=discount)
    assert exported.headers["Content-Type"] == exchange.DMN, exported.text
    assert len(read_dmn(exported.text).decisions) == 1
    headers = {"Content-Type": exchange.DMN}
    made = owner.call(exchange.import_, raw=exported.text, headers=headers, query={"key": "again"}).ok(201)
    assert made["declaration"] == owner.call(sets.read, path=discount).ok()["declaration"]
    owner.call(publishing.publish, path={"id": "again"}).ok(201)
    for amount in (50, 500, 1500):
        first, second = (decide(owner, {"id": key}, amount).ok() for key in ("discount", "again"))
        assert first["outputs"] == second["outputs"]


def test_a_set_that_no_table_can_tell_is_not_exported_as_dmn(owner: Caller, discount: dict[str, str]) -> None:
    late = rule("late", "CH", 1, 1) | {"valid_from": "2026-01-01T00:00:00Z"}
    owner.call(rules.create, late, path=discount).ok(201)
    assert "validity" in owner.call(exchange.export, path=discount).problem(422)["detail"]


def test_a_set_goes_out_as_json_and_comes_back(owner: Caller, discount: dict[str, str]) -> None:
    as_json = {"format": "json"}
    exported = owner.call(exchange.export, path=discount, query=as_json)
    headers = {"Content-Type": "application/json"}
    owner.call(exchange.import_, raw=exported.text, headers=headers, query={"key": "copy"}).ok(201)
    copy = owner.call(exchange.export, path={"id": "copy"}, query=as_json)
    assert copy.json["rules"] == exported.json["rules"]


@pytest.mark.parametrize("document", ["", "<x/>", "<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", "\x00"])
def test_a_document_that_is_no_dmn_is_refused(owner: Caller, document: str) -> None:
    answer = owner.call(
        exchange.import_, raw=document, headers={"Content-Type": exchange.DMN}, query={"key": "bad"}
    )
    assert answer.status in (400, 422), answer.text


def test_declarations_are_changed_with_the_sets_version(owner: Caller, discount: dict[str, str]) -> None:
    read = owner.call(sets.read, path=discount)
    changed = owner.call(sets.change, {"name": "New"}, path=discount, headers={"If-Match": read.etag})
    assert changed.ok()["name"] == "New"
    assert changed.json["declaration"] == read.json["declaration"]
    owner.call(sets.change, {"name": "Old"}, path=discount, headers={"If-Match": read.etag}).problem(412)
    owner.call(sets.archive, path=discount, headers={"If-Match": changed.etag}).ok(204)
    decide(owner, discount, 1).problem(409)
    assert owner.call(sets.list_).ok()["items"] == []
    owner.call(sets.create, DISCOUNT).problem(409, "key_taken")


def test_another_tenant_sees_nothing_of_it(
    platform: Platform, owner: Caller, discount: dict[str, str]
) -> None:
    made = decide(owner, discount, 500).ok()
    stranger = platform.register()
    stranger.call(sets.read, path=discount).problem(404)
    stranger.call(evaluations.read, path={"id": made["id"]}).problem(404)
    decide(stranger, discount, 500).problem(404)


def test_a_publish_during_a_thousand_evaluations_mixes_no_versions(
    owner: Caller, discount: dict[str, str]
) -> None:
    """Four callers decide while one publishes: each decision is wholly the version's that it names."""
    question = {"facts": {"country": "CH", "amount": 500}}
    told = {1: (5, "small")} | {n: (5 + n, "small" if n % 2 else "big") for n in range(2, 8)}
    seen: list[dict[str, Any]] = []

    def deciding(caller: int) -> None:
        for n in range(50):
            if (n + caller) % 2:
                seen.append(owner.call(evaluations.evaluate, question, path=discount).ok())
            else:
                asked = {"items": [question["facts"]] * 9}
                batch = owner.call(evaluations.evaluate_batch, asked, path=discount).ok()["items"]
                assert len({each["set_version"] for each in batch}) == 1
                seen.extend(batch)

    found = {each["key"]: each for each in owner.call(rules.list_, path=discount).ok()["items"]}
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(deciding, caller) for caller in range(4)]
        for number in range(2, 8):
            while len(seen) < 120 * (number - 1) and not any(each.done() for each in running):
                time.sleep(0.002)
            percent, winner = told[number]
            for key, read in found.items():
                above, given = (100, percent) if key == winner else (9_000, 99)
                changed = rule(key, "CH", above, given)
                match = {"If-Match": f'"{read["version"] + number - 2}"'}
                place = discount | {"rule_id": read["id"]}
                owner.call(rules.replace, changed, path=place, headers=match).ok()
            assert owner.call(publishing.publish, path=discount).ok(201)["number"] == number
        for each in running:
            each.result()
    assert len(seen) == 1000
    versions = {decision["set_version"] for decision in seen}
    assert 1 in versions
    assert len(versions) > 2  # of seven; one that was soon followed may have decided nothing
    for decision in seen:
        percent, winner = told[decision["set_version"]]
        assert (decision["outputs"], decision["fired"]) == ({"percent": percent}, [winner])
    assert decide(owner, discount, 500).ok()["set_version"] == 7


def test_the_graph_reads_a_set_with_its_rules_and_evaluations(
    owner: Caller, discount: dict[str, str]
) -> None:
    decide(owner, discount, 500).ok()
    asking: Operation[..., Any] = graph.query
    answer = owner.call(
        asking,
        {
            "query": """{
              ruleSet(id: "discount") { key published rules { nodes { key actions } } }
              evaluations { nodes { status outputs ruleSet { key } } }
            }"""
        },
    ).ok()
    assert "errors" not in answer, answer
    assert [node["key"] for node in answer["data"]["ruleSet"]["rules"]["nodes"]] == ["big", "small"]
    (node,) = answer["data"]["evaluations"]["nodes"]
    assert node == {"status": "completed", "outputs": {"percent": 5}, "ruleSet": {"key": "discount"}}


def test_an_unknown_set_is_not_found(owner: Caller) -> None:
    for reference in ("nothing", uuid4()):
        owner.call(sets.read, path={"id": reference}).problem(404)
