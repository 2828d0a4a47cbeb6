"""Where the events go that an asynchronous function has failed on for good: a queue for each service."""

from __future__ import annotations

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


def is_asynchronous(operation: Operation[..., object]) -> bool:
    """Whether nobody waits for the operation's answer, so that a failure would be seen by no one."""
    return isinstance(operation.trigger, (Topic, Schedule, Upload, LogSubscription))


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
    scope: Construct, function: lambda_.Function, operation: Operation[..., object], letters: sqs.IQueue
) -> None:
    """Send what the function fails on to the queue.

    A schedule's invocation is not tried again, since the next one is under way. A Kafka batch is the event
    source mapping's to retry and to give up.
    """
    if isinstance(operation.trigger, Topic):
        return
    scheduled = isinstance(operation.trigger, Schedule)
    lambda_.EventInvokeConfig(
        scope,
        "Failures",
        function=function,
        on_failure=destinations.SqsDestination(letters),
        retry_attempts=0 if scheduled else RETRIES,
        max_event_age=Duration.minutes(1) if scheduled else Duration.hours(6),
    )
