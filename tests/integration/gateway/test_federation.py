"""The shipped graph over the services' real subgraphs, each through its operation's own handler."""

from __future__ import annotations

import importlib
from threading import Lock
from typing import Any

import pytest

from common.operation import Operation
from gateway.reach.subgraphs import FUNCTION
from gateway.serving import composed
from infra.compose import PACKAGE, SUPERGRAPH, CompositionError, Subgraph, compose, subgraphs
from tests.integration.gateway.conftest import Graph, Lambdas
from tests.integration.platform import Platform
from tests.integration.workflow.models import line, publish, task
from tests.unit.gateway import people

composes = pytest.mark.skipif(not PACKAGE.exists(), reason="the composer is not installed: `make setup`")


def operation_of(identifier: str) -> Operation[..., Any]:
    """An operation by its id, ``auth.graph.query``."""
    module, _, name = identifier.rpartition(".")
    found: Operation[..., Any] = getattr(importlib.import_module(module), name)
    return found


@pytest.fixture
def federation(platform: Platform, lambdas: Lambdas) -> Lambdas:
    """The shipped graph. Its subgraphs take turns: this process has one service's settings at a time."""
    composed.use(None)
    turn = Lock()
    for subgraph in composed.graph().supergraph.graphs.values():
        identifier = subgraph.url.removeprefix(FUNCTION)

        def answer(event: Any, _seconds: float, identifier: str = identifier) -> Any:
            with turn:
                try:
                    return platform.invoke(operation_of(identifier), event)
                finally:
                    platform.use("gateway")

        lambdas.behaviours[identifier] = answer
    return lambdas


def test_one_query_joins_people_and_master_data(owner: Graph, federation: Lambdas) -> None:
    made = owner.ask(
        "mutation ($new: NewCustomerInput!) { createCustomer(input: $new) { id createdBy { id name } } }",
        new={"code": "C-1", "name": "Café Zürich"},
    )
    assert "errors" not in made, made
    assert made["data"]["createCustomer"]["createdBy"]["name"] == "Olive Owner"
    federation.events.clear()
    response = owner.ask(
        """query Mine {
          me { name tenant { slug } createdCustomers { code createdBy { email } } }
          customers(first: 5) { nodes { name createdBy { name roles { name } } } }
        }"""
    )
    assert "errors" not in response, response
    assert owner.caller is not None
    assert response["data"]["me"]["tenant"] == {"slug": owner.caller.slug}
    (own,) = response["data"]["me"]["createdCustomers"]
    assert own == {"code": "C-1", "createdBy": {"email": f"owner@{owner.caller.slug}.test"}}
    (customer,) = response["data"]["customers"]["nodes"]
    assert customer["createdBy"] == {"name": "Olive Owner", "roles": [{"name": "owner"}]}
    assert len(federation.events) <= 5


def test_my_tasks_their_process_and_its_customer_are_one_query(owner: Graph, federation: Lambdas) -> None:
    assert owner.caller is not None
    made = owner.ask(
        "mutation ($new: NewCustomerInput!) { createCustomer(input: $new) { id } }",
        new={"code": "C-7", "name": "Café Zürich"},
    )
    customer = made["data"]["createCustomer"]["id"]
    definition = publish(owner.caller, line(task("approve", assignee=owner.caller.user)))
    started = owner.ask(
        "mutation ($new: NewProcessInput!) { startProcess(input: $new) { id status } }",
        new={"definition": definition, "variables": {"customer_id": customer}},
    )
    assert "errors" not in started, started
    federation.events.clear()
    response = owner.ask(
        """query Inbox {
          tasks(mine: true) { nodes {
            name assignee { name email }
            process { key customer { name createdBy { name } processes { id } } startedBy { name } }
          } }
          me { tasks { name } }
        }"""
    )
    assert "errors" not in response, response
    (found,) = response["data"]["tasks"]["nodes"]
    assert found == {
        "name": "Approve",
        "assignee": {"name": "Olive Owner", "email": f"owner@{owner.caller.slug}.test"},
        "process": {
            "key": definition,
            "customer": {
                "name": "Café Zürich",
                "createdBy": {"name": "Olive Owner"},
                "processes": [{"id": started["data"]["startProcess"]["id"]}],
            },
            "startedBy": {"name": "Olive Owner"},
        },
    }
    assert response["data"]["me"] == {"tasks": [{"name": "Approve"}]}
    asked = [operation.split(".", 1)[0] for operation, _ in federation.events]
    assert set(asked) == {"auth", "masterdata", "workflow"}
    assert len(asked) <= 6, "entities are asked for together, each subgraph once at a step"


def test_a_refusal_of_a_service_is_told_at_its_place(owner: Graph, federation: Lambdas) -> None:
    document = "mutation ($new: NewCustomerInput!) { createCustomer(input: $new) { id } }"
    new = {"code": "C-1", "name": "x"}
    owner.ask(document, new=new)
    response = owner.ask(document, new=new)
    assert response["data"] == {"createCustomer": None}
    (error,) = response["errors"]
    assert error["path"] == ["createCustomer"]
    assert error["extensions"]["service"] == "masterdata"
    assert error["extensions"]["status"] == 409


def test_who_may_not_read_customers_gets_none_and_nobody_is_asked(
    platform: Platform, owner: Graph, anyone: Graph, federation: Lambdas
) -> None:
    response = anyone.ask("{ customer(id: 1) { name } }")
    assert response["data"] == {"customer": None}
    assert response["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert federation.events == []


@composes
def test_the_shipped_graph_is_composed_of_the_services_schemas_as_they_are() -> None:
    assert SUPERGRAPH.read_text() == compose(subgraphs()), "run `make docs` and commit what it writes"


@composes
def test_the_tests_own_graph_is_composed_too() -> None:
    parts = (Subgraph(name, url, (people.FOLDER / file).read_text()) for name, url, file in people.SUBGRAPHS)
    assert people.SUPERGRAPH.read_text() == compose(parts)


@composes
def test_what_does_not_compose_is_told_by_the_composer() -> None:
    parts = [Subgraph("a", "", "type Query { x: Int }"), Subgraph("b", "", "type Query { x: String }")]
    with pytest.raises(CompositionError, match=r"Query\.x"):
        compose(parts)
    with pytest.raises(CompositionError, match="Syntax Error"):
        compose([Subgraph("a", "", "type {")])
