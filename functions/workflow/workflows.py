"""Definitions: versioned, validated, published, drawn."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import distinct_on

from common.errors import BadRequest, NotFound
from common.identifiers import uuid7
from common.listing.listed import Listing
from common.operation import operation
from common.paging import Page, Selection
from common.request import Request, Response
from common.work import Work
from workflow import arming, documents
from workflow.compiled import compiled
from workflow.engine.definition_json import write_json
from workflow.engine.faults import Fault, errors
from workflow.engine.model import Process
from workflow.errors import DefinitionFaulty
from workflow.events import DefinitionCreated, DefinitionPublished
from workflow.tables import documents as document_rows
from workflow.tables import starts, workflows

SVG = "image/svg+xml"

Number = Annotated[int, Meta(ge=1, le=2_147_483_647)]


class DefinitionSummary(Struct, frozen=True, kw_only=True):
    """A version of a definition."""

    id: UUID
    key: str
    """Processes are started by it."""
    number: int
    """Counts the versions of the key."""
    name: str
    status: Literal["draft", "published"]
    created_at: datetime
    created_by: str
    published_at: datetime | None
    published_by: str | None
    version: int


class Definition(DefinitionSummary, frozen=True, kw_only=True):
    """A version of a definition with its content, in the project's own JSON form."""

    definition: dict[str, Any]


class Added(Struct, frozen=True):
    """The definitions of a document, each a new draft unless its content is that of its latest version, and
    what may not be meant as it stands.
    """

    items: list[DefinitionSummary]
    warnings: list[Fault]


class Validation(Struct, frozen=True):
    """Everything that is wrong with a document, each fault with its element; ``valid`` if it could run."""

    valid: bool
    keys: list[str]
    faults: list[Fault]


@operation(
    "POST /workflow/definitions",
    permission="workflow.definition.create",
    status=201,
    emits=DefinitionCreated,
    idempotent=True,
    body_limit=documents.MAX_BYTES,
    media_types=documents.MEDIA_TYPES,
    memory=1024,
)
def create(document: bytes, request: Request, work: Work) -> Added:
    """Add definitions, as drafts: JSON, or BPMN 2.0 XML with one process or several.

    A document that cannot run is refused, each fault named with its element.
    """
    found, faults = documents.read(document, request.media_type)
    if wrong := errors(faults):
        raise DefinitionFaulty(wrong)
    sent = _Document(work, document, request.media_type or documents.JSON)
    kept = [_add(work, process, sent) for process in found]
    return Added([summary(row) for row in kept], faults)


class _Document:
    """What was sent. As BPMN it is kept, to the byte, once it has a definition that is new."""

    def __init__(self, work: Work, content: bytes, media_type: str) -> None:
        self._work, self._content, self.media_type = work, content, media_type
        self._kept: UUID | None = None

    def kept(self) -> UUID | None:
        """The id of the row that keeps it; our own JSON is the definition itself."""
        if self._kept is None and documents.is_bpmn(self.media_type):
            self._kept = uuid7()
            row = {"tenant_id": self._work.tenant, "media_type": self.media_type, "content": self._content}
            self._work.execute(insert(document_rows).values(id=self._kept, **row))
        return self._kept


def _add(work: Work, process: Process, sent: _Document) -> Row[Any]:
    content = write_json(process).decode()
    fingerprint = hashlib.sha256(content.encode()).hexdigest()
    latest = _latest(work, process.key)
    if latest is not None and latest.fingerprint == fingerprint:
        return latest
    row = {
        "id": uuid7(),
        "tenant_id": work.tenant,
        "key": process.key,
        "number": latest.number + 1 if latest is not None else 1,
        "name": process.name or process.key,
        "definition": content,
        "fingerprint": fingerprint,
        "media_type": sent.media_type,
        "document_id": sent.kept(),
        "created_at": work.now,
        "created_by": work.principal.name,
    }
    made = work.execute(insert(workflows).values(row).returning(workflows)).one()
    work.emit(DefinitionCreated(id=made.id, key=made.key, number=made.number, name=made.name, version=1))
    return made


@operation(
    "POST /workflow/definitions/validate",
    permission="workflow.definition.read",
    body_limit=documents.MAX_BYTES,
    media_types=documents.MEDIA_TYPES,
    memory=1024,
)
def validate(document: bytes, request: Request) -> Validation:
    """Say everything that is wrong with a document, without keeping it."""
    if not document:
        raise BadRequest("Send the document as the body of the request.")
    found, faults = documents.read(document, request.media_type)
    return Validation(not errors(faults), [process.key for process in found], faults)


_LISTING = Listing("definitions", DefinitionSummary, by="key", key="key")


@operation("GET /workflow/definitions", permission="workflow.definition.read")
def list_(
    asked: Selection, work: Work, status: Literal["draft", "published"] | None = None, q: str | None = None
) -> Page[DefinitionSummary]:
    """List the definitions by key, each in its latest version, or its latest of a status.

    `q` is the start of a key.
    """
    table = workflows
    statement = select(table).where(table.c.tenant_id == work.tenant)
    if status is not None:
        statement = statement.where(table.c.status == status)
    if q:
        statement = statement.where(table.c.key.startswith(q, autoescape=True))
    latest = statement.ext(distinct_on(table.c.key)).order_by(table.c.key, table.c.number.desc()).subquery()
    return _LISTING.page(work, select(latest), asked, summary, of=(status, q))


@operation("GET /workflow/definitions/{key}", permission="workflow.definition.read")
def read(key: str, work: Work) -> Definition:
    """Read a definition: the latest published version, or the latest draft if none is."""
    return _told(found(work, key))


_VERSIONS = Listing("definition versions", DefinitionSummary, by="-number", key="number")


@operation("GET /workflow/definitions/{key}/versions", permission="workflow.definition.read")
def versions(key: str, asked: Selection, work: Work) -> Page[DefinitionSummary]:
    """List the versions of a definition, the latest first."""
    statement = select(workflows).where(workflows.c.tenant_id == work.tenant, workflows.c.key == key)
    found = _VERSIONS.page(work, statement, asked, summary, of=key)
    if not found.items and asked == Selection(asked.limit):
        raise NotFound(f"There is no definition {key!r}.")
    return found


@operation("GET /workflow/definitions/{key}/versions/{number}", permission="workflow.definition.read")
def read_version(key: str, number: Number, work: Work) -> Definition:
    """Read one version of a definition."""
    return _told(found(work, key, number))


@operation(
    "GET /workflow/definitions/{key}/document",
    permission="workflow.definition.read",
    produces=documents.BPMN,
)
def document(key: str, work: Work, number: Number | None = None) -> Response[bytes]:
    """Download the BPMN that a definition, or one version of it, was added with, to the byte."""
    row = found(work, key, number)
    if row.document_id is None:
        raise NotFound(
            f"Version {row.number} was not added as BPMN, or long ago; read its definition instead."
        )
    kept = work.execute(
        select(document_rows.c.content).where(
            document_rows.c.tenant_id == work.tenant, document_rows.c.id == row.document_id
        )
    ).scalar_one()
    headers = {"Content-Disposition": f'attachment; filename="definition-{row.number}.bpmn"'}
    return Response(kept, media_type=documents.BPMN, headers=headers)


@operation(
    "POST /workflow/definitions/{key}/publish",
    permission="workflow.definition.publish",
    emits=DefinitionPublished,
)
def publish(key: str, work: Work, number: Number | None = None) -> DefinitionSummary:
    """Publish the latest version, or the one of that `number`: processes start with it from now on.

    Running processes keep their version. The messages, signals and timers that start processes are those of
    the latest published version; a start event with a condition starts none by itself. A timer's times that
    lie before its publication are not made up for.
    """
    row = found(work, key, number) if number else _latest(work, key)
    if row is None:
        raise NotFound(f"There is no definition {key!r}.")
    if row.status == "published":
        return summary(row)
    changed = work.execute(
        update(workflows)
        .where(workflows.c.tenant_id == work.tenant, workflows.c.id == row.id, workflows.c.status == "draft")
        .values(
            status="published",
            published_at=work.now,
            published_by=work.principal.name,
            version=workflows.c.version + 1,
        )
        .returning(workflows)
    ).one_or_none()
    if changed is None:
        return summary(found(work, key, row.number))
    _arm(work, changed)
    work.emit(
        DefinitionPublished(
            id=changed.id,
            key=changed.key,
            number=changed.number,
            name=changed.name,
            version=changed.version,
        )
    )
    return summary(changed)


def _arm(work: Work, row: Row[Any]) -> None:
    """Let the version's start events start processes, in place of an earlier version's."""
    later = select(func.count()).where(
        workflows.c.tenant_id == work.tenant,
        workflows.c.key == row.key,
        workflows.c.status == "published",
        workflows.c.number > row.number,
    )
    if work.execute(later).scalar_one():
        return
    work.execute(delete(starts).where(starts.c.tenant_id == work.tenant, starts.c.key == row.key))
    found_starts = arming.starts_of(work, compiled(row.definition))
    if found_starts:
        same = {"tenant_id": work.tenant, "workflow_id": row.id, "key": row.key}
        work.execute(insert(starts), [one | same for one in found_starts])


@operation("GET /workflow/definitions/{key}/diagram", permission="workflow.definition.read", produces=SVG)
def diagram(key: str, work: Work, number: Number | None = None) -> Response[str]:
    """Draw a definition, or one version of it, as SVG."""
    from workflow.engine.diagram import draw

    row = found(work, key, number)
    return Response(draw(compiled(row.definition).process), media_type=SVG)


def found(work: Work, key: str, number: int | None = None) -> Row[Any]:
    """A version of a definition: of that number, or else the latest published, or else the latest."""
    statement = select(workflows).where(workflows.c.tenant_id == work.tenant, workflows.c.key == key)
    if number is not None:
        statement = statement.where(workflows.c.number == number)
    statement = statement.order_by((workflows.c.status == "draft").asc(), workflows.c.number.desc()).limit(1)
    row = work.execute(statement).one_or_none()
    if row is None:
        which = f"version {number} of the definition" if number else "definition"
        raise NotFound(f"There is no {which} {key!r}.")
    return row


def _latest(work: Work, key: str) -> Row[Any] | None:
    statement = (
        select(workflows)
        .where(workflows.c.tenant_id == work.tenant, workflows.c.key == key)
        .order_by(workflows.c.number.desc())
        .limit(1)
    )
    return work.execute(statement).one_or_none()


def summary(row: Any) -> DefinitionSummary:
    """A row, as it is told in lists."""
    return DefinitionSummary(**_fields(row))


def _told(row: Row[Any]) -> Definition:
    return Definition(**_fields(row), definition=msgspec.json.decode(row.definition))


def _fields(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in DefinitionSummary.__struct_fields__}
