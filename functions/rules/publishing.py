"""Publishing: a draft becomes the version that decides, once its own tests pass."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import func, select

from common.identifiers import uuid7
from common.listing.listed import Listing
from common.operation import operation
from common.paging import Page, Selection
from common.work import Work
from rules import rule_tests, sets, storage
from rules.engine.check import require_valid
from rules.engine.compile import compile_rules
from rules.errors import TestsFailed
from rules.events import SetPublished
from rules.tables import rule_set_versions, rule_sets


class PublishedVersion(Struct, frozen=True):
    """A version of a rule set as it was published."""

    id: UUID
    set_id: UUID
    number: int
    rules: int
    published_at: datetime
    published_by: str


@operation(
    "POST /rules/sets/{id}/publish",
    permission="rules.set.publish",
    status=201,
    answers=(422,),
    emits=SetPublished,
    idempotent=True,
    memory=1024,
    timeout=29,
)
def publish(id: str, work: Work) -> PublishedVersion:  # noqa: A002 - the path's name
    """Publish a set's draft as its next version, which decides from here on.

    Every fault is named with its rule and place (422), and so is every test of the set that fails.
    """
    row = sets.active(work, id)
    # One publishing at a time: another waits here, and then finds the number taken.
    work.execute(select(rule_sets.c.id).where(rule_sets.c.id == row.id).with_for_update())
    row = sets.active(work, id)
    draft = storage.draft(work, row)
    require_valid(draft)
    outcomes = rule_tests.run_all(work, row.id, compile_rules(draft))
    failures = [msgspec.to_builtins(outcome) for outcome in outcomes if not outcome.passed]
    if failures:
        raise TestsFailed(f"{len(failures)} of {len(outcomes)} tests fail.", failures=failures)
    last = select(func.coalesce(func.max(rule_set_versions.c.number), 0)).where(
        rule_set_versions.c.tenant_id == work.tenant, rule_set_versions.c.set_id == row.id
    )
    number = work.execute(last).scalar_one() + 1
    document = msgspec.structs.replace(draft, version=str(number))
    made = work.execute(
        rule_set_versions.insert()
        .values(
            id=uuid7(),
            tenant_id=work.tenant,
            set_id=row.id,
            number=number,
            document=msgspec.to_builtins(document),
            published_at=work.now,
            published_by=work.principal.name,
        )
        .returning(rule_set_versions)
    ).one()
    after = sets.advance(work, row, {"published": number})
    work.emit(SetPublished(after.id, after.key, after.name, number, after.version))
    return _told(made)


_LISTING = Listing("rule set versions", PublishedVersion, by="-number", key="number")


@operation("GET /rules/sets/{id}/versions", permission="rules.set.read")
def versions(id: str, asked: Selection, work: Work) -> Page[PublishedVersion]:  # noqa: A002
    """List a set's published versions, the latest first."""
    row = sets.find(work, id)
    statement = select(rule_set_versions).where(
        rule_set_versions.c.tenant_id == work.tenant, rule_set_versions.c.set_id == row.id
    )
    return _LISTING.page(work, statement, asked, _told, of=row.id)


def _told(row: Any) -> PublishedVersion:
    return PublishedVersion(
        row.id, row.set_id, row.number, len(row.document["rules"]), row.published_at, row.published_by
    )
