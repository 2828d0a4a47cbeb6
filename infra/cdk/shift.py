"""How callers are taken over to a new version of a function: a part of them first, and back if alarms say so.

A deployment group for each function, since CodeDeploy has one deployment at a time in each, and all functions
of a release are shifted together. The stack that holds them is not the service's own, which would have more
resources than it may; it names the functions, and is deployed before them (docs/adr/0008).
"""

from __future__ import annotations

from collections.abc import Iterator

from aws_cdk import CfnCodeDeployLambdaAliasUpdate, CfnUpdatePolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from common.operation import Operation, discover
from infra.cdk.names import LIVE, function_name, is_shifted
from infra.cdk.stages import Stage

ERRORS = 2
"""Errors of one function within a minute, beyond which its callers go back. These are invocations that broke,
timed out or could not begin; an operation that fails answers 500, and is none to Lambda."""
CONTROL = {"deployment_type": "BLUE_GREEN", "deployment_option": "WITH_TRAFFIC_CONTROL"}
BACK = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]


def application(stage: Stage, service: str) -> str:
    """The CodeDeploy application of a service."""
    return stage.name_of(service)


def watched(alias: lambda_.Alias, stage: Stage, operation: Operation[..., object]) -> None:
    """Have CodeDeploy move the alias, where the stage has its callers taken over bit by bit."""
    if not stage.shift or stage.at_once:
        return
    resource = alias.node.default_child
    assert isinstance(resource, lambda_.CfnAlias)
    resource.cfn_options.update_policy = CfnUpdatePolicy(
        code_deploy_lambda_alias_update=CfnCodeDeployLambdaAliasUpdate(
            application_name=application(stage, operation.service),
            deployment_group_name=function_name(stage, operation),
        )
    )


class ShiftStack(Stack):
    """The deployment groups of a service's functions, and the alarms that end a deployment."""

    def __init__(self, scope: Construct, stage: Stage, service: str) -> None:
        name = f"{service}-shift"
        super().__init__(scope, name, stack_name=stage.name_of(name), termination_protection=stage.protected)
        made = codedeploy.CfnApplication(
            self, "Application", application_name=application(stage, service), compute_platform="Lambda"
        )
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("codedeploy.amazonaws.com"),
            inline_policies={"Shift": iam.PolicyDocument(statements=list(self._rights(stage)))},
        )
        for operation in discover(service):
            if is_shifted(stage, operation):
                self._group(stage, operation, role).add_dependency(made)

    def _rights(self, stage: Stage) -> Iterator[iam.PolicyStatement]:
        functions = f"arn:{self.partition}:lambda:{self.region}:{self.account}:function:{stage.name_of('*')}"
        alarms = f"arn:{self.partition}:cloudwatch:{self.region}:{self.account}:alarm:*"
        moves = ["lambda:GetAlias", "lambda:UpdateAlias", "lambda:GetProvisionedConcurrencyConfig"]
        yield iam.PolicyStatement(sid="Shift", actions=moves, resources=[functions])
        yield iam.PolicyStatement(sid="Watch", actions=["cloudwatch:DescribeAlarms"], resources=[alarms])

    def _group(
        self, stage: Stage, operation: Operation[..., object], role: iam.Role
    ) -> codedeploy.CfnDeploymentGroup:
        name = function_name(stage, operation)
        own = self._alarm(name)
        shared = [stage.name_of("api-errors"), stage.name_of(f"{operation.service}-failures")]
        alarms = [codedeploy.CfnDeploymentGroup.AlarmProperty(name=alarm) for alarm in (own.ref, *shared)]
        return codedeploy.CfnDeploymentGroup(
            self,
            f"{_id(name)}Group",
            application_name=application(stage, operation.service),
            deployment_group_name=name,
            deployment_config_name=stage.shift,
            deployment_style=codedeploy.CfnDeploymentGroup.DeploymentStyleProperty(**CONTROL),
            service_role_arn=role.role_arn,
            alarm_configuration=codedeploy.CfnDeploymentGroup.AlarmConfigurationProperty(
                enabled=True, alarms=alarms
            ),
            auto_rollback_configuration=codedeploy.CfnDeploymentGroup.AutoRollbackConfigurationProperty(
                enabled=True, events=BACK
            ),
        )

    def _alarm(self, function: str) -> cloudwatch.CfnAlarm:
        """Tells CodeDeploy and nobody else: whoever is on call has the service's alarm."""
        dimensions = {"FunctionName": function, "Resource": f"{function}:{LIVE}"}
        return cloudwatch.CfnAlarm(
            self,
            f"{_id(function)}Errors",
            alarm_name=f"{function}-errors",
            alarm_description="Ends a deployment of this function and takes its callers back.",
            namespace="AWS/Lambda",
            metric_name="Errors",
            dimensions=[
                cloudwatch.CfnAlarm.DimensionProperty(name=key, value=value)
                for key, value in dimensions.items()
            ],
            statistic="Sum",
            comparison_operator="GreaterThanThreshold",
            threshold=ERRORS,
            period=60,
            evaluation_periods=1,
            treat_missing_data="notBreaching",
        )


def _id(name: str) -> str:
    return "".join(part.capitalize() for part in name.replace("_", "-").split("-")[2:])
