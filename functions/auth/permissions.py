"""The permission catalogue: what can be granted, as each release derives it from its operations."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import select

from auth.tables import permissions
from common.listing.listed import Listing
from common.operation import SELF, operation
from common.paging import Page, Selection
from common.work import Work


class Permission(Struct, frozen=True):
    """One permission, with what it lets one do."""

    name: str
    service: str
    description: str


_LISTING = Listing("permissions", Permission, by="name", key="name")


@operation("GET /auth/permissions", permission=SELF)
def list_(asked: Selection, work: Work, service: str | None = None) -> Page[Permission]:
    """List the permissions there are, by name; of one service if asked."""
    statement = select(permissions)
    if service is not None:
        statement = statement.where(permissions.c.service == service)
    return _LISTING.page(
        work, statement, asked, lambda row: Permission(row.name, row.service, row.description), of=service
    )


def catalogue(work: Work) -> list[str]:
    """The names of all permissions; none before a first deployment has published them."""
    return list(work.execute(select(permissions.c.name)).scalars())
