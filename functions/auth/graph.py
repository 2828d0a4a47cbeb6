"""Auth's part of the graph: users, roles, sessions, tenants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select

from auth import memberships, roles, sessions, tenants, users
from auth.roles import Role
from auth.sessions import Session
from auth.tables import roles as role_rows
from auth.tables import sessions as session_rows
from auth.tables import tenants as tenant_rows
from auth.tables import users as user_rows
from auth.tenants import Tenant
from auth.users import User
from common.errors import BadRequest, Forbidden
from common.operation import SELF, operation
from common.request import Request, Response
from common.subgraph import GraphQuery, Subgraph
from common.work import Work

graph = Subgraph.beside(__file__)

graph.expose("Query", "tenant", tenants.read)
graph.expose("Query", "users", users.list_)
graph.expose("Query", "role", roles.read)
graph.expose("Query", "roles", roles.list_)
graph.expose("Query", "sessions", sessions.list_)
graph.expose("Query", "user", users.read)
graph.expose("Mutation", "createUser", users.create)
graph.expose("Mutation", "updateUser", users.change)
graph.expose("Mutation", "deactivateUser", users.deactivate)
graph.expose("Mutation", "unlockUser", users.unlock)
graph.expose("Mutation", "assignRole", memberships.assign)
graph.expose("Mutation", "unassignRole", memberships.unassign)
graph.expose("Mutation", "createRole", roles.create)
graph.expose("Mutation", "updateRole", roles.change)
graph.expose("Mutation", "deleteRole", roles.remove)
graph.expose("Mutation", "revokeSession", sessions.revoke)


@operation("POST /auth/graphql", permission=SELF, emits=graph.emits, memory=1024)
def query(asked: GraphQuery, request: Request, work: Work) -> Response[Any]:
    """Ask auth's part of the federated graph; the gateway is the front door to all of it."""
    return graph.answer(asked, request, work)


@graph.entity("User")
def users_by_id(ids: list[UUID], work: Work) -> dict[UUID, User]:
    """The tenant's users of those ids."""
    rows = work.execute(
        select(user_rows).where(user_rows.c.tenant_id == work.tenant, user_rows.c.id.in_(ids))
    )
    # Roles are a field of their own here, asked for only when they are.
    return {row.id: users.told(row, [], work) for row in rows}


@graph.entity("Role")
def roles_by_id(ids: list[UUID], work: Work) -> dict[UUID, Role]:
    """The tenant's roles of those ids."""
    rows = work.execute(
        select(role_rows).where(role_rows.c.tenant_id == work.tenant, role_rows.c.id.in_(ids))
    )
    return {row.id: roles.told(row) for row in rows}


@graph.entity("Session")
def sessions_by_id(ids: list[UUID], work: Work) -> dict[UUID, Session]:
    """The sessions of those ids that the caller may see."""
    visible = select(session_rows).where(session_rows.c.tenant_id == work.tenant, session_rows.c.id.in_(ids))
    if not work.principal.may(sessions.READ):
        visible = visible.where(session_rows.c.user_id == work.principal.id)
    return {row.id: sessions.told(row, work.principal) for row in work.execute(visible)}


@graph.entity("Tenant")
def tenants_by_id(ids: list[UUID], work: Work) -> dict[UUID, Tenant]:
    """The caller's tenant, if it is among those ids."""
    rows = work.execute(select(tenant_rows).where(tenant_rows.c.id.in_(ids)))
    return {row.id: tenants.told(row) for row in rows}


@graph.field("Query", "me")
def me(_root: None, work: Work) -> User | None:
    """The caller, if it is a user."""
    if work.principal.kind != "user" or work.principal.id is None:
        return None
    return users_by_id([work.principal.id], work).get(work.principal.id)


def _own_or_readable(field: str, attribute: str) -> None:
    """A user's field that others see with auth.user.read only."""

    @graph.batch("User", field)
    def resolve(found: Sequence[User], work: Work) -> list[Any]:
        return [_seen(user, work) or getattr(user, attribute) for user in found]


def _seen(user: User, work: Work, permission: str = "auth.user.read") -> Forbidden | None:
    if user.id == work.principal.id or work.principal.may(permission):
        return None
    return Forbidden(f"This needs the permission {permission}.", permission=permission)


for _field, _attribute in (
    ("email", "email"),
    ("emailVerified", "email_verified"),
    ("status", "status"),
    ("lockedUntil", "locked_until"),
    ("version", "version"),
    ("createdAt", "created_at"),
    ("updatedAt", "updated_at"),
):
    _own_or_readable(_field, _attribute)


@graph.batch("User", "roles")
def roles_of(found: Sequence[User], work: Work) -> list[Any]:
    """The roles of many users: who has which, and the roles, in a statement each."""
    held = memberships.of_users(work, [user.id for user in found if _seen(user, work) is None])
    known = roles_by_id(list({role for ids in held.values() for role in ids}), work)
    return [_seen(user, work) or [known[role] for role in held.get(user.id, [])] for user in found]


@graph.batch("User", "sessions")
def sessions_of(found: Sequence[User], work: Work, first: int) -> list[Any]:
    """The living sessions of many users, so many of each, in one statement."""
    if not 1 <= first <= 100:
        raise BadRequest("first is a number from 1 to 100.")
    refusals = [_seen(user, work, sessions.READ) for user in found]
    wanted = [user.id for user, refusal in zip(found, refusals, strict=True) if refusal is None]
    rank = func.row_number().over(partition_by=session_rows.c.user_id, order_by=session_rows.c.id.desc())
    ranked = (
        select(session_rows, rank.label("place"))
        .where(
            session_rows.c.tenant_id == work.tenant,
            session_rows.c.user_id.in_(wanted),
            session_rows.c.revoked_at.is_(None),
            session_rows.c.expires_at > work.now,
            or_(session_rows.c.idle_expires_at.is_(None), session_rows.c.idle_expires_at > work.now),
        )
        .subquery()
    )
    living: dict[UUID, list[Session]] = {}
    latest = select(ranked).where(ranked.c.place <= first).order_by(ranked.c.id.desc())
    for row in work.execute(latest):
        living.setdefault(row.user_id, []).append(sessions.told(row, work.principal))
    return [refusal or living.get(user.id, []) for user, refusal in zip(found, refusals, strict=True)]


@graph.batch("User", "tenant")
def tenant_of(found: Sequence[User], work: Work) -> list[Tenant]:
    """Users and their tenant are seen by itself alone."""
    return [tenants_by_id([work.tenant], work)[work.tenant]] * len(found)


@graph.batch("Session", "user")
def user_of(found: Sequence[Session], work: Work) -> list[User | None]:
    """The users of many sessions, in one statement."""
    known = users_by_id(list({session.user_id for session in found}), work)
    return [known.get(session.user_id) for session in found]
