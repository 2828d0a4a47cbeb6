"""Every operation of every service, as the registry has them, tried by those who must not."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from auth import me, sessions
from common.binding import FORM, parameters
from common.operation import PUBLIC, SELF, SERVICES, Operation, Route, discover
from common.work import Work
from tests.integration.auth import populated
from tests.integration.auth.people import add_user, as_token, call_from
from tests.integration.platform import Answer, Caller, Platform

OPERATIONS = sorted(
    (
        operation
        for service in SERVICES
        for operation in discover(service)
        if isinstance(operation.trigger, Route)
    ),
    key=lambda operation: operation.id,
)

PLATFORM_WIDE = {"gateway.documents.distrust", "gateway.services.register", "gateway.services.remove"}
"""What belongs to no tenant: only the operator's may."""
CLOSED = [operation for operation in OPERATIONS if operation.permission != PUBLIC]
IDENTIFYING = [o for o in CLOSED if o.route.parameters and o.id not in PLATFORM_WIDE]


class TestEveryOperation:
    """Generated from the registry of all services: whatever is added is tried, too."""

    @pytest.mark.parametrize("operation", CLOSED, ids=lambda o: o.id)
    def test_it_is_closed_without_a_token_and_with_a_dead_one(
        self, platform: Platform, operation: Operation[..., Any]
    ) -> None:
        dead = _dead(platform)
        for headers in ({}, {"Authorization": f"Bearer {dead.token}"}, {"Authorization": "Basic eDp5"}):
            _try(platform, operation, headers).problem(401)

    @pytest.mark.parametrize("operation", [o for o in CLOSED if o.permission != SELF], ids=lambda o: o.id)
    def test_it_is_closed_to_who_lacks_its_permission(
        self, platform: Platform, operation: Operation[..., Any]
    ) -> None:
        nobody = _nobody(platform)
        problem = _try(platform, operation, _bearer(nobody)).problem(403)
        assert problem["permission"] == operation.permission

    @pytest.mark.parametrize("operation", CLOSED, ids=lambda o: o.id)
    def test_another_tenants_rows_are_neither_seen_nor_touched(
        self, platform: Platform, operation: Operation[..., Any]
    ) -> None:
        """A stranger who may do anything in their own tenant tries every identifier that ours has."""
        ours = _populated(platform)
        stranger = _stranger(platform)
        before = _digest(platform, ours.tenant)
        for identifiers in _identifiers(platform, ours.tenant, operation):
            answer = _try(platform, operation, _bearer(stranger), identifiers, _fields(platform))
            assert answer.status < 500 or answer.status == 503, f"{operation.id}: {answer.text}"
            if identifiers and answer.status < 300 and answer.text:
                assert ours.tenant not in answer.text
            for secret in populated.SECRETS:
                assert secret not in answer.text, f"{operation.id} tells {secret}"
        assert _digest(platform, ours.tenant) == before

    @pytest.mark.parametrize("operation", IDENTIFYING, ids=lambda o: o.id)
    def test_the_same_tries_find_something_where_they_may(
        self, platform: Platform, operation: Operation[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What the stranger tries is there: our owner's same requests reach it, and are undone."""
        ours = _populated(platform)
        monkeypatch.setattr(Work, "commit", Work.rollback)
        tries = _identifiers(platform, ours.tenant, operation)
        fields = _fields(platform)
        seen = {_try(platform, operation, _bearer(ours), one, fields).status for one in tries}
        assert any(status < 300 or status == 409 for status in seen), f"populated.py has none of it: {seen}"


PLATFORM_WIDE = {"gateway.documents.distrust", "gateway.services.register", "gateway.services.remove"}
"""What belongs to no tenant: only the operator's may."""
_made: dict[tuple[str, str], Any] = {}


def _once(platform: Platform, name: str, make: Callable[[], Any]) -> Any:
    key = (platform.name, name)
    if key not in _made:
        _made[key] = make()
    return _made[key]


def _dead(platform: Platform) -> Caller:
    def make() -> Caller:
        caller = platform.register()
        caller.call(sessions.logout).ok(204)
        return caller

    return _once(platform, "dead", make)  # type: ignore[no-any-return]


def _nobody(platform: Platform) -> Caller:
    return _once(platform, "nobody", lambda: add_user(platform.register()))  # type: ignore[no-any-return]


def _stranger(platform: Platform) -> Caller:
    """Owner of another tenant; signed in anew where one of the tries has ended the session."""
    owner: Caller = _once(platform, "stranger", lambda: platform.register("stranger"))
    if owner.call(me.read).status != 200:
        owner = as_token(owner, platform.sign_in("stranger", "owner@stranger.test"))
        _made[platform.name, "stranger"] = owner
    return owner


def _populated(platform: Platform) -> Caller:
    """The owner of a tenant with something of everything."""
    return _once(platform, "populated", lambda: populated.tenant(platform))  # type: ignore[no-any-return]


def _fields(platform: Platform) -> dict[str, Any]:
    """What of bodies a schema cannot say, by the field: what it looks like, whom of ours it means."""

    def make() -> dict[str, Any]:
        ours = _populated(platform)
        (duplicates,) = platform.rows(
            "select c.id as customer, v.id as vendor from masterdata.customers c "
            "join masterdata.vendors v using (tenant_id, code) where tenant_id = :t and code = 'duplicate'",
            t=ours.tenant,
        )
        return {
            "code": "duplicate",
            "time_zone": "Europe/Berlin",
            "week": {"monday": [["09:00", "17:00"]]},
            "assignee": ours.user,
            "masterdata.customers.merge duplicate": str(duplicates.customer),
            "masterdata.vendors.merge duplicate": str(duplicates.vendor),
        }

    return _once(platform, "fields", make)  # type: ignore[no-any-return]


def _bearer(caller: Caller) -> dict[str, str]:
    return {"Authorization": f"Bearer {caller.token}", "If-Match": "*"}


def _tables(platform: Platform, column: str) -> list[str]:
    """The services' tables that have a column beside the tenant's."""
    found = platform.rows(
        """
        select c.oid::regclass::text as name from pg_class c
        join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r' and n.nspname = any(:services) and (
            select count(*) from pg_attribute a
            where a.attrelid = c.oid and a.attname in ('tenant_id', :column) and not a.attisdropped
        ) = case when :column = 'tenant_id' then 1 else 2 end
        order by 1
        """,
        services=list(SERVICES),
        column=column,
    )
    return [row.name for row in found]


def _digest(platform: Platform, tenant: str) -> dict[str, Any]:
    """All rows of the tenant, in all tables that know tenants, as one statement reads them."""
    tables = _once(platform, "tables", lambda: _tables(platform, "tenant_id"))
    parts = " union all ".join(
        f"select '{table}' as name, count(*) as n, md5(string_agg(t::text, ',' order by t::text)) as digest "
        f"from {table} t where tenant_id = :tenant"
        for table in tables
    )
    return {row.name: (row.n, row.digest) for row in platform.rows(parts, tenant=tenant)}


def _identifiers(platform: Platform, tenant: str, operation: Operation[..., Any]) -> list[dict[str, str]]:
    """What to try for the path's parameters: ids of each of the tenant's tables; for two, in pairs."""
    names = operation.route.parameters
    if not names:
        return [{}]
    parts = " union all ".join(
        f"(select id::text as id from {table} where tenant_id = :tenant order by id limit {4 - len(names)})"
        for table in _once(platform, "identified", lambda: _tables(platform, "id"))
    )
    found = ["secret", "1", *(str(row.id) for row in platform.rows(parts, tenant=tenant))]
    return [dict(zip(names, some, strict=True)) for some in itertools.permutations(found, len(names))]


def _try(
    platform: Platform,
    operation: Operation[..., Any],
    headers: dict[str, str],
    path: dict[str, str] | None = None,
    fields: dict[str, Any] | None = None,
) -> Answer:
    """Call an operation with a body that is as good as its types can say."""
    path = path or {name: str(uuid4()) for name in operation.route.parameters}
    body = next((p.type for p in parameters(operation) if p.kind == "body"), None)
    sample = _sample(body) if body is not None and body is not bytes else None
    if isinstance(sample, dict) and fields:
        sample |= {name: fields[name] for name in sample if name in fields}
        sample |= {
            name: fields[f"{operation.id} {name}"] for name in sample if f"{operation.id} {name}" in fields
        }
    if body is not None and FORM in operation.media_types and isinstance(sample, dict):
        return call_from(
            platform, "192.0.2.9", operation, path=path, headers=headers,
            form={k: str(v) for k, v in sample.items()}, query=_query(operation),
        )  # fmt: skip
    raw = {"raw": ""} if body is bytes else {}
    return call_from(
        platform, "192.0.2.9", operation, sample, path=path, headers=headers, query=_query(operation), **raw
    )


def _query(operation: Operation[..., Any]) -> dict[str, str]:
    return {
        p.name: str(_sample(p.type))
        for p in parameters(operation)
        if p.kind == "query" and p.default is inspect.Parameter.empty
    }


def _sample(kind: Any, depth: int = 0) -> Any:
    """A value of a type, made from its JSON Schema's required parts."""
    schema = msgspec.json.schema(kind)
    return _of_schema(schema, schema.get("$defs", {}), depth)


def _of_schema(schema: dict[str, Any], known: dict[str, Any], depth: int) -> Any:
    if "$ref" in schema:
        return _of_schema(known[schema["$ref"].rpartition("/")[2]], known, depth + 1)
    if "anyOf" in schema:
        return _of_schema(schema["anyOf"][-1], known, depth)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            wanted = schema.get("required", ()) if depth < 6 else ()
            return {name: _of_schema(schema["properties"][name], known, depth) for name in wanted}
        case "array":
            return (
                [_of_schema(schema["items"], known, depth)] * schema.get("minItems", 0)
                if schema.get("items")
                else []
            )
        case "integer" | "number":
            return max(schema.get("minimum", 1), 1)
        case "boolean":
            return False
        case "null":
            return None
        case _:
            samples = {"uuid": str(uuid4()), "date-time": "2026-01-01T00:00:00Z", "date": "2026-01-01"}
            return samples.get(schema.get("format", ""), "a@b.test")


def test_the_token_endpoint_is_the_only_one_that_gives_tokens_to_clients() -> None:
    assert {o.id for o in OPERATIONS if o.permission == PUBLIC and o.service == "auth"} == {
        "auth.authorize.show",
        "auth.authorize.sign_in",
        "auth.discovery.metadata",
        "auth.email_verifications.confirm",
        "auth.end_session.show",
        "auth.end_session.sign_out",
        "auth.exposition.expose",
        "auth.health.health",
        "auth.health.live",
        "auth.health.ready",
        "auth.introspection.introspect",
        "auth.introspection.revoke",
        "auth.keys.jwks",
        "auth.password_resets.ask",
        "auth.password_resets.confirm",
        "auth.refresh.refresh",
        "auth.sessions.login",
        "auth.tenants.register",
        "auth.tokens.token",
    }
