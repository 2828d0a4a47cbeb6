"""Dead letters are read as AWS writes them."""

from __future__ import annotations

import json

import msgspec
import pytest

from common.dead_letters import Letter, queue_name

ASYNCHRONOUS = {
    "version": "1.0",
    "timestamp": "2026-01-01T00:00:00.000Z",
    "requestContext": {
        "requestId": "r",
        "functionArn": "arn:aws:lambda:eu-central-1:123456789012:function:groundwork-dev-collect:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    },
    "requestPayload": {"awslogs": {"data": "x"}},
    "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
    "responsePayload": {"errorMessage": "no"},
}
BATCH = {
    "requestContext": {
        "requestId": "r",
        "functionArn": "arn:aws:lambda:eu-central-1:123456789012:function:groundwork-dev-auth-mail-deliver",
        "condition": "RetryAttemptsExhausted",
        "approximateInvokeCount": 6,
    },
    "KafkaBatchInfo": {
        "batchSize": 2,
        "eventSourceArn": "arn:aws:kafka:eu-central-1:123456789012:cluster/x/y",
        "bootstrapServers": "b:9098",
        "payloadSize": 10,
        "recordsInfo": {
            "auth.mail.requested-2": {
                "firstRecordOffset": "41",
                "lastRecordOffset": "42",
                "firstRecordTimestamp": "2026-01-01T00:00:00.000Z",
                "lastRecordTimestamp": "2026-01-01T00:00:01.000Z",
            }
        },
    },
}


def test_an_asynchronous_invocation_is_read_with_its_event() -> None:
    letter = msgspec.json.decode(json.dumps(ASYNCHRONOUS), type=Letter)
    assert letter.function == "groundwork-dev-collect"
    assert letter.batch is None
    assert json.loads(bytes(letter.request_payload)) == {"awslogs": {"data": "x"}}


def test_a_kafka_batch_is_read_with_the_places_of_its_records() -> None:
    letter = msgspec.json.decode(json.dumps(BATCH), type=Letter)
    assert letter.function == "groundwork-dev-auth-mail-deliver"
    assert letter.batch is not None
    (place, offsets), *_ = letter.batch.records_info.items()
    assert (place, offsets.first, offsets.last) == ("auth.mail.requested-2", 41, 42)


@pytest.mark.parametrize("body", ["{}", "[]", "nonsense", '{"requestContext": {}}'])
def test_what_is_no_letter_is_told_apart(body: str) -> None:
    with pytest.raises(msgspec.MsgspecError):
        msgspec.json.decode(body, type=Letter)


def test_queues_have_names_that_sqs_takes() -> None:
    assert len(queue_name("a-long-name-of-a-stage", "masterdata")) <= 80
