"""Domain events: declared once as a struct, stored, published and documented from that declaration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec

E = TypeVar("E", bound=type[Any])

MAX_SIZE = 900_000
"""Bytes of one event's data; a broker's default limit is 1 MiB with headers."""


@dataclass(frozen=True)
class EventType:
    """What is declared of an event: its topic (also its CloudEvents type), and what names its stream."""

    topic: str
    struct: type[Any]
    entity: str
    key: str
    partitions: int
    retention_days: int
    versioned: bool
    """Whether the event carries its stream's version; otherwise the event store counts."""

    @property
    def service(self) -> str:
        return self.topic.split(".", 1)[0]

    @property
    def description(self) -> str:
        return " ".join((self.struct.__doc__ or "").split())

    def stream(self, data: Any) -> str:
        """The stream of one event, ``customer:<id>``: its order is kept, from the event store to Kafka."""
        return f"{self.entity}:{getattr(data, self.key)}"


declared: dict[str, EventType] = {}
_by_struct: dict[type[Any], EventType] = {}


def event(
    topic: str,
    *,
    entity: str = "",
    key: str = "id",
    partitions: int = 3,
    retention_days: int = 30,
    versioned: bool | None = None,
) -> Callable[[E], E]:
    """Declare a struct as an event published on ``topic`` (``service.entity.happened``).

    ``entity`` and the field ``key`` name its stream; the topic's second segment is the default entity. A
    field ``version`` is the stream's version, unless ``versioned`` says that it is something else's.
    """
    if len(topic.split(".")) != 3:
        raise ValueError(f"{topic!r} is no topic; say service.entity.happened")

    def declare(struct: E) -> E:
        counts = "version" in struct.__struct_fields__ if versioned is None else versioned
        made = EventType(
            topic, struct, entity or topic.split(".")[1], key, partitions, retention_days, counts
        )
        declared[topic] = made
        _by_struct[struct] = made
        return struct

    return declare


def type_of(data: Any) -> EventType:
    """The declaration of an event."""
    return _by_struct[type(data)]


def type_of_struct(struct: type[Any]) -> EventType:
    """The declaration of the events that are of this struct."""
    return _by_struct[struct]


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A CloudEvents 1.0 envelope (binary mode: attributes are headers, ``data`` is the message value)."""

    id: UUID
    type: str
    source: str
    subject: str
    time: datetime
    tenant: UUID | None
    version: int
    actor: str
    correlation: str
    data: msgspec.Raw
    traceparent: str = ""

    def headers(self) -> dict[str, str]:
        """Kafka headers of the CloudEvents binary-mode binding (``ce_`` prefix)."""
        headers = {
            "content-type": "application/json",
            "ce_specversion": "1.0",
            "ce_id": str(self.id),
            "ce_type": self.type,
            "ce_source": self.source,
            "ce_subject": self.subject,
            "ce_time": self.time.isoformat().replace("+00:00", "Z"),
            "ce_streamversion": str(self.version),
            "ce_actor": self.actor,
            "ce_correlationid": self.correlation,
        }
        if self.tenant is not None:
            headers["ce_tenantid"] = str(self.tenant)
        if self.traceparent:
            headers["ce_traceparent"] = self.traceparent
        return headers

    @classmethod
    def of_record(cls, headers: dict[str, str], value: bytes) -> Envelope:
        """From a Kafka record; a missing mandatory attribute is a :class:`KeyError`."""
        tenant = headers.get("ce_tenantid")
        return cls(
            id=UUID(headers["ce_id"]),
            type=headers["ce_type"],
            source=headers["ce_source"],
            subject=headers.get("ce_subject", ""),
            time=datetime.fromisoformat(headers["ce_time"]),
            tenant=UUID(tenant) if tenant else None,
            version=int(headers.get("ce_streamversion", "0")),
            actor=headers.get("ce_actor", "system"),
            correlation=headers.get("ce_correlationid", ""),
            data=msgspec.Raw(value),
            traceparent=headers.get("ce_traceparent", ""),
        )
