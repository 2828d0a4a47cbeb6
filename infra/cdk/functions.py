"""One construct that makes an operation a Lambda: code, role, log group, triggers."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import ArnFormat, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from common.operation import PLATFORM, Operation, Schedule, Topic
from infra.cdk import broker, dead_letters, rights, shift
from infra.cdk.names import LIVE, called_name, function_name, is_shifted
from infra.cdk.stages import Stage
from infra.cdk.told import Told

RUNTIMES = {
    "3.11": lambda_.Runtime.PYTHON_3_11,
    "3.12": lambda_.Runtime.PYTHON_3_12,
    "3.13": lambda_.Runtime.PYTHON_3_13,
    "3.14": lambda_.Runtime.PYTHON_3_14,
}

SNAPSHOT = lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS
METRIC_LINES = "{ $.line = * }"
"""Subscription filter pattern: EMF lines, which carry their identifier in ``line``."""


@dataclass(frozen=True)
class Code:
    """What the functions of one stack are made of."""

    source: lambda_.Code
    layers: list[lambda_.ILayerVersion]


def rule_name(stage: Stage, operation: Operation[..., object]) -> str:
    """The name of a scheduled operation's EventBridge rule."""
    if operation.service == PLATFORM:
        return stage.name_of(f"{operation.function.__name__}-schedule")
    return stage.name_of(f"{operation.id.replace('.', '-')}-schedule")


def logical_id(operation: Operation[..., object]) -> str:
    """The construct's id, ``CustomersCreate``."""
    words = operation.id.split(".")[1:]
    return "".join(part.capitalize() for word in words for part in word.split("_"))


class OperationFunction(Construct):
    """The Lambda of one operation, with a role that may do what its declaration says and nothing else."""

    def __init__(
        self,
        scope: Construct,
        stage: Stage,
        operation: Operation[..., object],
        code: Code,
        environment: dict[str, str],
        *,
        letters: sqs.IQueue | None,
        told: Told,
    ) -> None:
        super().__init__(scope, logical_id(operation))
        name = function_name(stage, operation)
        self.log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=log_group_name(stage, operation),
            retention=retention(stage),
            removal_policy=RemovalPolicy.DESTROY,
        )
        statements = rights.of(operation, stage, self.log_group.log_group_arn, told)
        if not stage.local:
            statements.append(rights.not_the_code(function_arn(self, name)))
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"Of the operation {operation.id}",
            inline_policies={"Operation": iam.PolicyDocument(statements=statements)},
        )
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=name,
            description=operation.summary[:250],
            runtime=RUNTIMES[stage.python],
            architecture=_architecture(stage),
            handler=operation.handler,
            code=code.source,
            layers=code.layers,
            role=role.without_policy_updates(),
            log_group=self.log_group,
            environment=environment,
            memory_size=operation.memory,
            timeout=Duration.seconds(operation.timeout),
            snap_start=SNAPSHOT if operation.id in stage.snapshots else None,
            tracing=lambda_.Tracing.ACTIVE if stage.tracing else None,
            reserved_concurrent_executions=None if stage.local else operation.concurrency,
        )
        if not stage.local:
            _join(self.function, told)
        alias = self._live(stage, operation) if is_shifted(stage, operation) else None
        self.called: lambda_.Function | lambda_.Alias = alias or self.function
        """What its callers call: the function's alias, or where there is none the function."""
        if letters is not None:
            dead_letters.keep(self, self.function, operation, letters, alias)
            if not stage.local and isinstance(operation.trigger, Topic):
                broker.deliver(self.called, operation, stage, told, letters)
        self._schedule(stage, operation)

    def _live(self, stage: Stage, operation: Operation[..., object]) -> lambda_.Alias:
        """The alias that callers call; a deployment moves it to the version that it publishes.

        A version outlives the one that replaces it: what it began, it ends. infra.releases removes it.
        """
        version = self.function.current_version
        version.apply_removal_policy(RemovalPolicy.RETAIN)
        alias = lambda_.Alias(self, "Live", alias_name=LIVE, version=version)
        shift.watched(alias, stage, operation)
        return alias

    def _schedule(self, stage: Stage, operation: Operation[..., object]) -> None:
        if not isinstance(operation.trigger, Schedule):
            return
        events.Rule(
            self,
            "Schedule",
            rule_name=rule_name(stage, operation),
            description=operation.summary[:250],
            schedule=events.Schedule.rate(Duration.minutes(operation.trigger.minutes)),
            targets=[targets.LambdaFunction(self.called, retry_attempts=0)],
        )


def _join(function: lambda_.Function, told: Told) -> None:
    """Put a function into the stage's network, whose subnets are known at deploy only."""
    resource = function.node.default_child
    assert isinstance(resource, lambda_.CfnFunction)
    resource.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
        subnet_ids=told.subnets, security_group_ids=[told.value("functions-group")]
    )


def function_arn(scope: Construct, name: str) -> str:
    """A function's ARN by its name, without a reference to its stack."""
    return Stack.of(scope).format_arn(
        service="lambda",
        resource="function",
        resource_name=name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )


def called_arn(scope: Construct, stage: Stage, operation: Operation[..., object]) -> str:
    """The ARN that an operation's callers call, without a reference to its stack."""
    return function_arn(scope, called_name(stage, operation))


def log_group_name(stage: Stage, operation: Operation[..., object]) -> str:
    """The log group of an operation's function."""
    return f"/aws/lambda/{function_name(stage, operation)}"


def subscribe(scope: Construct, log_group: str, collector_arn: str, *after: Construct) -> None:
    """Send a log group's metric lines to the collector, once what it names is there."""
    subscription = logs.CfnSubscriptionFilter(
        scope,
        "MetricLines",
        log_group_name=log_group,
        filter_pattern=METRIC_LINES,
        destination_arn=collector_arn,
    )
    subscription.node.add_dependency(*after)


def retention(stage: Stage) -> logs.RetentionDays:
    """How long the stage's logs are kept."""
    days = {1: "ONE_DAY", 30: "ONE_MONTH", 90: "THREE_MONTHS", 365: "ONE_YEAR"}
    return logs.RetentionDays[days[stage.log_retention_days]]


def _architecture(stage: Stage) -> lambda_.Architecture:
    return lambda_.Architecture.ARM_64 if stage.architecture == "arm64" else lambda_.Architecture.X86_64
