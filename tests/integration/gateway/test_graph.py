"""The graph over HTTP: what is sent and answered, with which status, headers, counts and events."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from common import metrics
from gateway.options import Options, use
from gateway.protocol.media import GRAPHQL
from gateway.serving import composed
from tests.integration.gateway.conftest import Graph, Lambdas, proxied
from tests.integration.platform import Platform

JOINED = "{ tasks { title assignee { name tasks { id } } } motto }"
MODERN = {"Accept": GRAPHQL}


def test_one_query_joins_several_services(owner: Graph, lambdas: Lambdas) -> None:
    response = owner.ask(JOINED)
    assert response == {
        "data": {
            "tasks": [
                {"title": "Sign", "assignee": {"name": "Ada", "tasks": [{"id": "t1"}]}},
                {"title": "Pay", "assignee": {"name": "Bob", "tasks": [{"id": "t2"}]}},
            ],
            "motto": "Festina lente",
        }
    }
    assert sorted(operation for operation, _ in lambdas.events) == [
        "auth.graph.query",
        "auth.graph.query",
        "workflow.graph.query",
    ]


def test_subgraphs_get_the_callers_token_trace_and_correlation(owner: Graph, lambdas: Lambdas) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {
        "traceparent": f"00-{trace}-00f067aa0ba902b7-01",
        "tracestate": "a=b",
        "X-Correlation-Id": "c-1",
        "Accept-Language": "de",
        "Cookie": "secret=1",
    }
    owner.post({"query": "{ motto }"}, headers=headers).ok()
    ((_, event),) = lambdas.events
    sent = event["headers"]
    assert owner.caller is not None
    assert sent["authorization"] == f"Bearer {owner.caller.token}"
    assert sent["traceparent"].split("-")[1] == trace
    assert (sent["tracestate"], sent["x-correlation-id"], sent["accept-language"]) == ("a=b", "c-1", "de")
    assert "cookie" not in sent
    assert (event["httpMethod"], event["path"]) == ("POST", "/auth/graphql")
    assert event["requestContext"]["identity"]["sourceIp"] == "192.0.2.1"


def test_without_a_token_what_is_public_is_answered(anyone: Graph) -> None:
    assert anyone.ask("{ motto }") == {"data": {"motto": "Festina lente"}}
    response = anyone.ask("{ me { name } }")
    assert response["data"] == {"me": None}
    assert response["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}


def test_a_bad_token_is_refused_in_graphqls_words(platform: Platform, anyone: Graph) -> None:
    answer = anyone.post({"query": "{ motto }"}, headers={"Authorization": "Bearer nonsense"})
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"query": "{"}, 400, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nothing }"}, 400, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query A { motto } query B { motto }"}, 400, "OPERATION_RESOLUTION_FAILURE"),
        ({"query": "{ motto }", "operationName": "B"}, 400, "OPERATION_RESOLUTION_FAILURE"),
        ({"query": "query ($c: String!) { forecast(city: $c) }"}, 400, "BAD_USER_INPUT"),
        ({"query": "subscription { x }"}, 400, "OPERATION_NOT_SUPPORTED"),
        ({"query": "fragment A on Query { motto }"}, 400, None),
    ],
)
def test_what_cannot_be_executed_is_400_for_those_who_know_and_200_for_others(
    owner: Graph, body: Any, status: int, code: str | None
) -> None:
    modern, legacy = owner.post(body, headers=MODERN), owner.post(body)
    assert (modern.status, legacy.status) == (status, 200)
    for answer in (modern, legacy):
        assert "data" not in answer.json
        if code is not None:
            assert answer.json["errors"][0]["extensions"]["code"] == code
    assert modern.headers["Content-Type"] == f"{GRAPHQL}; charset=utf-8"
    assert legacy.headers["Content-Type"] == "application/json; charset=utf-8"


def test_what_is_no_request_is_refused(owner: Graph) -> None:
    json_headers = {"Content-Type": "application/json"}
    assert owner.post(raw="{", headers=json_headers).status == 400
    assert owner.post({"query": 7}).status == 400
    assert owner.post(raw='{"query":"{ motto }"}', headers={"Content-Type": "text/plain"}).status == 415
    assert owner.post({"query": "{ motto }"}, headers={"Accept": "image/png"}).status == 406
    too_large = owner.post({"query": "{ motto }", "variables": {"x": "y" * 1_100_000}})
    assert too_large.status == 413
    for answer in (too_large, owner.post({})):
        assert answer.json["errors"][0]["message"]


def test_a_get_asks_but_never_changes(owner: Graph, lambdas: Lambdas) -> None:
    assert owner.get({"query": "{ motto }"}).ok() == {"data": {"motto": "Festina lente"}}
    variables = '{"c":"Ulm"}'
    asked = owner.get({"query": "query ($c: String!) { forecast(city: $c) motto }", "variables": variables})
    assert asked.ok()["data"]["motto"] == "Festina lente"
    lambdas.events.clear()
    refused = owner.get({"query": 'mutation { rename(id: "1", name: "x") { name } }'})
    assert (refused.status, refused.headers["Allow"]) == (405, "POST")
    assert lambdas.events == []
    assert owner.get({}).status == 400


def test_a_browser_gets_graphiql_with_nothing_from_elsewhere(anyone: Graph) -> None:
    page = anyone.get({}, headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "//" not in page.text.replace("<!doctype", "")
    assert "<script>" not in page.text
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]


def test_mutations_run_in_series(owner: Graph, lambdas: Lambdas) -> None:
    document = """mutation {
      a: rename(id: "1", name: "x") { name tasks { id } }
      b: rename(id: "2", name: "y") { name }
    }"""
    response = owner.ask(document)
    assert response["data"] == {"a": {"name": "x", "tasks": [{"id": "t1"}]}, "b": {"name": "y"}}
    assert list(response["data"]) == ["a", "b"]


def test_a_batch_is_answered_in_its_order_and_each_for_itself(owner: Graph) -> None:
    batch = [{"query": "{ motto }"}, {"query": "{ nothing }"}, {"query": "{ me { name } }"}]
    answers = owner.post(batch, headers=MODERN).ok()
    assert answers[0] == {"data": {"motto": "Festina lente"}}
    assert answers[1]["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert answers[2] == {"data": {"me": {"name": "Ada"}}}
    assert owner.post([{"query": "{ motto }"}] * 11).status == 400


def test_a_plan_is_told_to_those_who_ask(owner: Graph) -> None:
    answer = owner.post({"query": JOINED}, headers={"X-Query-Plan": "true"}).ok()
    assert answer["extensions"]["queryPlan"]["kind"] == "QueryPlan"


def test_production_shows_neither_its_schema_nor_faults(owner: Graph, lambdas: Lambdas) -> None:
    use(Options.read({}, "prod"))
    assert owner.ask("{ __schema { queryType { name } } }")["errors"]
    assert owner.ask("{ __typename }") == {"data": {"__typename": "Query"}}
    lambdas.behaviours["auth.graph.query"] = lambda *_: proxied(502, {"secret": "10.0.0.7"})
    response = owner.ask("{ motto }")
    assert response["data"] == {"motto": None}
    (error,) = response["errors"]
    assert error["message"] == "Something went wrong on our side."
    assert error["extensions"] == {"code": "SUBGRAPH_UNAVAILABLE"}


def test_a_release_without_a_graph_says_so(
    anyone: Graph, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    composed.use(None)
    composed._shipped.cache_clear()
    monkeypatch.setattr(composed, "FILE", tmp_path / "none.graphql")
    answer = anyone.post({"query": "{ motto }"})
    assert answer.status == 503
    assert answer.json["errors"][0]["extensions"]["code"] == "GRAPH_UNCOMPOSED"
    composed._shipped.cache_clear()


def test_how_long_an_answer_may_be_kept_is_what_its_parts_allow(
    anyone: Graph, owner: Graph, lambdas: Lambdas
) -> None:
    answer = {"data": {"motto": "x"}}
    lambdas.behaviours["auth.graph.query"] = lambda *_: proxied(
        200, answer, **{"Cache-Control": "max-age=60"}
    )
    assert anyone.get({"query": "{ motto }"}).headers["Cache-Control"] == "public, max-age=60"
    assert owner.get({"query": "{ motto }"}).headers["Cache-Control"] == "private, max-age=60"
    assert "Authorization" in owner.get({"query": "{ motto }"}).headers["Vary"]
    lambdas.behaviours["auth.graph.query"] = lambda *_: proxied(200, answer)
    assert anyone.get({"query": "{ motto }"}).headers["Cache-Control"] == "no-store"
    failed = answer | {"errors": [{"message": "x"}]}
    lambdas.behaviours["auth.graph.query"] = lambda *_: proxied(
        200, failed, **{"Cache-Control": "max-age=60"}
    )
    assert anyone.get({"query": "{ motto }"}).headers["Cache-Control"] == "no-store"


def events(platform: Platform, owner: Graph) -> list[tuple[str, dict[str, Any]]]:
    assert owner.caller is not None
    rows = platform.rows(
        "select type, data from gateway.event_store where tenant_id = :tenant order by stream, version",
        tenant=owner.caller.tenant,
    )
    return [(row.type, row.data) for row in rows]


def test_an_operation_is_told_and_queued_for_kafka(platform: Platform, owner: Graph) -> None:
    owner.post({"query": "query Motto { motto }"}).ok()
    (received, completed) = events(platform, owner)
    assert received[0] == "gateway.query.received"
    assert received[1]["name"] == "Motto"
    assert completed[0] == "gateway.query.completed"
    assert (completed[1]["errors"], completed[1]["subgraph_requests"]) == (0, 1)
    assert completed[1]["id"] == received[1]["id"]
    queued = platform.rows("select 1 from platform.outbox where key = :key", key=f"query:{received[1]['id']}")
    assert len(queued) == 2


def test_only_a_sample_is_told_but_every_failure_of_a_subgraph(
    platform: Platform, owner: Graph, lambdas: Lambdas
) -> None:
    use(Options(events_percent=0))
    owner.ask("{ motto }")
    owner.ask("{ nothing }")
    assert events(platform, owner) == []
    lambdas.behaviours["auth.graph.query"] = lambda *_: "nonsense"
    owner.ask("{ motto }")
    ((kind, data),) = events(platform, owner)
    assert kind == "gateway.error.occurred"
    assert (data["codes"], data["services"]) == (["SUBGRAPH_RESPONSE_MALFORMED"], ["auth"])


def test_an_operation_is_counted(owner: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[tuple[str, dict[str, str]]] = []

    def record(metric: metrics.Metric, _value: float, labels: dict[str, str]) -> None:
        counted.append((metric.name, labels))

    monkeypatch.setattr(metrics.Metric, "_record", record)
    owner.ask("{ motto nothing: me { id } tasks { id } }")
    owner.ask("{ nothing }")
    assert ("federated_queries_total", {"operation": "query"}) in counted
    assert ("response_times_seconds", {"operation": "query"}) in counted
    assert ("subgraph_requests_total", {"subgraph": "auth", "result": "ok"}) in counted
    assert ("subgraph_requests_total", {"subgraph": "workflow", "result": "ok"}) in counted
    assert ("federated_queries_total", {"operation": "none"}) in counted
    assert ("error_rates_total", {"code": "GRAPHQL_VALIDATION_FAILED"}) in counted


def test_a_session_that_the_operation_itself_ends_still_gets_its_answer(
    platform: Platform, owner: Graph, lambdas: Lambdas
) -> None:
    def sign_out(_event: Any, _seconds: float) -> Any:
        with platform.admin.begin() as connection:
            connection.exec_driver_sql("update auth.sessions set revoked_at = now()")
        return proxied(200, {"data": {"rename": {"name": "gone"}}})

    lambdas.behaviours["auth.graph.query"] = sign_out
    assert owner.ask('mutation { rename(id: "1", name: "x") { name } }')["data"]["rename"]["name"] == "gone"
    assert owner.post({"query": "{ motto }"}).status == 401


def test_no_transaction_is_held_while_subgraphs_work(
    platform: Platform, owner: Graph, lambdas: Lambdas
) -> None:
    def look(_event: Any, _seconds: float) -> Any:
        open_now = platform.rows(
            "select count(*) as n from pg_stat_activity where datname = current_database()"
            " and usename = 'groundwork_gateway' and state <> 'idle'"
        )
        return proxied(200, {"data": {"motto": str(open_now[0].n)}})

    lambdas.behaviours["auth.graph.query"] = look
    assert owner.ask("{ motto }") == {"data": {"motto": "0"}}


def test_a_correlation_id_comes_back(owner: Graph) -> None:
    given = str(uuid4())
    answer = owner.post({"query": "{ motto }"}, headers={"X-Correlation-Id": given})
    assert answer.headers["X-Correlation-Id"] == given
    assert answer.headers["Server-Timing"].startswith("plan;dur=")
