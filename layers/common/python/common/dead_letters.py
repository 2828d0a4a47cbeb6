"""Dead letters: what an asynchronous function failed on for good, kept in its service's queue.

A letter is what Lambda hands to an on-failure destination: of an asynchronous invocation with its event
(https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html), of a Kafka batch with its
topics and offsets only (https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure.html).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from common import logs
from common.operation import PLATFORM, SERVICES
from common.settings import settings

OWNERS = (*SERVICES, PLATFORM)
"""Who has a queue."""


class _Context(msgspec.Struct, frozen=True, rename="camel"):
    function_arn: str
    condition: str = ""


class Offsets(msgspec.Struct, frozen=True, rename="camel"):
    """The records of one partition, first and last included. AWS writes the numbers as text."""

    first_record_offset: int | str
    last_record_offset: int | str

    @property
    def first(self) -> int:
        return int(self.first_record_offset)

    @property
    def last(self) -> int:
        return int(self.last_record_offset)


class Batch(msgspec.Struct, frozen=True, rename="camel"):
    """Where in Kafka a batch's records are, by ``<topic>-<partition>``."""

    records_info: dict[str, Offsets]


class Letter(msgspec.Struct, frozen=True, rename="camel"):
    """One dead letter: the function that failed, and its event or the Kafka records of it."""

    request_context: _Context
    request_payload: msgspec.Raw = msgspec.Raw(b"null")
    batch: Batch | None = msgspec.field(default=None, name="KafkaBatchInfo")

    @property
    def function(self) -> str:
        """The function's name, of its ARN with or without a qualifier."""
        return self.request_context.function_arn.partition(":function:")[2].split(":")[0]


def queue_name(stage: str, owner: str) -> str:
    """The name of an owner's queue."""
    return f"groundwork-{stage}-{owner}-dead-letters"


def waiting() -> dict[str, int]:
    """How many letters wait in each owner's queue; a queue that does not tell is left out, and logged."""
    from botocore.exceptions import BotoCoreError, ClientError

    counts = {}
    for owner in OWNERS:
        try:
            attributes = sqs().get_queue_attributes(
                QueueUrl=url(owner), AttributeNames=["ApproximateNumberOfMessages"]
            )
        except (BotoCoreError, ClientError) as error:
            logs.DEAD_LETTERS_UNKNOWN(exc_info=error, queue=owner)
            continue
        counts[owner] = int(attributes["Attributes"]["ApproximateNumberOfMessages"])
    return counts


@cache
def url(owner: str) -> str:
    """The address of an owner's queue."""
    address: str = sqs().get_queue_url(QueueName=queue_name(settings().stage, owner))["QueueUrl"]
    return address


@cache
def sqs() -> Any:
    """A client that does not keep a scrape waiting."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "sqs", config=Config(connect_timeout=1, read_timeout=3, retries={"total_max_attempts": 2})
    )
