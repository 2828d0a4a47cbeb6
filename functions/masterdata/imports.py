"""Imports: a file is put to a link, and a worker makes its rows records."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import Row, select

from common.background import Deadline
from common.errors import NotFound
from common.identifiers import uuid7
from common.listing.listed import Listing
from common.operation import Uses, on_upload, operation
from common.paging import Page, Selection
from common.work import Work
from masterdata import import_worker, jobs, storage, tables
from masterdata.entities import RECORDS, Many
from masterdata.jobs import MEDIA_TYPES, Format

LINK_SECONDS = 3600


class NewImport(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What will be imported. A dry run tells what would become of each row, and changes nothing."""

    entity: Many
    format: Format = "csv"
    dry_run: bool = False


class Import(Struct, frozen=True, kw_only=True):
    """An import, with how far it has come."""

    id: UUID
    entity: Many
    format: Format
    dry_run: bool
    status: Literal["awaiting_upload", "running", "completed", "failed", "expired"]
    progress: Annotated[float, Meta(ge=0, le=1)]
    """The part of the file that was read."""
    rows: int
    """Rows read so far, empty ones left out."""
    created: int
    updated: int
    unchanged: int
    failed: int
    """Rows that broke a rule; each has its error."""
    failure: str | None
    """Why the file as a whole could not be imported."""
    created_at: datetime
    created_by: str
    started_at: datetime | None
    finished_at: datetime | None


class UploadLink(Struct, frozen=True, kw_only=True):
    """How to hand the file over: one request, with the file as its body."""

    method: Literal["PUT"]
    url: str
    headers: dict[str, str]
    expires_at: datetime


class StartedImport(Import, frozen=True, kw_only=True):
    """A new import, with where its file goes."""

    upload: UploadLink


class PlacedError(Struct, frozen=True):
    """A place in a row that breaks a rule."""

    pointer: str
    """JSON pointer into the record."""
    detail: str


class RowError(Struct, frozen=True):
    """What is wrong with one row."""

    row: int
    """As a spreadsheet counts: the header of a CSV file is row 1."""
    code: str
    detail: str
    errors: list[PlacedError]


@operation(
    "POST /masterdata/imports",
    permission="masterdata.import.create",
    status=201,
    idempotent=True,
    uses={Uses.FILES},
)
def create(new: NewImport, work: Work) -> StartedImport:
    """Start an import. Put the file to the link given, with the headers given; the work begins by itself.

    A CSV file has a header row that names fields: `code`, `name`, `credit_limit`, `addresses.0.city`,
    `contacts.0.email`, `attributes.tier`. Each line of an NDJSON file is a record. Rows create records or
    change those with their `code`; fields that a file does not name stay, empty ones are reset. Needs the
    permissions to create and to update the entity.
    """
    jobs.demand(work, RECORDS[new.entity].entity, "create", "update")
    made = work.execute(
        tables.imports.insert().returning(tables.imports),
        {
            "id": uuid7(),
            "tenant_id": work.tenant,
            "entity": new.entity,
            "format": new.format,
            "dry_run": new.dry_run,
            "status": "awaiting_upload",
            "created_at": work.now,
            "created_by": work.principal.name,
        },
    ).one()
    media_type = MEDIA_TYPES[new.format]
    url = storage.put_link(import_worker.key_of(work.tenant, made.id), media_type, LINK_SECONDS)
    link = UploadLink(
        method="PUT",
        url=url,
        headers={"Content-Type": media_type},
        expires_at=work.now + timedelta(seconds=LINK_SECONDS),
    )
    return StartedImport(**_told(made), upload=link)


_LISTING = Listing("imports", Import, by="-id")


@operation("GET /masterdata/imports", permission="masterdata.import.read")
def list_(asked: Selection, work: Work) -> Page[Import]:
    """List the imports, the last one first."""
    table = tables.imports
    statement = select(table).where(table.c.tenant_id == work.tenant)
    return _LISTING.page(work, statement, asked, lambda row: Import(**_told(row)))


@operation("GET /masterdata/imports/{id}", permission="masterdata.import.read")
def read(id: UUID, work: Work) -> Import:  # noqa: A002 - the path's name
    """Read how far an import has come, and what became of its rows."""
    return Import(**_told(_found(work, id)))


_ERRORS = Listing("import errors", RowError, by="row", key="row")


@operation("GET /masterdata/imports/{id}/errors", permission="masterdata.import.read")
def errors(id: UUID, asked: Selection, work: Work) -> Page[RowError]:  # noqa: A002
    """List what is wrong with the rows that were not imported, by row."""
    _found(work, id)
    table = tables.import_errors
    statement = select(table).where(table.c.tenant_id == work.tenant, table.c.import_id == id)
    return _ERRORS.page(work, statement, asked, _row_error, of=id)


@on_upload(
    import_worker.PREFIX,
    uses={Uses.FILES},
    emits=import_worker.EMITS,
    timeout=900,
    memory=1024,
    concurrency=10,
    database=False,
)
def work_off(event: dict[str, Any], deadline: Deadline) -> None:
    """Import the files that were put: in batches, each with the place it reached in one transaction."""
    for job in jobs.uploaded(event):
        import_worker.run(job, deadline)


def _found(work: Work, identifier: UUID) -> Row[Any]:
    row = jobs.find(work, tables.imports, identifier)
    if row is None:
        raise NotFound(f"There is no import {identifier}.")
    return row


def _told(row: Row[Any]) -> dict[str, Any]:
    told = {name: getattr(row, name) for name in Import.__struct_fields__ if name != "progress"}
    done = row.status == "completed"
    return told | {"progress": 1.0 if done else round(row.position / row.size, 4) if row.size else 0.0}


def _row_error(row: Any) -> RowError:
    places = [PlacedError(place["pointer"], place["detail"]) for place in row.errors]
    return RowError(row.row, row.code, row.detail, places)
