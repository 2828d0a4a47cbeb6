"""A stack for each service: a Lambda for each of its operations."""

from __future__ import annotations

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from common.operation import PLATFORM, CustomResource, LogSubscription, Operation, discover
from infra.cdk import bundling, dead_letters
from infra.cdk.environment import environment
from infra.cdk.functions import RUNTIMES, Code, OperationFunction, called_arn, log_group_name, subscribe
from infra.cdk.stages import Stage
from infra.cdk.told import Told

MIGRATION = "migration"
"""The stack of what a deployment invokes before the code that callers call, migrations and topics. On an
emulator they are in the platform's."""

Operations = tuple[Operation[..., object], ...]


def operations(stage: Stage, stack: str) -> Operations:
    """The operations whose functions are in a stack."""
    if stage.local or stack not in (PLATFORM, MIGRATION):
        return discover(stack)
    first = stack == MIGRATION
    return tuple(o for o in discover(PLATFORM) if isinstance(o.trigger, CustomResource) is first)


class ServiceStack(Stack):
    """The functions of one service, of the platform itself, or of its migration."""

    def __init__(self, scope: Construct, stage: Stage, service: str) -> None:
        super().__init__(
            scope, service, stack_name=stage.name_of(service), termination_protection=stage.protected
        )
        code = self._code(stage, service)
        told = Told(self, stage)
        letters = dead_letters.queue(self, stage, service) if service != MIGRATION else None
        self.functions = {
            operation.id: OperationFunction(
                self,
                stage,
                operation,
                code,
                environment(stage, operation, told),
                letters=letters,
                told=told,
            )
            for operation in operations(stage, service)
        }
        if service != MIGRATION:
            self._subscribe(stage, service)

    def _subscribe(self, stage: Stage, service: str) -> None:
        """Send the metric lines of all functions to the collector, who is named: it may be in another stack.

        Those of the migration's functions too, which were there before it.
        """
        (collector,) = (o for o in discover(PLATFORM) if isinstance(o.trigger, LogSubscription))
        destination = called_arn(self, stage, collector)
        here: list[Construct] = []
        if service == PLATFORM:
            here.append(self._admit_logs(self.functions[collector.id]))
        for operation in operations(stage, service):
            made = self.functions[operation.id]
            if operation.id != collector.id:
                subscribe(made, log_group_name(stage, operation), destination, made.log_group, *here)
        if service == PLATFORM and not stage.local:
            for operation in operations(stage, MIGRATION):
                scope = Construct(self, operation.function.__name__.capitalize())
                subscribe(scope, log_group_name(stage, operation), destination, *here)

    def _code(self, stage: Stage, service: str) -> Code:
        ours = service in (PLATFORM, MIGRATION)
        source = bundling.platform(stage) if ours else bundling.service(stage, service)
        runtime = RUNTIMES[stage.python]
        layers: list[lambda_.ILayerVersion] = [
            lambda_.LayerVersion(
                self,
                name,
                layer_version_name=stage.name_of(f"{service}-{name.lower()}"),
                code=lambda_.Code.from_asset(str(path)),
                compatible_runtimes=[runtime],
            )
            for name, path in (
                ("Dependencies", bundling.dependencies(stage)),
                ("Common", bundling.common(stage)),
            )
        ]
        return Code(lambda_.Code.from_asset(str(source)), layers)

    def _admit_logs(self, collector: OperationFunction) -> OperationFunction:
        """Let CloudWatch Logs invoke the collector with lines of this account's Lambda log groups."""
        collector.called.add_permission(
            "Logs",
            principal=iam.ServicePrincipal("logs.amazonaws.com"),
            source_account=self.account,
            source_arn=self.format_arn(
                service="logs",
                resource="log-group",
                resource_name="/aws/lambda/*",
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            ),
        )
        return collector
