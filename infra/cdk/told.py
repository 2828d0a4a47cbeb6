"""What the network and the data stack tell the others, through SSM parameters.

An export of CloudFormation may not change while anyone imports it, so that a database restored from a
snapshot, or new subnets, could never be put in another's place. A parameter may change: each stack reads it
anew when it is deployed, and goes over to the replacement one after the other.
"""

from __future__ import annotations

from aws_cdk import Fn, Stack
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra.cdk.names import parameter
from infra.cdk.stages import Stage


class Told:
    """The parameters, as references within one stack; a stack asks for those that it uses."""

    def __init__(self, scope: Construct, stage: Stage) -> None:
        self._stack = Stack.of(scope)
        self._stage = stage

    def value(self, name: str) -> str:
        """One parameter's value at deploy."""
        return ssm.StringParameter.value_for_string_parameter(self._stack, parameter(self._stage, name))

    @property
    def subnets(self) -> list[str]:
        """The functions' subnets."""
        return ssm.StringListParameter.value_for_typed_list_parameter(
            self._stack, parameter(self._stage, "subnets"), ssm.ParameterValueType.AWS_EC2_SUBNET_ID
        )

    def database_login(self, role: str) -> str:
        """The ARN by which IAM lets a role's holder sign in at the proxy under a login."""
        return self._arn("rds-db", f"dbuser:{self.value('proxy-id')}/{role}")

    def topics(self, pattern: str) -> str:
        """The ARN of the broker's topics that match a pattern."""
        return self._arn("kafka", f"topic/{self._cluster}/{pattern}")

    def group(self, name: str) -> str:
        """The ARN of a consumer group."""
        return self._arn("kafka", f"group/{self._cluster}/{name}")

    @property
    def _cluster(self) -> str:
        """Name and UUID of the broker's cluster, which its ARN ends with."""
        return Fn.select(1, Fn.split(":cluster/", self.value("kafka-arn")))

    def _arn(self, service: str, rest: str) -> str:
        stack = self._stack
        return f"arn:{stack.partition}:{service}:{stack.region}:{stack.account}:{rest}"
