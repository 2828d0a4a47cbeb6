"""The chart of accounts: a tree, whose leaves are posted to."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from common.errors import Invalid
from common.etag import IfMatch
from common.operation import operation
from common.work import Work
from masterdata import operations, patching, tables, trees
from masterdata.entity import Entity, Rules
from masterdata.errors import InUse
from masterdata.records import Records
from masterdata.types import Currency, Kept, New

AccountType = Literal["asset", "liability", "equity", "income", "expense"]


class NewAccount(New, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An account as the caller writes it.

    ``postable`` accounts take postings and have no accounts below them. The ledger sets ``posted`` when it
    first posts to an account; it cannot be taken back.
    """

    type: AccountType
    parent_id: UUID | None = None
    postable: bool = True
    posted: bool = False
    currency: Currency | None = None


class Account(Kept, frozen=True, kw_only=True):
    """An account as it is kept."""

    type: AccountType
    parent_id: UUID | None
    postable: bool
    posted: bool
    currency: str | None


class AccountRules(Rules[NewAccount, Account]):
    """The tree stays one: no cycles, one type from the root to the leaves, postings on leaves only."""

    def before_write(self, work: Work, before: Account | None, new: NewAccount) -> None:
        if new.posted and not new.postable:
            raise Invalid.at("/postable", "An account with postings stays postable.")
        if before is not None and before.posted:
            _keeps(before, new)
        moves = before is None or before.parent_id != new.parent_id
        shaped = before is None or (before.type, before.postable) != (new.type, new.postable)
        if not (moves or shaped):
            return
        trees.lock(work)
        if before is not None and shaped and trees.has_children(work, before.id):
            if before.type != new.type:
                raise InUse("It has accounts below it, so it keeps its type.")
            if new.postable:
                raise InUse("It has accounts below it, so it takes no postings.")
        if new.parent_id is not None:
            trees.check_parent(work, before.id if before else None, new.parent_id, new.type)

    def before_archive(self, work: Work, record: Account) -> None:
        trees.lock(work)
        if trees.has_children(work, record.id):
            raise InUse("It has accounts below it; archive or move them first.")

    def before_restore(self, work: Work, record: Account) -> None:
        trees.lock(work)
        if record.parent_id is not None:
            trees.check_parent(work, record.id, record.parent_id, record.type)


def _keeps(before: Account, new: NewAccount) -> None:
    if not new.posted:
        raise Invalid.at("/posted", "Postings cannot be undone.")
    if new.type != before.type:
        raise InUse("It has postings, so it keeps its type.")
    if new.currency != before.currency:
        raise InUse("It has postings, so it keeps its currency.")


records = Records(
    Entity(
        "account",
        "accounts",
        tables.accounts,
        NewAccount,
        patching.patch_of(NewAccount),
        Account,
        AccountRules(),
        references={"parent_code": "parent_id"},
        ordered=True,
    )
)

_own = operations.declare(records, __name__)
create, list_, read, replace = _own.create, _own.list_, _own.read, _own.replace
patch, archive, restore, history = _own.patch, _own.archive, _own.restore, _own.history


class Move(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where an account goes: below another one, or null for the top."""

    parent_id: UUID | None


class AccountNode(msgspec.Struct, frozen=True):
    """An account with those below it, by code."""

    id: UUID
    code: str
    name: str
    type: AccountType
    postable: bool
    children: list[AccountNode]


class AccountTree(msgspec.Struct, frozen=True):
    """The chart of accounts, or a part of it."""

    roots: list[AccountNode]


Root = Annotated[UUID | None, Meta(description="Only this account and those below it.")]


@operation(
    "GET /masterdata/accounts/tree", permission="masterdata.account.read", memory=1024, answers=(404, 413)
)
def tree(work: Work, root: Root = None) -> AccountTree:
    """Read the chart of accounts as a tree, without archived accounts."""
    rows = trees.below(work, root)
    if root is not None and not rows:
        raise records.missing(root)
    children: dict[Any, list[AccountNode]] = {}
    # Deepest first: each node is made when all those below it are.
    for row in reversed(rows):
        below = sorted(children.pop(row.id, []), key=lambda node: node.code)
        node = AccountNode(row.id, row.code, row.name, row.type, row.postable, below)
        children.setdefault(row.parent_id if row.depth else None, []).append(node)
    return AccountTree(sorted(children.get(None, []), key=lambda node: node.code))


@operation(
    "POST /masterdata/accounts/{id}/move",
    permission="masterdata.account.update",
    emits=records.entity.events.updated,
)
def move(id: UUID, to: Move, expected: IfMatch, work: Work) -> Account:  # noqa: A002 - the path's name
    """Move an account, with all below it, to another parent of the same type."""
    before = records.present(work, id, expected)
    written = records.entity.as_written(before)
    return records.change(work, before, expected, msgspec.structs.replace(written, parent_id=to.parent_id))
