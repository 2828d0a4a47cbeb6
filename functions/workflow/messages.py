"""Messages and signals from outside."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct

from common.identifiers import uuid7
from common.operation import operation
from common.work import Work
from workflow.events import ADVANCING, MessageReceived
from workflow.moving import Mover


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    """A message is for one receiver, by ``name`` and correlation ``key``; a signal for all, by ``name``."""

    name: Annotated[str, Meta(min_length=1, max_length=255)]
    key: Annotated[str, Meta(max_length=255)] = ""
    variables: dict[str, Any] = {}
    kind: Literal["message", "signal"] = "message"


class Delivery(Struct, frozen=True):
    """What became of a message.

    It was ``correlated`` to a process that waited for it, or ``started`` one, or is ``buffered`` until one
    waits for it (seven days); a signal was ``broadcast``, to ``receivers`` processes.
    """

    id: UUID
    outcome: Literal["correlated", "started", "buffered", "broadcast"]
    process_id: UUID | None = None
    receivers: int = 0


@operation(
    "POST /workflow/messages",
    permission="workflow.message.send",
    emits=(MessageReceived, *ADVANCING),
    idempotent=True,
)
def send(message: Message, work: Work) -> Delivery:
    """Send a message to the process that waits for it, or a signal to all that do."""
    mover = Mover(work)
    if message.kind == "signal":
        told = mover.broadcast(message.name, message.variables)
        delivery = Delivery(uuid7(), "broadcast", receivers=told)
    else:
        outcome, process = mover.correlate(message.name, message.key, message.variables)
        delivery = Delivery(uuid7(), outcome, process, int(process is not None))
    mover.finish()
    work.emit(
        MessageReceived(
            id=delivery.id,
            kind=message.kind,
            name=message.name,
            key=message.key,
            outcome=delivery.outcome,
        )
    )
    return delivery
