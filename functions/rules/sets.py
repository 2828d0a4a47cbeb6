"""Rule sets: what facts they decide over, what they put out, and which of their rules decide."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from sqlalchemy import Row, or_, select, update

from common.errors import Conflict, NotFound
from common.etag import IfMatch
from common.identifiers import uuid7
from common.listing.listed import Listing
from common.operation import operation
from common.paging import Page, Selection
from common.work import Work
from rules.engine.check import require_valid
from rules.engine.model import Aggregation, Fact, HitPolicy, Output, RuleSet
from rules.events import SetArchived, SetCreated, SetUpdated
from rules.tables import rule_sets

Key = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[a-z][a-z0-9_.-]*$")]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Text = Annotated[str, Meta(max_length=2000, pattern=r"^[^\x00]*$")]


class Declaration(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a rule set is about, without its rules."""

    facts: dict[str, Fact] = {}
    outputs: dict[str, Output] = {}
    hit_policy: HitPolicy = HitPolicy.FIRST
    aggregation: Aggregation | None = None
    missing: Annotated[str, Meta(pattern="^(skip|error)$")] = "skip"
    chaining: bool = False
    chain_rounds: Annotated[int, Meta(ge=1)] = 100


class NewSet(Declaration, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule set as its author writes it; ``key`` names it for those who ask for decisions."""

    key: Key
    name: Name
    description: Text = ""


class SetChange(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of a rule set: what is left out stays."""

    name: Name | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    facts: dict[str, Fact] | UnsetType = UNSET
    outputs: dict[str, Output] | UnsetType = UNSET
    hit_policy: HitPolicy | UnsetType = UNSET
    aggregation: Aggregation | UnsetType | None = UNSET
    missing: Annotated[str, Meta(pattern="^(skip|error)$")] | UnsetType = UNSET
    chaining: bool | UnsetType = UNSET
    chain_rounds: Annotated[int, Meta(ge=1)] | UnsetType = UNSET


class DecisionSet(Struct, frozen=True, kw_only=True):
    """A rule set as it is kept; ``published`` is the number of its current version."""

    id: UUID
    key: str
    name: str
    description: str
    declaration: Declaration
    published: int | None
    version: int
    created_at: datetime
    created_by: str
    updated_at: datetime
    archived_at: datetime | None


@operation("POST /rules/sets", permission="rules.set.create", status=201, emits=SetCreated, idempotent=True)
def create(new: NewSet, work: Work) -> DecisionSet:
    """Create a rule set, with an empty draft. The key is unique within the tenant."""
    declaration = declared(new)
    require_valid(rule_set_of(new.key, declaration))
    row = work.execute(
        rule_sets.insert()
        .values(
            id=uuid7(),
            tenant_id=work.tenant,
            key=new.key,
            name=new.name,
            description=new.description,
            declaration=msgspec.to_builtins(declaration),
            created_at=work.now,
            created_by=work.principal.name,
            updated_at=work.now,
        )
        .returning(rule_sets)
    ).one()
    work.emit(_event(SetCreated, row))
    return told(row)


_LISTING = Listing("rule sets", DecisionSet, by="key", key="key")


@operation("GET /rules/sets", permission="rules.set.read")
def list_(asked: Selection, work: Work, archived: bool = False) -> Page[DecisionSet]:
    """List the rule sets by key; with `archived` the archived ones too."""
    statement = select(rule_sets).where(rule_sets.c.tenant_id == work.tenant)
    if not archived:
        statement = statement.where(rule_sets.c.archived_at.is_(None))
    return _LISTING.page(work, statement, asked, told, of=archived)


@operation("GET /rules/sets/{id}", permission="rules.set.read")
def read(id: str, work: Work) -> DecisionSet:  # noqa: A002 - the path's name
    """Read one rule set, by its id or its key."""
    return told(find(work, id))


@operation("PATCH /rules/sets/{id}", permission="rules.set.update", emits=SetUpdated)
def change(id: str, changed: SetChange, expected: IfMatch, work: Work) -> DecisionSet:  # noqa: A002
    """Change a rule set's name or declarations. What is published stays until the next publishing."""
    before = active(work, id)
    expected.check(before.version)
    given = msgspec.structs.asdict(changed)
    kept = told(before).declaration
    declaration = msgspec.structs.replace(
        kept, **{n: given[n] for n in Declaration.__struct_fields__ if given[n] is not UNSET}
    )
    require_valid(rule_set_of(before.key, declaration))
    values = {n: given[n] for n in ("name", "description") if given[n] is not UNSET}
    row = advance(work, before, {**values, "declaration": msgspec.to_builtins(declaration)})
    work.emit(_event(SetUpdated, row))
    return told(row)


@operation("DELETE /rules/sets/{id}", permission="rules.set.delete", status=204, emits=SetArchived)
def archive(id: str, expected: IfMatch, work: Work) -> None:  # noqa: A002
    """Archive a rule set: it evaluates no more, and keeps its key, its versions and its evaluations."""
    before = active(work, id)
    expected.check(before.version)
    work.emit(_event(SetArchived, advance(work, before, {"archived_at": work.now})))


def find(work: Work, reference: str) -> Row[Any]:
    """The rule set of an id or a key; 404 if the tenant has none such."""
    wanted = rule_sets.c.key == reference
    with suppress(ValueError):  # a key is no UUID
        wanted = or_(wanted, rule_sets.c.id == UUID(reference))
    row = work.execute(select(rule_sets).where(rule_sets.c.tenant_id == work.tenant, wanted)).first()
    if row is None:
        raise NotFound(f"There is no rule set {reference}.")
    return row


def active(work: Work, reference: str) -> Row[Any]:
    """The rule set, unless it is archived."""
    row = find(work, reference)
    if row.archived_at is not None:
        raise Conflict("The rule set is archived.")
    return row


def advance(work: Work, before: Row[Any], values: dict[str, Any]) -> Row[Any]:
    """Change a rule set's row to its next version; 409 if another change came first."""
    row = work.execute(
        update(rule_sets)
        .where(
            rule_sets.c.tenant_id == work.tenant,
            rule_sets.c.id == before.id,
            rule_sets.c.version == before.version,
        )
        .values(**values, version=before.version + 1, updated_at=work.now)
        .returning(rule_sets)
    ).one_or_none()
    if row is None:
        raise Conflict("Another change came first; read it again and repeat yours.")
    return row


def declared(new: Declaration) -> Declaration:
    """The declaration alone, of a struct that has more."""
    return Declaration(**{name: getattr(new, name) for name in Declaration.__struct_fields__})


def rule_set_of(
    key: str, declaration: Declaration, *, number: int = 0, rules: tuple[Any, ...] = ()
) -> RuleSet:
    """The engine's rule set of a declaration and rules."""
    members = msgspec.structs.asdict(declaration)
    return RuleSet(rules=rules, name=key, version=str(number) if number else "draft", **members)


def told(row: Row[Any]) -> DecisionSet:
    """A rule set's row, as the caller sees it."""
    return DecisionSet(
        id=row.id,
        key=row.key,
        name=row.name,
        description=row.description,
        declaration=msgspec.convert(row.declaration, Declaration),
        published=row.published,
        version=row.version,
        created_at=row.created_at,
        created_by=row.created_by,
        updated_at=row.updated_at,
        archived_at=row.archived_at,
    )


def _event(kind: type[Any], row: Row[Any]) -> Any:
    return kind(row.id, row.key, row.name, row.published, row.version)
