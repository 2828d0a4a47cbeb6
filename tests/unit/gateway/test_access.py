"""A field that its caller may not see is not asked for, is null, and says so at its place."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from common.principal import ANONYMOUS, Principal
from gateway.access.restore import restore
from gateway.planner import Limits, execute
from tests.unit.gateway.people import World, graph

LIMITS = Limits()


def caller(*grants: str, kind: Any = "user") -> Principal:
    return Principal(kind, UUID(int=1), UUID(int=2), UUID(int=3), frozenset(grants))


def ask(document: str, principal: Principal, world: World | None = None, **variables: Any) -> dict[str, Any]:
    """As `gateway.serving.serve` does it, on the subgraphs in memory."""
    world = world or World()
    planned = graph().plan(document, None, principal, LIMITS)
    response = execute(planned.plan, variables, world.fetch)
    if planned.narrowed is None:
        return response
    return restore(response, planned.narrowed, graph().supergraph.api, principal)


def errors(response: dict[str, Any]) -> list[tuple[str, list[Any]]]:
    return [(error["extensions"]["code"], error["path"]) for error in response["errors"]]


def test_who_may_everything_gets_what_was_asked() -> None:
    response = ask("{ me { name email salary grade file { pages } } }", caller("*"))
    assert response == {
        "data": {"me": {"name": "Ada", "email": "ada@x.test", "salary": 10, "grade": 7, "file": {"pages": 3}}}
    }


def test_what_needs_no_right_is_there_for_all() -> None:
    assert ask("{ motto people { name tasks { title } } }", ANONYMOUS)["data"]["motto"] == "Festina lente"


def test_a_signed_in_caller_is_what_authenticated_asks_for() -> None:
    world = World()
    response = ask("{ motto me { name } }", ANONYMOUS, world)
    assert response["data"] == {"motto": "Festina lente", "me": None}
    assert errors(response) == [("UNAUTHENTICATED", ["me"])]
    assert "me" not in world.text.replace("name", "")
    assert ask("{ me { name } }", caller())["data"] == {"me": {"name": "Ada"}}


def test_a_hidden_field_is_not_asked_for_and_keeps_its_place() -> None:
    world = World()
    response = ask("{ me { pay: salary name } }", caller(), world)
    assert list(response["data"]["me"].items()) == [("pay", None), ("name", "Ada")]
    assert errors(response) == [("FORBIDDEN", ["me", "pay"])]
    assert "salary" not in world.text


@pytest.mark.parametrize("grant", ["people.salary.read", "people.admin.read", "people.*", "*.*.read"])
def test_any_of_the_alternatives_is_enough(grant: str) -> None:
    assert ask("{ me { salary } }", caller(grant))["data"] == {"me": {"salary": 10}}


def test_null_goes_up_from_a_field_that_must_not_be_null() -> None:
    response = ask("{ me { name grade } }", caller())
    assert response["data"] == {"me": None}
    assert errors(response) == [("FORBIDDEN", ["me", "grade"])]


def test_null_goes_up_through_lists_to_the_root() -> None:
    response = ask("{ motto people { grade } }", caller())
    assert response["data"] is None
    assert ("FORBIDDEN", ["people", 0, "grade"]) in errors(response)


def test_each_object_of_a_list_tells_of_its_own_field() -> None:
    response = ask("{ people { salary name } }", caller())
    assert response["data"]["people"] == [{"salary": None, "name": "Ada"}, {"salary": None, "name": "Bob"}]
    assert errors(response) == [
        ("FORBIDDEN", ["people", 0, "salary"]),
        ("FORBIDDEN", ["people", 1, "salary"]),
    ]


def test_a_field_that_is_written_twice_has_one_error() -> None:
    response = ask("{ me { salary salary ...F } } fragment F on Person { salary }", caller())
    assert response["data"] == {"me": {"salary": None}}
    assert errors(response) == [("FORBIDDEN", ["me", "salary"])]


def test_a_types_requirement_holds_wherever_it_is_returned() -> None:
    response = ask("{ me { name file { name pages } } }", caller())
    assert response["data"] == {"me": {"name": "Ada", "file": None}}
    response = ask("{ me { name files { pages } } }", caller())
    assert response["data"] == {"me": None}
    assert errors(response) == [("FORBIDDEN", ["me", "files"])]


def test_a_requirement_of_a_possible_type_holds_for_its_interface() -> None:
    assert ask("{ named { name } }", caller())["data"] is None
    assert ask("{ named { name } }", caller("people.file.read"))["data"] == {
        "named": [{"name": "Ada"}, {"name": "Ada's file"}]
    }


def test_a_policy_may_be_a_kind_of_principal() -> None:
    assert ask("{ me { email } }", caller())["data"] == {"me": {"email": "ada@x.test"}}
    assert ask("{ me { email } }", caller(kind="client"))["data"] == {"me": {"email": None}}


def test_fragments_conditions_and_variables_lead_nobody_around_it() -> None:
    document = """
    query ($with: Boolean!, $first: Int) {
      people(first: $first) { ...Pay name ... on Person { again: salary @include(if: $with) } }
    }
    fragment Pay on Person { salary @skip(if: $with) tasks { assignee { ...Inner } } }
    fragment Inner on Person { grade }
    """
    world = World()
    response = ask(document, caller(), world, **{"with": True, "first": 1})
    # the assignee may be null, so it is; everything else stands
    assert response["data"] == {"people": [{"tasks": [{"assignee": None}], "name": "Ada", "again": None}]}
    assert errors(response) == [
        ("FORBIDDEN", ["people", 0, "tasks", 0, "assignee", "grade"]),
        ("FORBIDDEN", ["people", 0, "again"]),
    ]
    assert "salary" not in world.text
    assert "grade" not in world.text


def test_a_variable_that_only_a_hidden_field_used_does_no_harm() -> None:
    document = "mutation ($id: ID!, $name: String!) { dismiss(id: $id) rename(id: 1, name: $name) { name } }"
    world = World()
    response = ask(document, caller(), world, id="1", name="Eve")
    assert "dismiss" not in world.text
    assert response["data"] is None
    assert errors(response) == [("FORBIDDEN", ["dismiss"])]


def test_names_of_the_clients_are_never_taken_for_placeholders() -> None:
    response = ask("{ me { hidden_0: salary hidden_1: name } }", caller())
    assert response["data"] == {"me": {"hidden_0": None, "hidden_1": "Ada"}}


def test_every_kind_of_caller_has_a_narrowed_plan_of_its_own() -> None:
    document = "{ me { salary grade } }"
    assert ask(document, caller("people.salary.read"))["data"] == {"me": {"salary": 10, "grade": 7}}
    assert ask(document, caller("people.admin.read"))["data"] == {"me": None}
    assert ask(document, ANONYMOUS)["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert ask(document, caller("people.salary.read"))["data"] == {"me": {"salary": 10, "grade": 7}}


def test_the_errors_of_subgraphs_are_told_beside() -> None:
    planned = graph().plan("{ me { name salary } motto }", None, caller(), LIMITS)
    answer = {"data": None, "errors": [{"message": "No.", "path": ["motto"], "extensions": {"code": "X"}}]}
    response = execute(planned.plan, {}, lambda *_: answer)
    assert planned.narrowed is not None
    restored = restore(response, planned.narrowed, graph().supergraph.api, caller())
    assert restored["errors"][0]["extensions"]["code"] == "X"
