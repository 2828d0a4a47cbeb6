"""Master data's part of the graph: its fields, who may see them, and how many statements they take."""

from __future__ import annotations

from typing import Any

import pytest

from masterdata import accounts, customers, graph
from tests.integration.masterdata.statements import sent
from tests.integration.platform import Caller, Platform

ENTITIES = "query($r: [_Any!]!) { _entities(representations: $r) { %s } }"


def _ask(caller: Caller, query: str, **variables: Any) -> dict[str, Any]:
    answer: dict[str, Any] = caller.call(graph.query, {"query": query, "variables": variables}).ok()
    return answer


def _data(caller: Caller, query: str, **variables: Any) -> dict[str, Any]:
    answer = _ask(caller, query, **variables)
    assert "errors" not in answer, answer
    data: dict[str, Any] = answer["data"]
    return data


@pytest.fixture
def owner(platform: Platform) -> Caller:
    return platform.register()


def test_a_customer_lives_in_the_graph_as_it_does_in_the_api(owner: Caller) -> None:
    made = _data(
        owner,
        """mutation($input: NewCustomerInput!) { createCustomer(input: $input) {
            id code creditLimit addresses { lines kind country } attributes version createdBy { id }
        } }""",
        input={
            "code": "C-1",
            "name": "Ann",
            "creditLimit": "1500.5",
            "addresses": [{"lines": ["Main St"], "country": "DE"}],
            "attributes": {"tier": {"n": 1}},
        },
    )["createCustomer"]
    assert made["creditLimit"] == "1500.5000"
    assert made["addresses"] == [{"lines": ["Main St"], "kind": "billing", "country": "DE"}]
    assert made["attributes"] == {"tier": {"n": 1}}
    assert made["createdBy"] == {"id": owner.user}

    update = """mutation($id: ID!, $v: Int!, $input: CustomerInput!) {
        updateCustomer(id: $id, version: $v, input: $input) { name creditLimit version } }"""
    changed = _data(owner, update, id=made["id"], v=1, input={"name": "Bea", "creditLimit": None})
    assert changed["updateCustomer"] == {"name": "Bea", "creditLimit": None, "version": 2}
    stale = _ask(owner, update, id=made["id"], v=1, input={"name": "Cea"})
    assert stale["errors"][0]["extensions"]["code"] == "PRECONDITION_FAILED"

    archive = "mutation($id: ID!, $v: Int!) { archiveCustomer(id: $id, version: $v) }"
    assert _data(owner, archive, id=made["id"], v=2) == {"archiveCustomer": True}
    restore = "mutation($id: ID!, $v: Int!) { restoreCustomer(id: $id, version: $v) { archivedAt } }"
    assert _data(owner, restore, id=made["id"], v=3) == {"restoreCustomer": {"archivedAt": None}}
    told = _data(
        owner,
        """query($id: ID!) { customer(id: $id) { updatedBy { id } history(first: 2) {
            nodes { happened changes { field before after } } pageInfo { hasNextPage } } } }""",
        id=made["id"],
    )["customer"]
    assert told["updatedBy"] == {"id": owner.user}
    assert [node["happened"] for node in told["history"]["nodes"]] == ["restored", "archived"]
    assert told["history"]["pageInfo"] == {"hasNextPage": True}


def test_lists_are_connections_that_filter_search_and_page(owner: Caller) -> None:
    for n in range(5):
        owner.call(customers.create, {"code": f"C-{n}", "name": f"Café {n}"}).ok(201)
    query = """query($after: String) {
        customers(first: 2, after: $after, q: "cafe", filter: "code ne \\"C-0\\"", sort: "-code") {
            nodes { code } edges { cursor node { name } } pageInfo { hasNextPage endCursor } } }"""
    first = _data(owner, query)["customers"]
    assert [node["code"] for node in first["nodes"]] == ["C-4", "C-3"]
    rest = _data(owner, query, after=first["pageInfo"]["endCursor"])["customers"]
    assert [node["code"] for node in rest["nodes"]] == ["C-2", "C-1"]
    assert rest["pageInfo"]["hasNextPage"] is False


def test_entities_come_in_one_statement_for_each_type(platform: Platform, owner: Caller) -> None:
    ids = [owner.call(customers.create, {"code": f"C-{n}", "name": "x"}).ok(201)["id"] for n in range(5)]
    absent = "01890000-0000-7000-8000-000000000000"
    asked = [{"__typename": "Customer", "id": i} for i in [*ids, absent]]
    with sent() as statements:
        found = _data(owner, ENTITIES % "... on Customer { id code }", r=asked)["_entities"]
    assert [entity and entity["id"] for entity in found] == [*ids, None]
    assert len(statements) == 1


def test_users_lead_to_what_they_created_in_one_statement(platform: Platform, owner: Caller) -> None:
    for n in range(3):
        owner.call(customers.create, {"code": f"C-{n}", "name": "x"}).ok(201)
    nobody = "01890000-0000-7000-8000-000000000000"
    users = [{"__typename": "User", "id": identifier} for identifier in (owner.user, nobody)]
    with sent() as statements:
        found = _data(owner, ENTITIES % "... on User { id createdCustomers(first: 2) { code } }", r=users)
    assert [user["createdCustomers"] for user in found["_entities"]] == [
        [{"code": "C-2"}, {"code": "C-1"}],
        [],
    ]
    assert len(statements) == 1


def test_the_accounts_are_a_tree_in_the_graph(platform: Platform, owner: Caller) -> None:
    new = {"name": "x", "type": "asset", "postable": False}
    top = owner.call(accounts.create, new | {"code": "1"}).ok(201)
    for n in range(3):
        owner.call(accounts.create, new | {"code": f"1{n}", "parent_id": top["id"]}).ok(201)
    with sent() as statements:
        found = _data(
            owner, '{ accounts(sort: "code") { nodes { code type parent { code } children { code } } } }'
        )["accounts"]["nodes"]
    assert found[0] == {
        "code": "1",
        "type": "ASSET",
        "parent": None,
        "children": [{"code": f"1{n}"} for n in range(3)],
    }
    assert found[1]["parent"] == {"code": "1"}
    assert len(statements) == 3
    tree = _data(owner, "{ accountTree { roots { code type children { code } } } }")["accountTree"]
    assert [root["code"] for root in tree["roots"]] == ["1"]
    moved = _data(
        owner,
        """mutation($id: ID!) {
            moveAccount(id: $id, version: 1, input: {parentId: null}) { parent { id } } }""",
        id=owner.call(accounts.list_, query={"filter": 'code eq "10"'}).ok()["items"][0]["id"],
    )
    assert moved == {"moveAccount": {"parent": None}}


def test_a_merged_customer_leads_to_its_survivor(owner: Caller) -> None:
    kept, gone = (owner.call(customers.create, {"code": c, "name": "x"}).ok(201) for c in "KG")
    merge = """mutation($id: ID!, $input: MergeInput!) {
        mergeCustomer(id: $id, version: 1, input: $input) { code version } }"""
    merged = _data(owner, merge, id=kept["id"], input={"duplicate": gone["id"], "duplicateVersion": 1})
    assert merged["mergeCustomer"] == {"code": "K", "version": 2}
    query = "query($id: ID!) { customer(id: $id) { mergedInto { code } } }"
    assert _data(owner, query, id=gone["id"])["customer"] == {"mergedInto": {"code": "K"}}


def test_products_and_vendors_are_there_too(owner: Caller) -> None:
    made = _data(
        owner,
        """mutation {
            createProduct(input: {code: "P", name: "Hammer", price: "9.9", currency: "EUR"}) {
                sku unit price }
            createVendor(input: {code: "V", name: "Smith"}) { code paymentTermsDays } }""",
    )
    assert made["createProduct"] == {"sku": "P", "unit": "C62", "price": "9.9000"}
    assert made["createVendor"] == {"code": "V", "paymentTermsDays": None}
    assert _data(owner, "{ products { nodes { code } } vendors { nodes { name } } }") == {
        "products": {"nodes": [{"code": "P"}]},
        "vendors": {"nodes": [{"name": "Smith"}]},
    }


def test_the_whole_schema_has_its_resolvers() -> None:
    """Each field of the two roots is an operation; the others are checked when the schema is built."""
    exposed = {name for _, name in graph.graph._exposed}
    for root in (graph.graph.schema.query_type, graph.graph.schema.mutation_type):
        assert root is not None
        assert {name for name in root.fields if not name.startswith("_")} <= exposed
