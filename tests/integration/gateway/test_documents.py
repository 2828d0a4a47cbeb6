"""Documents known by their hash: registered by clients, or trusted by the operator."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import pytest

from gateway import documents, upkeep
from gateway.options import Options, use
from gateway.protocol.media import GRAPHQL
from tests.integration.gateway.conftest import Graph
from tests.integration.platform import Platform


def digest(document: str) -> str:
    return sha256(document.encode()).hexdigest()


def persisted(document: str, *, send: bool) -> dict[str, Any]:
    said = {"persistedQuery": {"version": 1, "sha256Hash": digest(document)}}
    return {"extensions": said} | ({"query": document} if send else {})


def code(answer: dict[str, Any]) -> str:
    found: str = answer["errors"][0]["extensions"]["code"]
    return found


def test_a_document_is_sent_once_and_named_from_then_on(owner: Graph) -> None:
    document = "query Once { motto }"
    unknown = owner.post(persisted(document, send=False), headers={"Accept": GRAPHQL})
    assert (unknown.status, code(unknown.json)) == (200, "PERSISTED_QUERY_NOT_FOUND")
    assert unknown.json["errors"][0]["message"] == "PersistedQueryNotFound"
    assert owner.post(persisted(document, send=True)).ok()["data"]
    documents.forget()  # as in another container
    assert owner.post(persisted(document, send=False)).ok() == {"data": {"motto": "Festina lente"}}
    assert owner.post({"documentId": f"sha256:{digest(document)}"}).ok()["data"]
    asked = {"extensions": json.dumps(persisted(document, send=False)["extensions"])}
    assert owner.get(asked).ok()["data"]


def test_a_hash_that_is_not_the_documents_is_refused(owner: Graph) -> None:
    body = persisted("{ motto }", send=True) | {"query": "{ me { name } }"}
    assert code(owner.post(body).ok()) == "PERSISTED_QUERY_HASH_MISMATCH"


def test_only_good_documents_of_somebody_are_registered(owner: Graph, anyone: Graph) -> None:
    owner.post(persisted("{ nothing }", send=True))
    anyone.post(persisted("query Anyone { motto }", send=True)).ok()
    documents.forget()
    for document in ("{ nothing }", "query Anyone { motto }"):
        assert code(owner.post(persisted(document, send=False)).ok()) == "PERSISTED_QUERY_NOT_FOUND"


def test_a_safelist_lets_nothing_else_run(owner: Graph, platform: Platform) -> None:
    assert owner.caller is not None
    document = "query Trusted { motto }"
    trusted = owner.caller.call(documents.trust, {"document": document, "name": "Trusted"}).ok(201)
    assert trusted["id"] == digest(document)
    assert [each["id"] for each in owner.caller.call(documents.list_).ok()["items"]] == [digest(document)]
    use(Options(safelist=True))
    assert owner.ask(document) == {"data": {"motto": "Festina lente"}}
    assert owner.post({"documentId": digest(document)}).ok()["data"]
    assert owner.post(persisted(document, send=True)).ok()["data"]
    for other in ("{ motto }", document + " ", "{ __schema { types { name } } }"):
        assert code(owner.ask(other)) == "QUERY_NOT_IN_SAFELIST"
        assert code(owner.post(persisted(other, send=True)).ok()) == "QUERY_NOT_IN_SAFELIST"
    owner.caller.call(documents.distrust, path={"id": digest(document)}).ok(204)
    documents.forget()
    assert code(owner.ask(document)) == "QUERY_NOT_IN_SAFELIST"
    owner.caller.call(documents.distrust, path={"id": digest(document)}).problem(404)
    told = platform.rows(
        "select type, data from gateway.event_store where tenant_id = :t and stream = :s order by version",
        t=owner.caller.tenant,
        s=f"document:{digest(document)}",
    )
    assert [(row.type, row.data.get("name")) for row in told] == [
        ("gateway.document.trusted", "Trusted"),
        ("gateway.document.distrusted", None),
    ]


def test_a_trusted_document_must_be_one(owner: Graph) -> None:
    assert owner.caller is not None
    for document in ("{", "fragment A on B { ...A }", "{" + "a{" * 50 + "b" + "}" * 51):
        owner.caller.call(documents.trust, {"document": document}).problem(422)


def test_the_safelist_is_the_operators(platform: Platform, owner: Graph) -> None:
    assert owner.caller is not None
    operator = platform.register("operator")
    platform.configure("gateway", operator_tenant="operator")
    try:
        owner.caller.call(documents.trust, {"document": "{ motto }"}).problem(403, "operator_only")
        operator.call(documents.trust, {"document": "{ motto }"}).ok(201)
        platform.configure("gateway", operator_tenant="", stage="prod")
        operator.call(documents.trust, {"document": "{ motto }"}).problem(403, "operator_only")
    finally:
        platform.configure("gateway", operator_tenant="", stage="local")


def test_documents_that_nobody_uses_are_forgotten_and_trusted_ones_kept(fresh_platform: Platform) -> None:
    owner = Graph(fresh_platform, fresh_platform.register())
    assert owner.caller is not None
    for document in ("query Old { motto }", "query Used { motto }"):
        owner.post(persisted(document, send=True)).ok()
    owner.caller.call(documents.trust, {"document": "query Trusted { motto }"}).ok(201)
    with fresh_platform.admin.begin() as connection:
        connection.exec_driver_sql("update gateway.documents set used_at = now() - interval '31 days'")
    documents.forget()
    owner.post(persisted("query Used { motto }", send=False)).ok()
    assert fresh_platform.invoke(upkeep.forget, {})["documents"] == 1
    kept = {row.id for row in fresh_platform.rows("select id from gateway.documents")}
    assert kept == {digest("query Used { motto }"), digest("query Trusted { motto }")}


@pytest.mark.parametrize("bad", [{"document": ""}, {}, {"document": "{a}", "trusted": True}])
def test_what_is_no_document_is_refused(owner: Graph, bad: dict[str, Any]) -> None:
    assert owner.caller is not None
    owner.caller.call(documents.trust, bad).problem(422)
