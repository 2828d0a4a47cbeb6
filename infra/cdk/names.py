"""Physical names that several stacks must agree on without referring to each other."""

from __future__ import annotations

from aws_cdk import Aws

from infra.cdk.stages import Stage


def bucket_name(stage: Stage) -> str:
    """The files bucket; bucket names are unique in the world, so the account is part of it."""
    return f"{stage.name_of('files')}-{Aws.ACCOUNT_ID}"


def parameter(stage: Stage, name: str) -> str:
    """The SSM parameter in which one stack tells others what it made."""
    return f"/groundwork/{stage.name}/{name}"
