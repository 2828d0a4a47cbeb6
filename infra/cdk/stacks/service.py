"""A stack for each service: a Lambda for each of its operations."""

from __future__ import annotations

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from common.operation import PLATFORM, LogSubscription, discover
from infra.cdk import bundling, dead_letters
from infra.cdk.environment import environment
from infra.cdk.functions import RUNTIMES, Code, OperationFunction, subscribe
from infra.cdk.names import function_name
from infra.cdk.stages import Stage
from infra.cdk.told import Told

COLLECTOR = "collect"


class ServiceStack(Stack):
    """The functions of one service, or of the platform itself."""

    def __init__(self, scope: Construct, stage: Stage, service: str) -> None:
        super().__init__(
            scope, service, stack_name=stage.name_of(service), termination_protection=stage.protected
        )
        self.functions: dict[str, OperationFunction] = {}
        code = self._code(stage, service)
        told = Told(self, stage)
        self.dead_letters = dead_letters.queue(self, stage, service)
        for operation in discover(service):
            made = OperationFunction(
                self,
                stage,
                operation,
                code,
                environment(stage, operation, told),
                letters=self.dead_letters,
                told=told,
            )
            self.functions[operation.id] = made
            if isinstance(operation.trigger, LogSubscription):
                self._admit_logs(made)
        collector = self._collector(stage)
        for operation in discover(service):
            made = self.functions[operation.id]
            name = function_name(stage, operation)
            if name != collector:
                subscribe(made, made.function.log_group.log_group_name, collector)

    def _code(self, stage: Stage, service: str) -> Code:
        source = bundling.platform(stage) if service == PLATFORM else bundling.service(stage, service)
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

    @staticmethod
    def _collector(stage: Stage) -> str:
        return stage.name_of(COLLECTOR)

    def _admit_logs(self, collector: OperationFunction) -> None:
        """Let CloudWatch Logs invoke the collector with lines of this account's Lambda log groups."""
        collector.function.add_permission(
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
