"""Master data's part of the graph: its records, their histories, and what a user has created."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Text, column, literal, select, values

from common.errors import BadRequest
from common.operation import SELF, operation
from common.paging import Page, Paging
from common.request import Request, Response
from common.subgraph import GraphQuery, Subgraph
from common.work import Work
from masterdata import accounts, customers, vendors
from masterdata.entities import MODULES
from masterdata.history import Change
from masterdata.history import history as told_history
from masterdata.records import Records, as_json, timed, told_rows

MOST = 100
"""Records that a user's field lists at most."""

graph = Subgraph.beside(__file__)


def _declare(module: Any) -> None:
    """The fields that every entity has."""
    records: Records[Any, Any] = module.records
    one, many = records.entity.one, records.entity.many
    kind = one.capitalize()
    graph.expose("Query", one, module.read)
    graph.expose("Query", many, module.list_)
    graph.expose("Mutation", f"create{kind}", module.create)
    graph.expose("Mutation", f"update{kind}", module.patch)
    graph.expose("Mutation", f"archive{kind}", module.archive)
    graph.expose("Mutation", f"restore{kind}", module.restore)

    @graph.entity(kind)
    def load(ids: list[UUID], work: Work) -> dict[UUID, Any]:
        return records.many(work, ids)

    @graph.batch(kind, "createdBy")
    def created_by(found: Sequence[Any], _work: Work) -> list[Any]:
        return [_user(record.created_by) for record in found]

    @graph.batch(kind, "updatedBy")
    def updated_by(found: Sequence[Any], _work: Work) -> list[Any]:
        return [_user(record.updated_by) for record in found]

    @graph.field(kind, "history")
    def history(record: Any, work: Work, first: int, after: str | None = None) -> Page[Change]:
        return told_history(records, work, record.id, Paging.of(str(first), after))

    @graph.batch("User", f"created{kind}s")
    def created(users: Sequence[Any], work: Work, first: int) -> list[list[Any]]:
        return _created(records, users, work, first)


def _user(actor: str) -> dict[str, str] | None:
    """The reference to the user that an actor is, if it is one."""
    kind, _, identifier = actor.partition(":")
    return {"__typename": "User", "id": identifier} if kind == "user" else None


def _created(records: Records[Any, Any], users: Sequence[Any], work: Work, first: int) -> list[list[Any]]:
    """The records that many users created, so many of each, in one statement."""
    if not 1 <= first <= MOST:
        raise BadRequest(f"first is a number from 1 to {MOST}.")
    table = records.entity.table
    names = [f"user:{user['id']}" for user in users]
    actors = values(column("actor", Text), name="actors").data([(name,) for name in dict.fromkeys(names)])
    latest = (
        select(*records.columns)
        .where(table.c.tenant_id == work.tenant, table.c.created_by == actors.c.actor)
        .order_by(table.c.id.desc())
        .limit(first)
        .lateral("latest")
    )
    statement = select(actors.c.actor, as_json(latest).label("body")).join_from(actors, latest, literal(True))
    found: dict[str, list[Any]] = {}
    with timed(records.entity.one, "list"):
        for row in work.execute(statement):
            found.setdefault(row.actor, []).append(records.told(row.body))
    return [found.get(name, []) for name in names]


def _known(records: Records[Any, Any], work: Work, ids: Iterable[UUID | None]) -> list[Any]:
    """Records by their ids, in the ids' order, in one statement."""
    wanted = list(ids)
    found = records.many(work, list({identifier for identifier in wanted if identifier is not None}))
    return [None if identifier is None else found.get(identifier) for identifier in wanted]


for _module in MODULES:
    _declare(_module)

for _module in (customers, vendors):
    graph.expose("Mutation", f"merge{_module.records.entity.one.capitalize()}", _module.merge)

graph.expose("Query", "accountTree", accounts.tree)
graph.expose("Mutation", "moveAccount", accounts.move)


@graph.batch("Customer", "mergedInto")
def customers_merged_into(found: Sequence[customers.Customer], work: Work) -> list[Any]:
    """The customers that stand in the place of merged ones."""
    return _known(customers.records, work, [customer.merged_into for customer in found])


@graph.batch("Vendor", "mergedInto")
def vendors_merged_into(found: Sequence[vendors.Vendor], work: Work) -> list[Any]:
    """The vendors that stand in the place of merged ones."""
    return _known(vendors.records, work, [vendor.merged_into for vendor in found])


@graph.batch("Account", "parent")
def parents_of(found: Sequence[accounts.Account], work: Work) -> list[Any]:
    """The accounts above many."""
    return _known(accounts.records, work, [account.parent_id for account in found])


@graph.batch("Account", "children")
def children_of(found: Sequence[accounts.Account], work: Work) -> list[list[Any]]:
    """The accounts below many, in one statement."""
    records = accounts.records
    table = records.entity.table
    rows = select(*records.columns).where(
        table.c.tenant_id == work.tenant,
        table.c.parent_id.in_([account.id for account in found]),
        table.c.archived_at.is_(None),
    )
    living = rows.subquery("r")
    below: dict[UUID | None, list[Any]] = {}
    with timed("account", "list"):
        for body in work.execute(told_rows(living).order_by(living.c.code)).scalars():
            account = records.told(body)
            below.setdefault(account.parent_id, []).append(account)
    return [below.get(account.id, []) for account in found]


@operation("POST /masterdata/graphql", permission=SELF, emits=graph.emits, memory=1024)
def query(asked: GraphQuery, request: Request, work: Work) -> Response[Any]:
    """Ask master data's part of the federated graph; the gateway is the front door to all of it."""
    return graph.answer(asked, request, work)
