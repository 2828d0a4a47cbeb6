"""The permission catalogue: what can be granted, as each release derives it from its operations."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import select

from auth.tables import permissions
from common.operation import SELF, operation
from common.paging import Page, Paging, keyset, page
from common.work import Work


class Permission(Struct, frozen=True):
    """One permission, with what it lets one do."""

    name: str
    service: str
    description: str


@operation("GET /auth/permissions", permission=SELF)
def list_(paging: Paging, work: Work, service: str | None = None) -> Page[Permission]:
    """List the permissions there are, by name; of one service if asked."""
    scope = f"permissions:{service}"
    statement = select(permissions)
    if service is not None:
        statement = statement.where(permissions.c.service == service)
    order = [(permissions.c.name, False)]
    rows = work.execute(keyset(statement, order, paging.after(scope, [str]), paging.limit)).all()
    return page(
        rows,
        paging.limit,
        scope,
        lambda row: [row.name],
        lambda row: Permission(row.name, row.service, row.description),
    )


def catalogue(work: Work) -> list[str]:
    """The names of all permissions; none before a first deployment has published them."""
    return list(work.execute(select(permissions.c.name)).scalars())
