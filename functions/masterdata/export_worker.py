"""The work of an export: page after page of records written to a file in the bucket."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, ScalarSelect, func, select, update

from common.background import Deadline
from common.listing.conditions import condition
from common.work import Work
from masterdata import jobs, storage, tables
from masterdata.entities import RECORDS
from masterdata.files import columns
from masterdata.jobs import MEDIA_TYPES, LostLeaseError, Reference
from masterdata.records import told_rows

REQUESTS = "masterdata/exports/requests/"
RESULTS = "masterdata/exports/results/"
PAGE = 1000
"""Records read at once."""
MAX_COLUMNS = 2000
"""Columns of a CSV file; spreadsheets take no more than a few thousand."""

_encode = msgspec.json.encode


def request_key(tenant: UUID, identifier: UUID) -> str:
    """The object whose making starts the worker."""
    return f"{REQUESTS}{tenant}/{identifier}"


def result_key(tenant: UUID, identifier: UUID) -> str:
    """Where the file of an export is."""
    return f"{RESULTS}{tenant}/{identifier}"


def run(job: Reference, deadline: Deadline) -> None:
    """Write an export's file, from the beginning: what an interrupted worker wrote of it never counts."""
    row = _take(job)
    if row is None:
        return
    if row.attempts > jobs.ATTEMPTS:
        _finish(
            job, status="failed", failure="The export did not end, again and again; narrow it by a filter."
        )
        return
    try:
        exporter = _Exporter(job, row, deadline)
        rows, size = exporter.write()
    except TooManyColumnsError:
        detail = f"The attributes make more than {MAX_COLUMNS} columns; export NDJSON instead."
        _finish(job, status="failed", failure=detail)
    except LostLeaseError:
        return
    else:
        _finish(job, status="completed", rows=rows, size=size)


class TooManyColumnsError(Exception):
    """No spreadsheet would open it."""


def _take(job: Reference) -> Row[Any] | None:
    """Claim the export. Its request may be heard of before its row is committed: then wait for it shortly."""
    table = tables.exports
    for pause in (0.1, 0.4, 1.5, 0.0):
        work = jobs.work_of(job)
        try:
            row = jobs.claim(work, table, job)
            if row is not None:
                started = {"status": "running", "started_at": func.coalesce(table.c.started_at, work.now)}
                work.execute(_here(job).values(**started))
                work.commit()
                return row
            if jobs.find(work, table, job.id) is not None:
                return None
        finally:
            work.rollback()
        time.sleep(pause)
    return None


def _here(job: Reference) -> Any:
    table = tables.exports
    return update(table).where(
        table.c.tenant_id == job.tenant, table.c.id == job.id, table.c.finished_at.is_(None)
    )


def _finish(job: Reference, **changes: Any) -> None:
    work = jobs.work_of(job)
    try:
        work.execute(_here(job).values(**changes, finished_at=work.now, lease_until=None))
        work.commit()
    finally:
        work.rollback()


class _Exporter:
    def __init__(self, job: Reference, row: Row[Any], deadline: Deadline) -> None:
        self._job = job
        self._row = row
        self._deadline = deadline
        self._records = RECORDS[row.entity]
        self._entity = self._records.entity

    def write(self) -> tuple[int, int]:
        """Write the file; its records and its bytes."""
        key = result_key(self._job.tenant, self._job.id)
        rows = 0
        with storage.Upload(key, MEDIA_TYPES[self._row.format]) as file:
            encoded = self._ndjson() if self._row.format == "ndjson" else self._csv()
            for count, text in encoded:
                file.write(text)
                rows += count
        return rows, file.size

    def _ndjson(self) -> Iterator[tuple[int, bytes]]:
        for records in self._pages():
            yield len(records), b"".join(_encode(record) + b"\n" for record in records)

    def _csv(self) -> Iterator[tuple[int, bytes]]:
        """Twice through the records: which columns there are is known only from all of them."""
        header: dict[str, None] = {}
        for records in self._pages():
            for record in records:
                header.update(dict.fromkeys(self._cells(record)))
            if len(header) > MAX_COLUMNS:
                raise TooManyColumnsError
        # A byte order mark, by which spreadsheets tell UTF-8.
        names = [*header] or [name for name in self._entity.told if name not in self._entity.lists]
        yield 0, b"\xef\xbb\xbf" + _lines([dict(zip(names, names, strict=True))], names)
        for records in self._pages():
            yield len(records), _lines([self._cells(record) for record in records], names)

    def _cells(self, record: dict[str, Any]) -> dict[str, str]:
        return columns.cells_of(record, self._entity.lists)

    def _pages(self) -> Iterator[list[dict[str, Any]]]:
        after: UUID | None = None
        while True:
            work = jobs.work_of(self._job)
            try:
                self._keep(work)
                records = self._page(work, after)
                work.commit()
            finally:
                work.rollback()
            if records:
                yield records
            if len(records) < PAGE:
                return
            after = UUID(records[-1]["id"])

    def _keep(self, work: Work) -> None:
        """Stay the job's worker; leave it where there is no time left to end it."""
        if self._deadline.remaining < jobs.RESERVE:
            raise LostLeaseError
        if work.execute(_here(self._job).values(lease_until=work.now + jobs.LEASE)).rowcount != 1:
            raise LostLeaseError

    def _page(self, work: Work, after: UUID | None) -> list[dict[str, Any]]:
        table = self._entity.table
        codes = [code.label(f"code_{n}") for n, code in enumerate(self._codes())]
        statement = select(*self._records.columns, *codes).where(table.c.tenant_id == self._job.tenant)
        if not self._row.archived:
            statement = statement.where(table.c.archived_at.is_(None))
        if self._row.filter:
            known = {**self._entity.searchable, "attributes": table.c.attributes}
            statement = statement.where(condition(self._row.filter, known))
        if after is not None:
            statement = statement.where(table.c.id > after)
        rows = statement.order_by(table.c.id).limit(PAGE).subquery("r")
        told = told_rows(rows, *(rows.c[code.name] for code in codes)).order_by(rows.c.id)
        return [self._told(*row) for row in work.execute(told)]

    def _codes(self) -> list[ScalarSelect[str]]:
        """The codes of the records that each record refers to, which mean something elsewhere too."""
        table, other = self._entity.table, self._entity.table.alias("other")
        return [
            select(other.c.code)
            .where(other.c.tenant_id == table.c.tenant_id, other.c.id == table.c[target])
            .scalar_subquery()
            for target in self._entity.references.values()
        ]

    def _told(self, body: str, *codes: str | None) -> dict[str, Any]:
        record: dict[str, Any] = msgspec.to_builtins(self._records.told(body))
        for (name, target), code in zip(self._entity.references.items(), codes, strict=True):
            del record[target]
            record[name] = code
        return record


def _lines(cells: list[dict[str, str]], names: list[str]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([row.get(name, "") for name in names] for row in cells)
    return out.getvalue().encode()
