"""Auth's part of the graph: its fields, who may see them, and how many statements they take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from auth import graph, me
from common import database
from tests.integration.auth.people import add_user, as_token, role_id
from tests.integration.platform import PASSWORD, Caller, Platform

ENTITIES = "query($r: [_Any!]!) { _entities(representations: $r) { %s } }"


def ask(caller: Caller, query: str, **variables: Any) -> dict[str, Any]:
    return dict(caller.call(graph.query, {"query": query, "variables": variables}).ok())


def data(caller: Caller, query: str, **variables: Any) -> dict[str, Any]:
    answer = ask(caller, query, **variables)
    assert "errors" not in answer, answer
    return dict(answer["data"])


@contextmanager
def counted(platform: Platform) -> Iterator[list[str]]:
    """The statements that auth's engine runs meanwhile, but for those that open and end the transaction."""
    seen: list[str] = []
    platform.use("auth")
    engine = database.engine()

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_the_caller_sees_themselves_whatever_they_may(platform: Platform) -> None:
    owner = platform.register()
    user = add_user(owner)
    query = "{ me { id name email status roles { name } sessions { current } tenant { slug } } }"
    answer = ask(user, query)
    assert answer["data"]["me"]["email"].endswith(f"@{owner.slug}.test")
    assert answer["data"]["me"]["status"] == "ACTIVE"
    assert answer["data"]["me"]["tenant"] == {"slug": owner.slug}
    assert answer["data"]["me"]["sessions"] == [{"current": True}]
    assert answer["data"]["me"]["roles"] is None  # roles need auth.role.read
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["FORBIDDEN"]


def test_entities_come_in_one_statement_for_each_type(platform: Platform) -> None:
    owner = platform.register()
    people = [add_user(owner, "viewer") for _ in range(3)]
    roles = [role_id(owner, name) for name in ("viewer", "editor")]
    session = owner.call(me.read).ok()["session_id"]
    representations = [
        *({"__typename": "User", "id": person.user} for person in people),
        *({"__typename": "Role", "id": role} for role in roles),
        {"__typename": "Session", "id": session},
        {"__typename": "Tenant", "id": owner.tenant},
    ]
    fields = """__typename
        ...on User { name email } ...on Role { permissions builtIn } ...on Session { current userAgent }
        ...on Tenant { slug }"""
    with counted(platform) as statements:
        found = data(owner, ENTITIES % fields, r=representations)["_entities"]
    assert [entity["__typename"] for entity in found] == ["User"] * 3 + ["Role"] * 2 + ["Session", "Tenant"]
    assert len(statements) == 4, statements


def test_nested_fields_take_no_statement_for_each_parent(platform: Platform) -> None:
    owner = platform.register()
    for _ in range(4):
        add_user(owner, "viewer", "editor")
    query = "{ users { nodes { roles { name } sessions(first: 1) { id user { name } } tenant { name } } } }"
    with counted(platform) as statements:
        nodes = data(owner, query)["users"]["nodes"]
    assert len(nodes) == 5
    assert sorted(role["name"] for role in nodes[-1]["roles"]) in (["editor", "viewer"], ["owner"])
    assert len(statements) <= 7, statements


def test_another_tenants_entities_are_not_there(platform: Platform) -> None:
    owner, stranger = platform.register(), platform.register()
    representations = [
        {"__typename": "User", "id": owner.user},
        {"__typename": "Tenant", "id": owner.tenant},
        {"__typename": "Role", "id": role_id(owner, "viewer")},
        {"__typename": "Session", "id": owner.call(me.read).ok()["session_id"]},
    ]
    assert data(stranger, ENTITIES % "__typename", r=representations)["_entities"] == [None] * 4


def test_a_name_is_seen_by_all_members_the_rest_with_permission(platform: Platform) -> None:
    owner = platform.register()
    user = add_user(owner)
    representations = [{"__typename": "User", "id": owner.user}]
    answer = ask(user, ENTITIES % "...on User { name email }", r=representations)
    assert answer["data"]["_entities"] == [{"name": "Olive Owner", "email": None}]
    assert answer["errors"][0]["path"] == ["_entities", 0, "email"]
    refused = ask(user, "{ users { nodes { id } } }")
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"


def test_users_are_walked_as_a_connection(platform: Platform) -> None:
    owner = platform.register()
    for _ in range(3):
        add_user(owner)
    query = """query($after: String) { users(first: 3, after: $after) {
        nodes { id } edges { cursor node { id } } pageInfo { hasNextPage endCursor } } }"""
    first = data(owner, query)["users"]
    assert first["pageInfo"]["hasNextPage"] is True
    assert first["edges"][-1]["cursor"] == first["pageInfo"]["endCursor"]
    rest = data(owner, query, after=first["pageInfo"]["endCursor"])["users"]
    assert rest["pageInfo"] == {"hasNextPage": False, "endCursor": None}
    assert len({node["id"] for node in first["nodes"] + rest["nodes"]}) == 4


def test_mutations_are_the_operations_with_their_rules(platform: Platform) -> None:
    owner = platform.register()
    create = "mutation($i: NewUserInput!) { createUser(input: $i) { id email version roles { name } } }"
    new = {"email": "n@x.test", "name": "N", "password": PASSWORD, "roleIds": [role_id(owner, "viewer")]}
    made = data(owner, create, i=new)["createUser"]
    assert made["roles"] == [{"name": "viewer"}]
    taken = ask(owner, create, i=new)
    assert taken["errors"][0]["extensions"]["code"] == "USER_EMAIL_TAKEN"
    update = """mutation($id: ID!, $v: Int!) {
        updateUser(id: $id, version: $v, input: {name: "Nina"}) { name version } }"""
    assert data(owner, update, id=made["id"], v=made["version"])["updateUser"]["name"] == "Nina"
    stale = ask(owner, update, id=made["id"], v=made["version"])
    assert stale["errors"][0]["extensions"]["code"] == "PRECONDITION_FAILED"
    mixed = f"""mutation {{
        a: deactivateUser(id: "{made["id"]}")
        b: deactivateUser(id: "{owner.user}")
    }}"""
    answer = ask(owner, mixed)
    assert answer["data"] == {"a": True, "b": None}
    assert answer["errors"][0]["extensions"]["code"] == "LAST_OWNER"
    viewer = as_token(owner, add_user(owner, "viewer").token)
    refused = ask(viewer, create, i=new | {"email": "o@x.test"})
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"


def test_a_failed_mutation_leaves_neither_row_nor_event(platform: Platform) -> None:
    owner = platform.register()
    before = platform.rows("select count(*) as n from auth.event_store where tenant_id = :t", t=owner.tenant)
    twice = f"""mutation {{
        a: deactivateUser(id: "{owner.user}")
        b: createRole(input: {{name: "admin"}}) {{ id }}
    }}"""
    assert len(ask(owner, twice)["errors"]) == 2
    after = platform.rows("select count(*) as n from auth.event_store where tenant_id = :t", t=owner.tenant)
    assert before[0].n == after[0].n
