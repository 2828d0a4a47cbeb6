"""Exports: a worker writes records to a file, which is got by a link."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from msgspec import Struct
from sqlalchemy import Row

from common.background import Deadline
from common.errors import NotFound
from common.identifiers import uuid7
from common.listing.conditions import condition
from common.operation import Uses, on_upload, operation
from common.work import Work
from masterdata import export_worker, jobs, storage, tables
from masterdata.entities import RECORDS, Many
from masterdata.jobs import Format
from masterdata.operations import Filter

LINK_SECONDS = 900


class NewExport(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What will be exported: all records, or those that a filter names."""

    entity: Many
    format: Format = "csv"
    filter: Filter = ""
    archived: bool = False


class DownloadLink(Struct, frozen=True, kw_only=True):
    """Where the file is got, for a while; each reading of the export gives a new link."""

    url: str
    expires_at: datetime


class Export(Struct, frozen=True, kw_only=True):
    """An export, and its file once it is there."""

    id: UUID
    entity: Many
    format: Format
    filter: str
    archived: bool
    status: Literal["queued", "running", "completed", "failed"]
    rows: int
    size: int | None
    """Bytes."""
    failure: str | None
    created_at: datetime
    created_by: str
    started_at: datetime | None
    finished_at: datetime | None
    download: DownloadLink | None


@operation(
    "POST /masterdata/exports",
    permission="masterdata.export.create",
    status=202,
    idempotent=True,
    uses={Uses.FILES},
)
def create(new: NewExport, work: Work) -> Export:
    """Start an export. Read it until it is completed: then it has a link to its file.

    A CSV file has the columns that an import reads; each record is as it was when its turn came. Needs the
    permission to read the entity.
    """
    entity = RECORDS[new.entity].entity
    jobs.demand(work, entity, "read")
    if new.filter:
        condition(new.filter, {**entity.searchable, "attributes": entity.table.c.attributes})
    made = work.execute(
        tables.exports.insert().returning(tables.exports),
        {
            "id": uuid7(),
            "tenant_id": work.tenant,
            "entity": new.entity,
            "format": new.format,
            "filter": new.filter,
            "archived": new.archived,
            "status": "queued",
            "created_at": work.now,
            "created_by": work.principal.name,
        },
    ).one()
    # The request's own object starts the worker, as an import's file does.
    storage.put(export_worker.request_key(work.tenant, made.id), b"", "application/octet-stream")
    return _told(made, None)


@operation("GET /masterdata/exports/{id}", permission="masterdata.export.read", uses={Uses.FILES})
def read(id: UUID, work: Work) -> Export:  # noqa: A002 - the path's name
    """Read an export, with a link to its file if that is there."""
    row = jobs.find(work, tables.exports, id)
    if row is None:
        raise NotFound(f"There is no export {id}.")
    link = None
    if row.status == "completed":
        name = f"{row.entity}-{row.created_at:%Y-%m-%d}.{row.format}"
        url = storage.get_link(export_worker.result_key(work.tenant, id), name, LINK_SECONDS)
        link = DownloadLink(url=url, expires_at=work.now + timedelta(seconds=LINK_SECONDS))
    return _told(row, link)


@on_upload(
    export_worker.REQUESTS, uses={Uses.FILES}, timeout=900, memory=1024, concurrency=10, database=False
)
def work_off(event: dict[str, Any], deadline: Deadline) -> None:
    """Write the files of the exports that were asked for."""
    for job in jobs.uploaded(event):
        export_worker.run(job, deadline)


def _told(row: Row[Any], link: DownloadLink | None) -> Export:
    told = {name: getattr(row, name) for name in Export.__struct_fields__ if name != "download"}
    return Export(**told, download=link)
