"""The tree that the accounts make: its lock, its walks, and what may be below what."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import text

from common.errors import Invalid, TooLarge
from common.work import Work
from masterdata.errors import Cycle

MAX_DEPTH = 32
MAX_NODES = 20_000
"""Accounts that one answer tells; a Lambda's answer may have 6 MB."""

# Whoever changes the tree's shape waits for those who do: a check that two do at once could pass for both.
_LOCK = text("select pg_advisory_xact_lock(hashtextextended('masterdata.accounts ' || :tenant, 0))")
_CHILDREN = text("""
select exists(
    select 1 from masterdata.accounts
    where tenant_id = :tenant and parent_id = :id and archived_at is null
)
""")
_ANCESTORS = text("""
with recursive up as (
    select id, parent_id, type, postable, archived_at, 1 as depth from masterdata.accounts
    where tenant_id = :tenant and id = :id
    union all
    select a.id, a.parent_id, a.type, a.postable, a.archived_at, up.depth + 1
    from masterdata.accounts a join up on a.id = up.parent_id
    where a.tenant_id = :tenant and up.depth <= :limit
)
select id, type, postable, archived_at from up order by depth
""")
_HEIGHT = text("""
with recursive down as (
    select id, 1 as depth from masterdata.accounts where tenant_id = :tenant and id = :id
    union all
    select a.id, down.depth + 1 from masterdata.accounts a join down on a.parent_id = down.id
    where a.tenant_id = :tenant and down.depth <= :limit
)
select max(depth) from down
""")
_BELOW = text("""
with recursive down as (
    select id, parent_id, code, name, type, postable, 0 as depth from masterdata.accounts
    where tenant_id = :tenant and archived_at is null
      and case when cast(:root as uuid) is null then parent_id is null else id = cast(:root as uuid) end
    union all
    select a.id, a.parent_id, a.code, a.name, a.type, a.postable, down.depth + 1
    from masterdata.accounts a join down on a.parent_id = down.id
    where a.tenant_id = :tenant and a.archived_at is null and down.depth < :limit
)
select * from down order by depth limit :nodes
""")


def lock(work: Work) -> None:
    """Be the only one who changes the shape of the tenant's tree until the transaction ends."""
    work.execute(_LOCK, {"tenant": str(work.tenant)})


def has_children(work: Work, account: UUID) -> bool:
    """Whether accounts, archived ones aside, are below one."""
    return bool(work.execute(_CHILDREN, {"tenant": work.tenant, "id": account}).scalar())


def check_parent(work: Work, account: UUID | None, parent: UUID, kind: str) -> None:
    """Refuse a parent that is none, takes postings, is of another type, or is below the account itself."""
    place = {"tenant": work.tenant, "limit": MAX_DEPTH}
    line = work.execute(_ANCESTORS, {**place, "id": parent}).all()
    if not line:
        raise Invalid.at("/parent_id", "There is no such account.")
    if account is not None and any(row.id == account for row in line):
        raise Cycle("The parent is the account itself, or below it.")
    nearest = line[0]
    if nearest.archived_at is not None:
        raise Invalid.at("/parent_id", "The parent is archived.")
    if nearest.type != kind:
        raise Invalid.at("/type", f"An account below one of type {nearest.type} is of that type too.")
    if nearest.postable:
        raise Invalid.at(
            "/parent_id", "The parent takes postings; make it a heading (postable: false) first."
        )
    height = int(work.execute(_HEIGHT, {**place, "id": account}).scalar() or 1) if account else 1
    if len(line) + height > MAX_DEPTH:
        raise Invalid.at("/parent_id", f"The tree would be more than {MAX_DEPTH} deep.")


def below(work: Work, root: UUID | None) -> list[Any]:
    """The accounts from the tops, or from one account, downwards; archived ones and what they hold aside."""
    asked = {"tenant": work.tenant, "root": root, "limit": MAX_DEPTH, "nodes": MAX_NODES + 1}
    rows = list(work.execute(_BELOW, asked).all())
    if len(rows) > MAX_NODES:
        raise TooLarge(f"There are more than {MAX_NODES} accounts; ask for the part below one, by root.")
    return rows
