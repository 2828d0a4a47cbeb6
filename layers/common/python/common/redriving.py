"""Dead letters on their way back: handed to their functions again, and out of the queue once they succeed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from common import dead_letters, logs
from common.background import Deadline
from common.dead_letters import OWNERS, Batch, Letter
from common.operation import PLATFORM, Uses, on_command
from common.settings import called, settings

HIDDEN = 900
"""Seconds that a letter is hidden from others while it is redriven: as long as any function may run."""
GLANCE = 30
"""Seconds that it is hidden at most while it is only looked at."""
MARGIN = 20.0
"""Seconds before the deadline at which no further letter is taken."""

Verdict = Literal["redriven", "failed", "unreadable", "waiting"]


class Redrive(msgspec.Struct, frozen=True):
    """Of which owners' queues, at most how many letters; ``look`` leaves them all where they are."""

    owners: list[str] = msgspec.field(default_factory=lambda: list(OWNERS))
    limit: int = 100
    look: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """What became of one letter; ``detail`` says why it failed, now or at first."""

    queue: str
    function: str
    verdict: Verdict
    detail: str


class GoneError(Exception):
    """Kafka no longer has the records of a letter."""


@on_command(
    "redrive",
    service=PLATFORM,
    uses={Uses.DEAD_LETTERS, Uses.INVOKE, Uses.KAFKA},
    timeout=900,
    memory=256,
    database=False,
)
def redrive(event: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    """Hand dead letters to their functions again; those that succeed leave the queue.

    Asked as :class:`Redrive` says, answers ``{"ok", "letters"}`` with an :class:`Outcome` for each letter.
    Consumers and the collector recognise what they dealt with before.
    """
    asked = msgspec.convert(event, Redrive)
    outcomes: list[Outcome] = []
    for owner in asked.owners:
        kept = []
        for message in _messages(owner, asked.limit - len(outcomes), deadline, look=asked.look):
            outcome = _look(owner, message) if asked.look else _deal_with(owner, message)
            outcomes.append(outcome)
            if outcome.verdict == "redriven":
                _queue_call("delete_message", owner, message)
            else:
                kept.append(message)
        for message in kept:
            _queue_call("change_message_visibility", owner, message, VisibilityTimeout=0)
    ok = not any(outcome.verdict in ("failed", "unreadable") for outcome in outcomes)
    return {"ok": ok, "letters": msgspec.to_builtins(outcomes)}


def _messages(owner: str, limit: int, deadline: Deadline, *, look: bool) -> Iterator[dict[str, Any]]:
    """Letters, each once, until there are no more, or no more time."""
    seen: set[str] = set()
    while len(seen) < limit and deadline.remaining > MARGIN:
        answer = dead_letters.sqs().receive_message(
            QueueUrl=dead_letters.url(owner),
            MaxNumberOfMessages=min(10, limit - len(seen)),
            VisibilityTimeout=GLANCE if look else HIDDEN,
            WaitTimeSeconds=0,
        )
        fresh = [m for m in answer.get("Messages", ()) if m["MessageId"] not in seen]
        if not fresh:
            return
        seen.update(message["MessageId"] for message in fresh)
        yield from fresh


def _queue_call(name: str, owner: str, message: dict[str, Any], **options: Any) -> None:
    call = getattr(dead_letters.sqs(), name)
    call(QueueUrl=dead_letters.url(owner), ReceiptHandle=message["ReceiptHandle"], **options)


def _read(message: dict[str, Any]) -> Letter | None:
    """The letter; None if it is none, or one of another stage's functions."""
    try:
        letter = msgspec.json.decode(message["Body"], type=Letter)
    except msgspec.MsgspecError as error:
        logs.DEAD_LETTER_UNREADABLE(exc_info=error)
        return None
    if not letter.function.startswith(f"groundwork-{settings().stage}-"):
        logs.DEAD_LETTER_UNREADABLE(function=letter.function)
        return None
    return letter


def _look(owner: str, message: dict[str, Any]) -> Outcome:
    letter = _read(message)
    if letter is None:
        return Outcome(owner, "", "unreadable", message["Body"][:200])
    return Outcome(owner, letter.function, "waiting", letter.request_context.condition)


def _deal_with(owner: str, message: dict[str, Any]) -> Outcome:
    letter = _read(message)
    if letter is None:
        return Outcome(owner, "", "unreadable", message["Body"][:200])
    try:
        event = bytes(letter.request_payload) if letter.batch is None else _batch_event(letter.batch)
    except GoneError as gone:
        logs.DEAD_LETTER_FAILED(function=letter.function, reason=str(gone))
        return Outcome(owner, letter.function, "failed", str(gone))
    problem = _invoke(letter.function, event)
    if problem is not None:
        logs.DEAD_LETTER_FAILED(function=letter.function, reason=problem)
        return Outcome(owner, letter.function, "failed", problem)
    logs.DEAD_LETTER_REDRIVEN(function=letter.function)
    return Outcome(owner, letter.function, "redriven", letter.request_context.condition)


def _invoke(function: str, event: bytes) -> str | None:
    """Call the function and wait; what went wrong, or None."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    patient = Config(read_timeout=HIDDEN, retries={"total_max_attempts": 1})
    try:
        answer = boto3.client("lambda", config=patient).invoke(FunctionName=called(function), Payload=event)
    except (BotoCoreError, ClientError) as error:
        return str(error)
    told: str = answer["Payload"].read().decode()
    return told[:500] if answer.get("FunctionError") else None


def _batch_event(batch: Batch) -> bytes:
    """The event of a Kafka batch, its records read again."""
    from common import kafka_client

    consumer = kafka_client.reader()
    try:
        records = {
            place: [_record(r) for r in kafka_client.read(consumer, place, offsets.first, offsets.last)]
            for place, offsets in batch.records_info.items()
        }
    finally:
        consumer.close()
    missing = sorted(place for place, found in records.items() if not found)
    if missing:
        raise GoneError(f"Kafka no longer has the records of {', '.join(missing)}.")
    return msgspec.json.encode({"eventSource": "aws:kafka", "records": records})


def _record(record: Any) -> dict[str, Any]:
    """One record in the shape of Lambda's Kafka events: text in base64, headers as lists of numbers."""
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "timestampType": "CREATE_TIME",
        "key": base64.b64encode(record.key or b"").decode(),
        "value": base64.b64encode(record.value or b"").decode(),
        "headers": [{name: list(value or b"")} for name, value in record.headers],
    }
