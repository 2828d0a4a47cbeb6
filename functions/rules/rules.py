"""The rules of a set's draft: added, changed and taken out, each checked as it comes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import Row, delete, exists, select, update

from common.errors import Conflict, NotFound
from common.etag import IfMatch
from common.identifiers import uuid7
from common.listing.listed import Listing
from common.operation import operation
from common.paging import Page, Selection
from common.work import Work
from rules import sets, storage
from rules.engine.check import require_valid
from rules.engine.model import Action, Condition, Rule
from rules.events import RuleCreated, RuleDeleted, RuleUpdated
from rules.sets import Text
from rules.tables import conditions, rules

RuleKey = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]


class NewRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule as its author writes it; ``key`` names it within its set, in answers and explanations."""

    key: RuleKey
    actions: Annotated[list[Action], Meta(max_length=100)] = []
    condition: Condition | None = None
    name: Text = ""
    description: Text = ""
    priority: Annotated[int, Meta(ge=-(2**31), lt=2**31)] = 0
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    enabled: bool = True


class DecisionRule(Struct, frozen=True, kw_only=True):
    """A rule as it is kept."""

    id: UUID
    set_id: UUID
    key: str
    name: str
    description: str
    condition: Condition | None
    actions: list[Action]
    priority: int
    valid_from: datetime | None
    valid_until: datetime | None
    enabled: bool
    version: int
    created_at: datetime
    updated_at: datetime


@operation(
    "POST /rules/sets/{id}/rules",
    permission="rules.rule.create",
    status=201,
    emits=RuleCreated,
    idempotent=True,
)
def create(id: str, new: NewRule, work: Work) -> DecisionRule:  # noqa: A002 - the path's name
    """Add a rule to a set's draft. It decides once the set is published."""
    owner = sets.active(work, id)
    _check(owner, new)
    row = work.execute(
        rules.insert()
        .values(
            **_values(new),
            id=uuid7(),
            tenant_id=work.tenant,
            set_id=owner.id,
            created_at=work.now,
            updated_at=work.now,
        )
        .returning(rules)
    ).one()
    storage.write(work, row.id, new.condition, new.actions)
    work.emit(_event(RuleCreated, row))
    return _told(work, row)


_LISTING = Listing("rules", DecisionRule, by="id")


@operation("GET /rules/sets/{id}/rules", permission="rules.rule.read")
def list_(id: str, asked: Selection, work: Work, field: str | None = None) -> Page[DecisionRule]:  # noqa: A002
    """List the rules of a set's draft, in the order they were added; with `field` those that ask for it."""
    owner = sets.find(work, id)
    statement = select(rules).where(rules.c.tenant_id == work.tenant, rules.c.set_id == owner.id)
    if field is not None:
        asks = exists().where(
            conditions.c.tenant_id == rules.c.tenant_id,
            conditions.c.rule_id == rules.c.id,
            conditions.c.field == field,
        )
        statement = statement.where(asks)
    found = _LISTING.rows(work, statement, asked, of=(owner.id, field))
    written = {row.id: rule for row, rule in storage.read(work, owner.id, [row.id for row in found.items])}
    return Page([_as_told(row, written[row.id]) for row in found.items], found.next)


@operation("GET /rules/sets/{id}/rules/{rule_id}", permission="rules.rule.read")
def read(id: str, rule_id: UUID, work: Work) -> DecisionRule:  # noqa: A002
    """Read one rule of a set's draft."""
    return _told(work, _find(work, sets.find(work, id).id, rule_id))


@operation("PUT /rules/sets/{id}/rules/{rule_id}", permission="rules.rule.update", emits=RuleUpdated)
def replace(id: str, rule_id: UUID, new: NewRule, expected: IfMatch, work: Work) -> DecisionRule:  # noqa: A002
    """Replace a rule of a set's draft. What is published stays as it is."""
    owner = sets.active(work, id)
    before = _find(work, owner.id, rule_id)
    expected.check(before.version)
    _check(owner, new)
    row = work.execute(
        update(rules)
        .where(rules.c.tenant_id == work.tenant, rules.c.id == rule_id, rules.c.version == before.version)
        .values(**_values(new), version=before.version + 1, updated_at=work.now)
        .returning(rules)
    ).one_or_none()
    if row is None:
        raise Conflict("Another change came first; read it again and repeat yours.")
    storage.write(work, row.id, new.condition, new.actions)
    work.emit(_event(RuleUpdated, row))
    return _told(work, row)


@operation(
    "DELETE /rules/sets/{id}/rules/{rule_id}", permission="rules.rule.delete", status=204, emits=RuleDeleted
)
def remove(id: str, rule_id: UUID, expected: IfMatch, work: Work) -> None:  # noqa: A002
    """Take a rule out of a set's draft. What is published stays as it is."""
    owner = sets.active(work, id)
    before = _find(work, owner.id, rule_id)
    expected.check(before.version)
    gone = work.execute(
        delete(rules).where(
            rules.c.tenant_id == work.tenant, rules.c.id == rule_id, rules.c.version == before.version
        )
    )
    if gone.rowcount == 0:
        raise Conflict("Another change came first; read it again and repeat yours.")
    work.emit(_event(RuleDeleted, before, before.version + 1))


def add(work: Work, owner: Row[Any], found: list[Rule]) -> None:
    """Add rules as the engine has them to a set's draft, in their order."""
    rows = [
        {
            "id": uuid7(),
            "tenant_id": work.tenant,
            "set_id": owner.id,
            "key": rule.id,
            **{name: getattr(rule, name) for name in _PLAIN},
            "created_at": work.now,
            "updated_at": work.now,
        }
        for rule in found
    ]
    made: dict[str, Row[Any]] = {}
    for start in range(0, len(rows), storage.CHUNK):
        inserted = rules.insert().values(rows[start : start + storage.CHUNK]).returning(rules)
        made |= {row.key: row for row in work.execute(inserted)}
    storage.add(work, [(made[rule.id].id, rule.condition, rule.actions) for rule in found])
    for rule in found:
        work.emit(_event(RuleCreated, made[rule.id]))


_PLAIN = ("name", "description", "priority", "valid_from", "valid_until", "enabled")


def _values(new: NewRule) -> dict[str, Any]:
    return {"key": new.key} | {name: getattr(new, name) for name in _PLAIN}


def _check(owner: Row[Any], new: NewRule) -> None:
    rule = Rule(
        id=new.key,
        actions=tuple(new.actions),
        condition=new.condition,
        **{name: getattr(new, name) for name in _PLAIN},
    )
    require_valid(sets.rule_set_of(owner.key, sets.told(owner).declaration, rules=(rule,)))


def _find(work: Work, set_id: UUID, rule_id: UUID) -> Row[Any]:
    row = work.execute(
        select(rules).where(rules.c.tenant_id == work.tenant, rules.c.set_id == set_id, rules.c.id == rule_id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"The set's draft has no rule {rule_id}.")
    return row


def _told(work: Work, row: Row[Any]) -> DecisionRule:
    ((_, rule),) = storage.read(work, row.set_id, [row.id])
    return _as_told(row, rule)


def _as_told(row: Row[Any], rule: Rule) -> DecisionRule:
    members = msgspec.structs.asdict(rule)
    del members["id"], members["actions"]
    return DecisionRule(
        id=row.id,
        set_id=row.set_id,
        key=row.key,
        actions=list(rule.actions),
        version=row.version,
        created_at=row.created_at,
        updated_at=row.updated_at,
        **members,
    )


def _event(kind: type[Any], row: Row[Any], version: int | None = None) -> Any:
    return kind(row.id, row.set_id, row.key, row.name, row.priority, row.enabled, version or row.version)
