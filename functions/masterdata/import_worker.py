"""The work of an import: read on from where it stands, a batch of rows and its place in one transaction."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, update

from common.background import Deadline
from common.errors import Invalid, Problem
from common.work import Work
from masterdata import jobs, storage, tables
from masterdata.entities import RECORDS
from masterdata.entity import Entity
from masterdata.events import ImportCompleted
from masterdata.files import columns, rows
from masterdata.files.errors import FileError
from masterdata.importing import Batch, Entry, Outcome
from masterdata.jobs import LostLeaseError, Reference

PREFIX = "masterdata/imports/"
MAX_SIZE = 2 * 1024**3
"""Bytes of one file."""
BATCH = 1000
"""Rows written in one transaction."""
DRY_BATCH = 20_000
"""Rows tried together in a dry run of records that refer to each other."""
UNUSED = timedelta(days=1)
"""After which an import whose file never came is given up."""


EMITS: tuple[type[Any], ...] = (
    ImportCompleted,
    *(made for r in RECORDS.values() for made in (r.entity.events.created, r.entity.events.updated)),
)
"""What an import says: of each record that it wrote, and of its end."""


def key_of(tenant: UUID, identifier: UUID) -> str:
    """Where the file of an import is put."""
    return f"{PREFIX}{tenant}/{identifier}"


def run(job: Reference, deadline: Deadline) -> None:
    """Import a file, or go on with it. Whatever interrupts this, the next one resumes after the last batch.

    Ends early when the deadline comes near, with the job free for the next worker.
    """
    stored = storage.find(key_of(job.tenant, job.id))
    row = _take(job, stored)
    if row is None or stored is None:
        return
    if row.attempts > jobs.ATTEMPTS:
        _finish(job, row, "failed", "The import came to a halt at the same row again and again; tell us.")
        return
    try:
        for _ in _Importer(job, row, stored).batches():
            if deadline.remaining < jobs.RESERVE:
                _release(job, row)
                return
    except FileError as error:
        _finish(job, row, "failed", str(error))
    except LostLeaseError:
        return
    else:
        _finish(job, row, "completed", None)


def _take(job: Reference, stored: storage.Stored | None) -> Row[Any] | None:
    """Claim the import; one whose file is not there yet stays as it is, or expires."""
    table = tables.imports
    work = jobs.work_of(job)
    try:
        row = jobs.claim(work, table, job)
        if row is None:
            return None
        here = update(table).where(table.c.tenant_id == job.tenant, table.c.id == job.id).returning(table)
        if stored is None:
            gone = row.created_at < work.now - UNUSED
            changes: dict[str, Any] = {"lease_until": None, "attempts": 0}
            changes |= {"status": "expired", "finished_at": work.now} if gone else {}
            work.execute(here.values(**changes))
            work.commit()
            return None
        # A dry run has written nothing but its counts, so it starts again.
        fresh = row.status == "awaiting_upload" or row.dry_run
        counts = dict.fromkeys(("position", "seen", "rows", "created", "updated", "unchanged", "failed"), 0)
        changes = {"status": "running", "started_at": func.coalesce(table.c.started_at, work.now)}
        if fresh:
            changes |= {"size": stored.size, "etag": stored.etag, **counts}
            errors = tables.import_errors
            work.execute(
                errors.delete().where(errors.c.tenant_id == job.tenant, errors.c.import_id == job.id)
            )
        taken = work.execute(here.values(**changes)).one()
        work.commit()
        return taken
    finally:
        work.rollback()


class _Importer:
    """One file on its way into the records of one entity."""

    def __init__(self, job: Reference, row: Row[Any], stored: storage.Stored) -> None:
        self._job = job
        self._row = row
        self._stored = stored
        self._key = key_of(job.tenant, job.id)
        self._records = RECORDS[row.entity]
        self._entity: Entity[Any, Any] = self._records.entity
        self._position: int = row.position
        self._seen: int = row.seen
        # What only the platform writes, and an export tells: read past.
        written = {*self._entity.new.__struct_fields__, *self._entity.references}
        self._untold = frozenset(self._entity.record.__struct_fields__) - written

    def batches(self) -> Iterator[None]:
        """Write batch after batch; the file's own faults are :class:`FileError`."""
        if self._stored.etag != self._row.etag:
            raise FileError("The file was replaced while it was imported; start a new import.")
        if self._stored.size > MAX_SIZE:
            raise FileError(f"The file is larger than {MAX_SIZE} bytes; split it.")
        source = self._entries()
        size = DRY_BATCH if self._row.dry_run and self._entity.ordered else BATCH
        while batch := list(islice(source, size)):
            self._write([entry for _, entry in batch if entry is not None], len(batch), batch[-1][0])
            yield

    def _entries(self) -> Iterator[tuple[int, Entry | None]]:
        """Each row's end in the file, and what it says; None where it is empty."""
        number = self._seen + (2 if self._row.format == "csv" else 1)
        for place, (row, patch) in enumerate(self._read(), number):
            if row.fault is not None:
                yield row.end, Entry(place, None, Invalid.at("", row.fault))
            else:
                yield row.end, None if patch is None else Entry(place, patch)

    def _read(self) -> Iterator[tuple[rows.Row, dict[str, Any] | None]]:
        if self._row.format == "ndjson":
            chunks = storage.pieces(self._key, self._stored, self._position)
            for row in rows.json_rows(chunks, self._position):
                yield row, row.value and {k: v for k, v in row.value.items() if k not in self._untold}
            return
        dialect, header = self._dialect()
        start = max(self._position, dialect.start)
        lists, amounts = self._entity.lists, self._entity.amounts if dialect.decimal_comma else frozenset()
        for row in rows.csv_rows(storage.pieces(self._key, self._stored, start), start, dialect):
            patch = None
            if row.value is not None:
                patch = columns.record_of(header, row.value, lists)
                for name in amounts & patch.keys():
                    if patch[name] is not None:
                        patch[name] = columns.without_decimal_comma(patch[name])
                patch.pop("", None)
            yield row, patch

    def _dialect(self) -> tuple[rows.Dialect, list[str]]:
        """How the file is written, and its header; columns that only the platform writes are without name."""
        entity = self._entity
        fields = {*entity.new.__struct_fields__, *entity.references}
        untold = self._untold

        def known(name: str) -> bool:
            return columns.is_place(name, fields) or name in untold

        head = storage.piece(self._key, self._stored, 0, rows.HEAD)
        dialect = rows.dialect_of(head, known)
        header = dialect.header
        if "code" not in header:
            raise FileError("The header row names no column `code`, by which records are recognised.")
        if strange := [name for name in header if name and not known(name)]:
            raise FileError(f"There is no field {', '.join(strange[:5])[:200]} in {entity.many}.")
        named = [name for name in header if name]
        if twice := sorted({name for name in named if named.count(name) > 1}):
            raise FileError(f"The header row names {', '.join(twice[:5])[:200]} more than once.")
        return dialect, ["" if name in untold else name for name in header]

    def _write(self, entries: list[Entry], seen: int, position: int) -> None:
        work = jobs.work_of(self._job, self._row.created_by)
        try:
            outcome = Batch(self._records, work).write(entries)
            if self._row.dry_run:
                work.rollback()
                work = jobs.work_of(self._job, self._row.created_by)
            self._advance(work, outcome, len(entries), seen, position)
            work.commit()
        finally:
            work.rollback()
        self._position, self._seen = position, self._seen + seen

    def _advance(self, work: Work, outcome: Outcome, count: int, seen: int, position: int) -> None:
        """Keep the place and the errors, if the place is still where this worker left it."""
        table = tables.imports
        c = table.c
        kept = work.execute(
            update(table)
            .where(
                c.tenant_id == self._job.tenant,
                c.id == self._job.id,
                c.position == self._position,
                c.finished_at.is_(None),
            )
            .values(
                position=position,
                seen=c.seen + seen,
                rows=c.rows + count,
                created=c.created + outcome.created,
                updated=c.updated + outcome.updated,
                unchanged=c.unchanged + outcome.unchanged,
                failed=c.failed + len(outcome.faults),
                attempts=0,
                lease_until=work.now + jobs.LEASE,
            )
        )
        if kept.rowcount != 1:
            raise LostLeaseError
        if outcome.faults:
            rows_ = [_error_row(self._job, number, fault) for number, fault in outcome.faults]
            work.execute(tables.import_errors.insert(), rows_)


def _error_row(job: Reference, number: int, fault: Problem) -> dict[str, Any]:
    return {
        "tenant_id": job.tenant,
        "import_id": job.id,
        "row": number,
        "code": fault.code,
        "detail": fault.detail.replace("\x00", ""),
        "errors": [
            {k: v.replace("\x00", "") for k, v in place.items()} for place in fault.members.get("errors", [])
        ],
    }


def _release(job: Reference, row: Row[Any]) -> None:
    """Leave the import to whoever comes next."""
    table = tables.imports
    work = jobs.work_of(job)
    try:
        place = (table.c.tenant_id == job.tenant, table.c.id == row.id, table.c.finished_at.is_(None))
        work.execute(update(table).where(*place).values(lease_until=work.now, attempts=0))
        work.commit()
    finally:
        work.rollback()


def _finish(job: Reference, row: Row[Any], status: str, failure: str | None) -> None:
    table = tables.imports
    work = jobs.work_of(job, row.created_by)
    try:
        done = work.execute(
            update(table)
            .where(table.c.tenant_id == job.tenant, table.c.id == job.id, table.c.finished_at.is_(None))
            .values(status=status, failure=failure, finished_at=work.now, lease_until=None)
            .returning(table)
        ).one_or_none()
        if done is not None:
            told = {name: getattr(done, name) for name in ImportCompleted.__struct_fields__}
            work.emit(ImportCompleted(**told))
        work.commit()
    finally:
        work.rollback()
