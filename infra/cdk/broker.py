"""The broker on AWS: who may do what with its topics, and how a topic's events reach a function."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs

from common.operation import SERVICES, Operation, Topic
from infra.cdk.names import function_name
from infra.cdk.stages import Stage
from infra.cdk.told import Told

RETRIES = 3
"""How often a batch is tried again before it becomes a dead letter, where the stage keeps pollers."""
WAIT = Duration.seconds(1)
"""How long a batch is waited for to fill."""


def looking(told: Told) -> list[iam.PolicyStatement]:
    """Whether the broker answers, and which topics it has."""
    return [
        _allow("Broker", ["Connect", "DescribeCluster"], [told.value("kafka-arn")]),
        _allow("Topics", ["DescribeTopic"], _topics(told)),
    ]


def reading(told: Told) -> list[iam.PolicyStatement]:
    """Records, by topic and offset, without a group."""
    return [*looking(told), _allow("Read", ["ReadData"], _topics(told))]


def writing(told: Told) -> list[iam.PolicyStatement]:
    """Records, by an idempotent producer."""
    return [
        _allow("Broker", ["Connect", "DescribeCluster", "WriteDataIdempotently"], [told.value("kafka-arn")]),
        _allow("Topics", ["DescribeTopic", "WriteData"], _topics(told)),
    ]


def provisioning(told: Told) -> list[iam.PolicyStatement]:
    """Topics and their settings: to create and alter, never to delete."""
    settings = ["DescribeTopicDynamicConfiguration", "AlterTopicDynamicConfiguration"]
    return [
        *looking(told),
        _allow("Provision", ["CreateTopic", "AlterTopic", *settings], _topics(told)),
    ]


def consuming(
    operation: Operation[..., object], stage: Stage, topic: str, told: Told
) -> list[iam.PolicyStatement]:
    """One topic, as one group; under the function's role the event source mapping finds and reads it."""
    cluster = told.value("kafka-arn")
    found = ["kafka:DescribeCluster", "kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"]
    return [
        iam.PolicyStatement(sid="Find", actions=found, resources=[cluster]),
        _allow("Broker", ["Connect", "DescribeCluster", "DescribeClusterDynamicConfiguration"], [cluster]),
        _allow("Consume", ["DescribeTopic", "ReadData"], [told.topics(topic)]),
        _allow("Group", ["DescribeGroup", "AlterGroup"], [told.group(function_name(stage, operation))]),
    ]


def deliver(
    function: lambda_.Function | lambda_.Alias,
    operation: Operation[..., object],
    stage: Stage,
    told: Told,
    letters: sqs.IQueue,
) -> None:
    """Have a topic's events delivered, a partition's in order; what fails for good goes to the queue.

    A new group begins at the topic's start, so that nothing is missed between a deploy and its first poll.
    """
    kept = None
    if stage.pollers:
        kept = lambda_.ProvisionedPollerConfig(
            minimum_pollers=stage.pollers, poller_group_name=stage.name_of("consumers")
        )
    assert isinstance(operation.trigger, Topic)
    lambda_.EventSourceMapping(
        function,
        "Topic",
        target=function,
        event_source_arn=told.value("kafka-arn"),
        kafka_topic=operation.trigger.name,
        kafka_consumer_group_id=function_name(stage, operation),
        starting_position=lambda_.StartingPosition.TRIM_HORIZON,
        batch_size=operation.trigger.batch_size,
        max_batching_window=WAIT,
        retry_attempts=RETRIES if kept else None,
        provisioned_poller_config=kept,
        on_failure=sources.SqsDlq(letters),
    )


def _topics(told: Told) -> list[str]:
    """All that the platform declares: a topic's name begins with the service that writes it."""
    return [told.topics(f"{service}.*") for service in SERVICES]


def _allow(sid: str, actions: list[str], resources: list[str]) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid, actions=[f"kafka-cluster:{action}" for action in actions], resources=resources
    )
