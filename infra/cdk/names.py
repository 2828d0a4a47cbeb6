"""Physical names that several stacks must agree on without referring to each other."""

from __future__ import annotations

from aws_cdk import Aws

from common.operation import PLATFORM, Command, CustomResource, Operation
from infra.cdk.stages import Stage

DATABASE = "groundwork"
"""The one database of a stage."""
OWNER = "groundwork_owner"
"""The login that owns all in it: the migrations' alone."""
LIVE = "live"
"""The alias of a function that callers call: the version of the release that serves."""


def bucket_name(stage: Stage) -> str:
    """The files bucket; bucket names are unique in the world, so the account is part of it."""
    return f"{stage.name_of('files')}-{Aws.ACCOUNT_ID}"


def parameter(stage: Stage, name: str) -> str:
    """The SSM parameter in which one stack tells others what it made."""
    return f"/groundwork/{stage.name}/{name}"


def function_name(stage: Stage, operation: Operation[..., object]) -> str:
    """The Lambda's name, ``groundwork-<stage>-<service>-<module>-<function>``, and a consumer's group."""
    if isinstance(operation.trigger, (CustomResource, Command)):
        return stage.name_of(operation.trigger.name)
    if operation.service == PLATFORM:
        return stage.name_of(operation.function.__name__)
    return stage.name_of(operation.id.replace(".", "-"))


def is_shifted(stage: Stage, operation: Operation[..., object]) -> bool:
    """Whether its callers call an alias: a deployment and an operator mean the newest code."""
    return not stage.local and not isinstance(operation.trigger, (CustomResource, Command))


def called_name(stage: Stage, operation: Operation[..., object]) -> str:
    """The name by which its callers call it, with the alias where there is one."""
    name = function_name(stage, operation)
    return f"{name}:{LIVE}" if is_shifted(stage, operation) else name
