"""The tables of tenants, users, roles and clients, made again from nothing but their events."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from tests.integration.platform import Platform

State = dict[str, dict[Any, dict[str, Any]]]

_COLUMNS = {
    "tenants": "id, name, slug, settings, version, created_at, updated_at",
    "users": "id, email, email_verified, name, status, locked_until, version, created_at, updated_at",
    "roles": "id, name, description, permissions, built_in, version, created_at, updated_at",
    "user_roles": "user_id, role_id, assigned_at, assigned_by",
    "clients": "id, name, grant_types, redirect_uris, post_logout_redirect_uris, permissions, token_alg, "
    "version, created_at, created_by, updated_at, deleted_at, secret_hash is null as public",
}


def stored(platform: Platform, tenant: str) -> State:
    """What the tables hold, secrets and their staleness aside."""
    state: State = {}
    for table, columns in _COLUMNS.items():
        own = "id" if table == "tenants" else "tenant_id"
        rows = platform.rows(f"select {columns} from auth.{table} where {own} = :tenant", tenant=tenant)
        key = (lambda row: (row.user_id, row.role_id)) if table == "user_roles" else (lambda row: row.id)
        state[table] = {key(row): dict(row._mapping) for row in rows}
    return state


def replayed(platform: Platform, tenant: str) -> State:
    """What the events say that the tables hold."""
    state: State = {table: {} for table in _COLUMNS}
    events = platform.rows(
        "select * from auth.event_store where tenant_id = :tenant order by stream, version", tenant=tenant
    )
    # Streams are independent of one another, but for a role's assignments, which are in the users'.
    for event in events:
        apply = REPLAYED.get(event.type)
        if apply is not None:
            apply(state, event, event.data)
    return state


def _tenant(state: State, event: Any, data: dict[str, Any]) -> None:
    identifier = UUID(data["id"])
    before = state["tenants"].get(identifier, {"created_at": event.occurred_at, "slug": data.get("slug")})
    state["tenants"][identifier] = before | {
        "id": identifier,
        "name": data["name"],
        "settings": data["settings"],
        "version": event.version,
        "updated_at": event.occurred_at,
    }


def _registered(state: State, event: Any, data: dict[str, Any]) -> None:
    identifier = UUID(data["id"])
    state["users"][identifier] = {
        "id": identifier,
        "email": data["email"],
        "email_verified": False,
        "name": data["name"],
        "status": "active",
        "locked_until": None,
        "created_at": event.occurred_at,
    }
    _touch(state, event, identifier)
    for role in data["role_ids"]:
        _give(state, event, identifier, UUID(role))


def _user(state: State, event: Any, data: dict[str, Any]) -> None:
    identifier = UUID(data["id"])
    known = ("email", "email_verified", "name", "status")
    state["users"][identifier] |= {name: data[name] for name in known if name in data}
    changes: dict[str, dict[str, Any]] = {
        "auth.user.deactivated": {"status": "deactivated"},
        "auth.user.unlocked": {"locked_until": None},
    }
    state["users"][identifier] |= changes.get(event.type, {})
    if event.type == "auth.user.password_changed" and data["by"] == "reset":
        state["users"][identifier]["locked_until"] = None
    if event.type == "auth.user.locked":
        state["users"][identifier]["locked_until"] = datetime.fromisoformat(data["until"])
    _touch(state, event, identifier)


def _assigned(state: State, event: Any, data: dict[str, Any]) -> None:
    user, role = UUID(data["user_id"]), UUID(data["role_id"])
    if event.type == "auth.role.assigned":
        _give(state, event, user, role)
    else:
        del state["user_roles"][user, role]
    _touch(state, event, user)


def _give(state: State, event: Any, user: UUID, role: UUID) -> None:
    state["user_roles"][user, role] = {
        "user_id": user,
        "role_id": role,
        "assigned_at": event.occurred_at,
        "assigned_by": event.actor,
    }


def _touch(state: State, event: Any, user: UUID) -> None:
    state["users"][user] |= {"version": event.version, "updated_at": event.occurred_at}


def _role(state: State, event: Any, data: dict[str, Any]) -> None:
    identifier = UUID(data["id"])
    if event.type == "auth.role.deleted":
        del state["roles"][identifier]
        return
    before = state["roles"].get(
        identifier, {"created_at": event.occurred_at, "built_in": data.get("built_in")}
    )
    state["roles"][identifier] = before | {
        "id": identifier,
        "name": data["name"],
        "description": data["description"],
        "permissions": data["permissions"],
        "version": event.version,
        "updated_at": event.occurred_at,
    }


def _client(state: State, event: Any, data: dict[str, Any]) -> None:
    identifier = UUID(data["id"])
    if event.type == "auth.client.created":
        state["clients"][identifier] = data | {
            "id": identifier,
            "created_at": event.occurred_at,
            "created_by": event.actor,
            "deleted_at": None,
        }
    if event.type == "auth.client.changed":
        known = ("name", "redirect_uris", "post_logout_redirect_uris")
        state["clients"][identifier] |= {name: data[name] for name in known}
    if event.type == "auth.client.deleted":
        state["clients"][identifier]["deleted_at"] = event.occurred_at
    state["clients"][identifier] |= {"version": event.version, "updated_at": event.occurred_at}


REPLAYED = {
    "auth.tenant.registered": _tenant,
    "auth.tenant.updated": _tenant,
    "auth.user.registered": _registered,
    "auth.user.updated": _user,
    "auth.user.deactivated": _user,
    "auth.user.locked": _user,
    "auth.user.unlocked": _user,
    "auth.user.password_changed": _user,
    "auth.role.assigned": _assigned,
    "auth.role.unassigned": _assigned,
    "auth.role.created": _role,
    "auth.role.updated": _role,
    "auth.role.deleted": _role,
    "auth.client.created": _client,
    "auth.client.updated": _client,
    "auth.client.changed": _client,
    "auth.client.deleted": _client,
}
"""How each type of event changes the tables."""
