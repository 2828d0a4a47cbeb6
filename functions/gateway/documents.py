"""GraphQL documents known by their hash: those that clients registered by sending them once (Apollo's
automatic persisted queries), and those that the operator trusts, the safelist.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Lock
from typing import Annotated, Any

from msgspec import Meta, Struct
from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from common.errors import Invalid, NotFound
from common.listing.listed import Listing
from common.operation import operation
from common.paging import Page, Selection
from common.work import Work
from gateway.events import DocumentDistrusted, DocumentTrusted
from gateway.operators import require_operator
from gateway.options import options
from gateway.tables import documents
from gateway.transactions import transaction

TOUCHED_AFTER = timedelta(days=1)
"""How exact it is known when a document was used last."""
FORGOTTEN_AFTER = timedelta(days=30)
"""How long a registered document is kept unused."""
TRUST_SECONDS = 30.0
"""How long a container goes by what it last read of the safelist."""
REMEMBERED = 1000


@dataclass(frozen=True)
class _Known:
    document: str
    trusted: bool
    read_at: float


_known: OrderedDict[str, _Known] = OrderedDict()
_lock = Lock()


class Registry:
    """The documents, as one request looks them up: in the container first, then in the database."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def find(self, digest: str) -> str | None:
        """The document of that hash, if it is known."""
        known = _recall(digest) or self._read(digest)
        return known.document if known is not None else None

    def trusts(self, digest: str) -> bool:
        """Whether it is on the safelist."""
        known = _recall(digest)
        if known is None or time.monotonic() - known.read_at > TRUST_SECONDS:
            known = self._read(digest)
        return known is not None and known.trusted

    def remember(self, digest: str, document: str) -> None:
        """Register a document that turned out to be good; without a tenant nobody answers for it."""
        if self._work.principal.tenant is None or _recall(digest) is not None:
            return
        with transaction(self._work) as work:
            work.execute(insert(documents).values(id=digest, document=document).on_conflict_do_nothing())
        _keep(digest, _Known(document, trusted=False, read_at=0))

    def _read(self, digest: str) -> _Known | None:
        columns = (documents.c.document, documents.c.trusted, documents.c.used_at)
        with transaction(self._work) as work:
            row = work.execute(select(*columns).where(documents.c.id == digest)).one_or_none()
            if row is None:
                return None
            if work.now - row.used_at > TOUCHED_AFTER:
                work.execute(update(documents).where(documents.c.id == digest).values(used_at=func.now()))
        known = _Known(row.document, row.trusted, time.monotonic())
        _keep(digest, known)
        return known


def _recall(digest: str) -> _Known | None:
    with _lock:
        known = _known.get(digest)
        if known is not None:
            _known.move_to_end(digest)
        return known


def _keep(digest: str, known: _Known) -> None:
    with _lock:
        _known[digest] = known
        while len(_known) > REMEMBERED:
            _known.popitem(last=False)


def forget() -> None:
    """Empty the container's memory."""
    with _lock:
        _known.clear()


class NewDocument(Struct, frozen=True, forbid_unknown_fields=True):
    """A document to trust: what a build of a client extracts."""

    document: Annotated[str, Meta(min_length=1, max_length=100_000)]
    name: Annotated[str, Meta(max_length=200)] = ""


class TrustedDocument(Struct, frozen=True):
    """A document on the safelist; ``id`` is its SHA-256 in hexadecimal, by which clients may name it."""

    id: str
    name: str
    document: str
    created_at: datetime


@operation("POST /graphql/documents", permission="gateway.document.trust", status=201, emits=DocumentTrusted)
def trust(new: NewDocument, work: Work) -> TrustedDocument:
    """Put a document on the safelist. Trusting it again changes its name only."""
    from gateway.planner import RequestError
    from gateway.planner.limits import check_size, parse_within

    require_operator(work)
    try:
        check_size(parse_within(new.document, options().limits), options().limits)
    except RequestError as error:
        raise Invalid.at("/document", str(error)) from error
    digest = sha256(new.document.encode()).hexdigest()
    values = {"document": new.document, "name": new.name, "trusted": True}
    statement = insert(documents).values(id=digest, **values)
    statement = statement.on_conflict_do_update(index_elements=["id"], set_=values)
    row = work.execute(statement.returning(documents.c.created_at)).one()
    work.emit(DocumentTrusted(digest, new.name))
    return TrustedDocument(digest, new.name, new.document, row.created_at)


_LISTING = Listing("documents", TrustedDocument, by="id")


@operation("GET /graphql/documents", permission="gateway.document.read")
def list_(asked: Selection, work: Work) -> Page[TrustedDocument]:
    """List the trusted documents, the safelist."""
    columns = (documents.c.id, documents.c.name, documents.c.document, documents.c.created_at)
    statement = select(*columns).where(documents.c.trusted)
    return _LISTING.page(work, statement, asked, _told)


def _told(row: Any) -> TrustedDocument:
    return TrustedDocument(row.id, row.name, row.document, row.created_at)


@operation(
    "DELETE /graphql/documents/{id}",
    permission="gateway.document.trust",
    status=204,
    emits=DocumentDistrusted,
)
def distrust(id: str, work: Work) -> None:  # noqa: A002 - the path's name
    """Take a document off the safelist; within half a minute no container runs it any more."""
    require_operator(work)
    gone = work.execute(delete(documents).where(documents.c.id == id, documents.c.trusted))
    if gone.rowcount == 0:
        raise NotFound("No such document is on the safelist.")
    work.emit(DocumentDistrusted(id))


def _trusted(row: Row[Any]) -> TrustedDocument:
    return TrustedDocument(**row._asdict())
