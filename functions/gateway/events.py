"""What the gateway tells.

One operation's events share a stream, named by the operation's own id. Operations are sampled by a setting of
the stage (all of them locally); callers without a token belong to no tenant, hence to no tenant's events.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from common.events import event


@event("gateway.query.received", partitions=6, retention_days=7)
class QueryReceived(Struct, frozen=True):
    """An operation on the graph was received; ``document`` is its document's SHA-256."""

    id: UUID
    operation: str
    name: str
    document: str
    received_at: datetime
    version: int = 1


@event("gateway.query.completed", partitions=6, retention_days=7)
class QueryCompleted(Struct, frozen=True):
    """An operation on the graph was answered, with so many errors, after so many requests to subgraphs."""

    id: UUID
    operation: str
    name: str
    document: str
    duration_ms: float
    subgraph_requests: int
    errors: int
    version: int = 2


@event("gateway.error.occurred", entity="query")
class ErrorOccurred(Struct, frozen=True):
    """Errors of an operation on the graph: their codes, and the subgraphs they came from."""

    id: UUID
    name: str
    codes: list[str]
    services: list[str]
    version: int = 3


@event("gateway.rate.limited", key="scope")
class RateLimited(Struct, frozen=True):
    """A quota was used up. Told once until it gives again, however often it is asked meanwhile."""

    scope: str
    subject: str
    limit: int
    retry_after_seconds: int


@event("gateway.service.registered")
class ServiceRegistered(Struct, frozen=True):
    """A service of the platform was registered, or its entry changed."""

    id: str
    url: str


@event("gateway.service.removed")
class ServiceRemoved(Struct, frozen=True):
    """A service of the platform was taken out of the registry."""

    id: str


@event("gateway.document.trusted")
class DocumentTrusted(Struct, frozen=True):
    """A document was put on the safelist, or its entry renamed; ``id`` is its SHA-256."""

    id: str
    name: str


@event("gateway.document.distrusted")
class DocumentDistrusted(Struct, frozen=True):
    """A document was taken off the safelist."""

    id: str
