"""Running processes moved to another version of their definition: each wholly or not at all."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import select

from common.errors import Conflict, Problem
from common.operation import operation
from common.work import Work
from workflow.compiled import definition_of, environment
from workflow.engine import migrate as engine
from workflow.engine.advance import Advance
from workflow.engine.faults import Fault
from workflow.events import ADVANCING, ProcessMigrated
from workflow.moving import ATTEMPTS, Busy, Mover, Row, Version
from workflow.tables import processes
from workflow.workflows import Number, found

Mapping = Annotated[dict[str, str], Meta(max_length=1000)]


class Migration(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where to: a published version, with new ids for what is called otherwise there."""

    number: Number
    mapping: Mapping = {}
    dry_run: bool = False


class MassMigration(Migration, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which processes: those of version ``source`` that have not ended, so many after the one given."""

    source: Number
    dry_run: bool = True
    limit: Annotated[int, Meta(ge=1, le=500)] = 100
    after: UUID | None = None


class Migrated(Struct, frozen=True, kw_only=True):
    """What became of a process, or would: ``possible`` without reasons why not."""

    process_id: UUID
    possible: bool
    migrated: bool
    reasons: list[Fault] = []


class MassMigrated(Struct, frozen=True, kw_only=True):
    """What became of each; ``next`` is the last one looked at, if there are more."""

    items: list[Migrated]
    next: UUID | None


class Impossible(Problem):
    """The process stands where the other version has no counterpart; ``errors`` says where and why."""

    status, code, title = 409, "migration_impossible", "The process cannot be moved"


@operation(
    "POST /workflow/processes/{id}/migrate",
    permission="workflow.process.migrate",
    emits=(ProcessMigrated, *ADVANCING),
    memory=1024,
)
def migrate(id: UUID, wanted: Migration, work: Work) -> Migrated:  # noqa: A002 - the path's name
    """Move a process to another version of its definition.

    If that cannot be, the refusal (409) says why; with `dry_run` it is only said whether it can.
    """
    told = _migrate(work, id, wanted)
    if told.reasons and not wanted.dry_run:
        errors = [
            {"element": fault.element, "code": fault.code, "detail": fault.message} for fault in told.reasons
        ]
        raise Impossible(told.reasons[0].message, errors=errors)
    return told


@operation(
    "POST /workflow/definitions/{key}/migrate",
    permission="workflow.process.migrate",
    emits=(ProcessMigrated, *ADVANCING),
    timeout=29,
    memory=1024,
)
def migrate_all(key: str, wanted: MassMigration, work: Work) -> MassMigrated:
    """Move many processes of a definition from one version to another; a dry run unless told otherwise.

    Those that cannot be moved stay as they are, with their reasons.
    """
    table = processes
    statement = select(table.c.id).where(
        table.c.tenant_id == work.tenant,
        table.c.key == key,
        table.c.number == wanted.source,
        table.c.status != "ended",
    )
    if wanted.after is not None:
        statement = statement.where(table.c.id > wanted.after)
    found_ids = list(work.execute(statement.order_by(table.c.id).limit(wanted.limit + 1)).scalars())
    chosen = found_ids[: wanted.limit]
    items = [_migrate(work, identifier, wanted) for identifier in chosen]
    return MassMigrated(items=items, next=chosen[-1] if len(found_ids) > len(chosen) else None)


def _migrate(work: Work, identifier: UUID, wanted: Migration) -> Migrated:
    mover = Mover(work)
    for _ in range(ATTEMPTS):
        row = mover.read(identifier)
        target = _target(work, row, wanted.number)
        result = engine.migrate(
            definition_of(work, row.workflow),
            definition_of(work, target.id),
            row.state,
            at=work.now,
            mapping=wanted.mapping,
            environment=environment(work),
        )
        if result.state is None:
            return Migrated(process_id=identifier, possible=False, migrated=False, reasons=result.reasons)
        if wanted.dry_run:
            return Migrated(process_id=identifier, possible=True, migrated=False)
        if mover.migrated(row, target, Advance(result.state, result.effects)):
            return Migrated(process_id=identifier, possible=True, migrated=True)
    raise Busy("Many others are moving this process; try again.")


def _target(work: Work, row: Row, number: int) -> Version:
    target: Any = found(work, row.key, number)
    if target.status != "published":
        raise Conflict(f"Version {number} is a draft; publish it first.")
    return Version(target.id, target.key, target.number)
