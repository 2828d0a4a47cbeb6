"""Where the events go that an asynchronous function has failed on for good: a queue for each service."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from common.dead_letters import queue_name
from common.operation import LogSubscription, Operation, Schedule, Topic, Upload
from infra.cdk.stages import Stage

KEPT = Duration.days(14)
"""As long as SQS keeps a message."""
HIDDEN = Duration.minutes(15)
RETRIES = 2
"""How often Lambda tries an asynchronous invocation again, a minute and two minutes later."""
OFTEN = 5
"""Minutes: what runs as often as that does the same again so soon that a letter would only be in the way.

An hour without the database would leave hundreds, each to be redriven for the minute that a relay stays.
"""


def are_kept(operation: Operation[..., object]) -> bool:
    """Whether what the operation fails on for good is kept: nobody waits for it, and nothing repeats it."""
    match operation.trigger:
        case Topic() | Upload() | LogSubscription():
            return True
        case Schedule(minutes=minutes):
            return minutes > OFTEN
        case _:
            return False


def queue(scope: Construct, stage: Stage, service: str) -> sqs.Queue:
    """The queue of a service's dead letters."""
    return sqs.Queue(
        scope,
        "DeadLetters",
        queue_name=queue_name(stage.name, service),
        retention_period=KEPT,
        visibility_timeout=HIDDEN,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=not stage.local,
    )


def keep(
    scope: Construct,
    function: lambda_.Function,
    operation: Operation[..., object],
    letters: sqs.IQueue,
    alias: lambda_.Alias | None,
) -> None:
    """Say how often the function is tried, and send what it fails on for good to the queue.

    ``alias`` is the one that is called, if any: Lambda keeps this apart for each. A Kafka batch is the
    event source mapping's to retry and to give up.
    """
    match operation.trigger:
        case Schedule(minutes=minutes) if minutes <= OFTEN:
            told: dict[str, Any] = {"retry_attempts": 0, "max_event_age": Duration.minutes(1)}
        case Schedule() | Upload() | LogSubscription():
            failures = destinations.SqsDestination(letters)
            told = {
                "retry_attempts": RETRIES,
                "max_event_age": Duration.hours(6),
                "on_failure": failures,
            }
        case _:
            return
    qualifier = alias.alias_name if alias is not None else None
    made = lambda_.EventInvokeConfig(scope, "Failures", function=function, qualifier=qualifier, **told)
    if alias is not None:
        made.node.add_dependency(alias)  # it is named, and not referred to
