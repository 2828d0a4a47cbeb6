"""Processes: started, seen, cancelled, suspended, resumed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import Select, select

from common.errors import NotFound
from common.etag import etag
from common.listing.listed import Listing
from common.operation import operation
from common.paging import Page, Paging, Selection, keyset, page
from common.request import Response
from common.work import Work
from workflow.compiled import definition_of
from workflow.engine import effects as out
from workflow.engine import triggers as on
from workflow.engine.state import State
from workflow.events import ADVANCING, ProcessResumed, ProcessSuspended
from workflow.moving import Beginning, Mover, published
from workflow.tables import processes, transitions
from workflow.workflows import SVG, found

Status = Literal["active", "suspended", "ended"]
Key = Annotated[str, Meta(min_length=1, max_length=255)]
HISTORY = 100_000
"""Transitions that a diagram shows at most."""

_decode = msgspec.json.Decoder(State).decode


class NewProcess(Struct, frozen=True, forbid_unknown_fields=True):
    """What to start: the latest published version of a definition, or the published one of that ``version``.

    With a ``business_key`` only one process of the definition runs at a time. ``node`` names the start event,
    where there are several.
    """

    definition: Key
    variables: dict[str, Any] = {}
    business_key: Annotated[str, Meta(max_length=255)] = ""
    version: Annotated[int, Meta(ge=1, le=2_147_483_647)] | None = None
    node: str = ""


class ProcessSummary(Struct, frozen=True, kw_only=True):
    """A process."""

    id: UUID
    key: str
    """Of its definition."""
    number: int
    """The version of its definition."""
    business_key: str
    customer_id: UUID | None
    """The customer that it is about: its variable ``customer_id``, or its business key."""
    status: Status
    outcome: str
    """How it ended: completed, terminated, error or cancelled."""
    error: str
    incidents: int
    """Open ones."""
    parent_id: UUID | None
    """The process that called it."""
    started_at: datetime
    started_by: str
    updated_at: datetime
    ended_at: datetime | None
    version: int


class Token(Struct, frozen=True):
    """Where a process stands, and what it waits for there: task, job, event, rules, call, incident, scope."""

    node: str
    waits: str


class Process(ProcessSummary, frozen=True, kw_only=True):
    """A process with its variables and its tokens."""

    variables: dict[str, Any]
    tokens: list[Token]


class Wanted(Struct, frozen=True, kw_only=True):
    """Which processes are wanted; with ``incidents`` only those that have open ones, or none."""

    key: str | None = None
    status: Status | None = None
    business_key: str | None = None
    customer_id: UUID | None = None
    incidents: bool | None = None


class Transition(Struct, frozen=True, kw_only=True):
    """An entry of a process's history: a token entered, completed, passed, arrived at or was cancelled."""

    sequence: int
    kind: str
    node: str
    token: str
    scope: str
    flow: str
    counter: int
    at: datetime
    actor: str


@operation(
    "POST /workflow/processes",
    permission="workflow.process.start",
    status=201,
    emits=ADVANCING,
    idempotent=True,
    memory=1024,
    answers=(200, 404),
)
def start(new: NewProcess, work: Work) -> Response[Process]:
    """Start a process. If one with the business key is running already, that one is the answer (200)."""
    version = published(work, new.definition, new.version or 0)
    if version is None:
        found(work, new.definition, new.version)
        raise NotFound(f"The definition {new.definition!r} is a draft; publish it first.")
    beginning = Beginning(new.variables, new.business_key, new.node)
    moved = Mover(work).start(version, beginning)
    process = told(_row(work, moved.id))
    headers = {"Location": f"/workflow/processes/{moved.id}", "ETag": etag(process.version)}
    return Response(process, status=201 if moved.created else 200, headers=headers)


_LISTING = Listing("processes", ProcessSummary, by="-id")


@operation("GET /workflow/processes", permission="workflow.process.read")
def list_(wanted: Wanted, asked: Selection, work: Work) -> Page[ProcessSummary]:
    """List processes, the last started first."""
    table = processes
    statement = select(table).where(table.c.tenant_id == work.tenant)
    for name in ("key", "status", "business_key", "customer_id"):
        if (value := getattr(wanted, name)) is not None:
            statement = statement.where(table.c[name] == value)
    if wanted.incidents is not None:
        statement = statement.where(table.c.incidents > 0 if wanted.incidents else table.c.incidents == 0)
    return _LISTING.page(work, statement, asked, summary, of=wanted)


@operation("GET /workflow/processes/{id}", permission="workflow.process.read")
def read(id: UUID, work: Work) -> Process:  # noqa: A002 - the path's name
    """Read a process: its variables, and where its tokens are."""
    return told(_row(work, id))


@operation("GET /workflow/processes/{id}/history", permission="workflow.process.read")
def history(id: UUID, paging: Paging, work: Work) -> Page[Transition]:  # noqa: A002
    """List what has happened in a process, in order."""
    _row(work, id)
    scope = f"history of {id}"
    order = [(transitions.c.sequence, False)]
    asked = keyset(_history(work, id), order, paging.after(scope, [int]), paging.limit)
    rows: list[Any] = list(work.execute(asked).all())
    return page(rows, paging.limit, scope, lambda row: [row.sequence], _transition)


@operation("GET /workflow/processes/{id}/diagram", permission="workflow.process.read", produces=SVG)
def diagram(id: UUID, work: Work) -> Response[str]:  # noqa: A002
    """Draw a process as SVG: its definition with its tokens, incidents and history."""
    from workflow.engine.diagram import draw, overlay_of

    row = _row(work, id)
    asked = _history(work, id).order_by(transitions.c.sequence.desc()).limit(HISTORY)
    passed = [
        out.Transition(each.kind, each.node, each.token, each.scope, each.flow, each.counter)
        for each in work.execute(asked)
    ]
    definition = definition_of(work, row.workflow_id)
    return Response(draw(definition.process, overlay_of(_decode(row.state), passed)), media_type=SVG)


@operation("POST /workflow/processes/{id}/cancel", permission="workflow.process.cancel", emits=ADVANCING)
def cancel(id: UUID, work: Work, reason: str = "") -> Process:  # noqa: A002
    """Call a process off, with all that is under way in it."""
    Mover(work).send(id, on.Cancelled(at=work.now, reason=reason), reason=reason)
    return told(_row(work, id))


@operation(
    "POST /workflow/processes/{id}/suspend", permission="workflow.process.suspend", emits=ProcessSuspended
)
def suspend(id: UUID, work: Work) -> Process:  # noqa: A002
    """Let a process stand still: its tasks cannot be completed, and what happens meanwhile is kept for it."""
    Mover(work).send(id, on.Suspended(at=work.now))
    return told(_row(work, id))


@operation(
    "POST /workflow/processes/{id}/resume",
    permission="workflow.process.suspend",
    emits=(ProcessResumed, *ADVANCING),
)
def resume(id: UUID, work: Work) -> Process:  # noqa: A002
    """Let a suspended process go on, with what has happened meanwhile."""
    Mover(work).send(id, on.Resumed(at=work.now))
    return told(_row(work, id))


def _history(work: Work, process: UUID) -> Select[Any]:
    return select(transitions).where(
        transitions.c.tenant_id == work.tenant, transitions.c.process_id == process
    )


def _row(work: Work, identifier: UUID) -> Any:
    statement = select(processes).where(processes.c.tenant_id == work.tenant, processes.c.id == identifier)
    row = work.execute(statement).one_or_none()
    if row is None:
        raise NotFound(f"There is no process {identifier}.")
    return row


def told(row: Any) -> Process:
    """A row, as it is told by itself."""
    state = _decode(row.state)
    tokens = [Token(token.node, token.waits) for token in state.tokens.values()]
    return Process(**_fields(row), variables=state.variables, tokens=tokens)


def summary(row: Any) -> ProcessSummary:
    """A row, as it is told in lists."""
    return ProcessSummary(**_fields(row))


def _fields(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ProcessSummary.__struct_fields__}


def _transition(row: Any) -> Transition:
    return Transition(**{name: getattr(row, name) for name in Transition.__struct_fields__})
