"""What rules ask for outside: webhooks and Lambdas, called after the commit, once the event has come round.

``emit`` needs no more than its event, ``rules.action.requested``: whoever listens has it. A call that fails
is tried again by the event source, and ends in the service's dead letters.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from common import logs
from common.errors import Unavailable
from common.events import Envelope
from common.operation import Uses, on_topic
from common.outbound import Unreachable, request
from common.settings import settings
from rules.events import ActionRequested

SECONDS = 10.0


@on_topic("rules.action.requested", uses={Uses.INVOKE}, timeout=60)
def deliver(asked: ActionRequested, envelope: Envelope) -> None:
    """Call the webhook or the Lambda that a rule which fired asks for."""
    if asked.type != "call":
        return
    try:
        if asked.via == "webhook":
            _post(asked, envelope)
        else:
            _invoke(asked, envelope)
    except Unreachable as error:
        if not error.final:
            raise Unavailable(str(error)) from error
        # What never succeeds is not tried again; the log names it.
        logs.EVENT_FAILED(exc_info=error, target=asked.name, evaluation=str(asked.evaluation_id))


def _post(asked: ActionRequested, envelope: Envelope) -> None:
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": str(envelope.id),
        "X-Correlation-Id": envelope.correlation,
    }
    answer = request("POST", asked.name, headers, msgspec.json.encode(asked.payload), SECONDS)
    if answer.status in (408, 429) or answer.status >= 500:
        raise Unreachable(f"{asked.name} answered {answer.status}.")
    if answer.status >= 300:
        raise Unreachable(f"{asked.name} answered {answer.status}.", final=True)


def _invoke(asked: ActionRequested, envelope: Envelope) -> None:
    """Only functions named ``groundwork-<stage>-task-...``: a rule reaches none of the platform's own."""
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    prefix = f"groundwork-{settings().stage}-task-"
    if not asked.name.startswith(prefix):
        raise Unreachable(f"{asked.name} is not a function whose name begins with {prefix}.", final=True)
    payload: dict[str, Any] = {"id": str(envelope.id), "rule": asked.rule, "payload": asked.payload}
    try:
        boto3.client("lambda").invoke(
            FunctionName=asked.name, InvocationType="Event", Payload=json.dumps(payload).encode()
        )
    except (BotoCoreError, ClientError) as error:
        raise Unreachable(f"{asked.name} could not be invoked: {type(error).__name__}.") from error
