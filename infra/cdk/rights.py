"""The rights of an operation's role, derived from its declaration."""

from __future__ import annotations

from aws_cdk import aws_iam as iam

from common.operation import Operation, Uses
from infra.cdk.stages import Stage


def of(operation: Operation[..., object], stage: Stage, log_group_arn: str) -> list[iam.PolicyStatement]:
    """The statements of one operation: its own log group, and what it says that it uses."""
    statements = [_allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_group_arn}:*"])]
    if Uses.MAIL in operation.uses:
        statements.append(_allow("Mail", ["ses:SendEmail"], ["arn:aws:ses:*:*:identity/*"]))
    if Uses.FILES in operation.uses:
        bucket = f"arn:aws:s3:::{stage.name_of('files')}"
        statements.append(
            _allow("Files", ["s3:GetObject", "s3:PutObject"], [f"{bucket}/{operation.service}/*"])
        )
    if Uses.INVOKE in operation.uses:
        functions = f"arn:aws:lambda:*:*:function:{stage.name_of('*')}"
        statements.append(_allow("Invoke", ["lambda:InvokeFunction"], [functions]))
    return statements


def _allow(sid: str, actions: list[str], resources: list[str]) -> iam.PolicyStatement:
    return iam.PolicyStatement(sid=sid, actions=actions, resources=resources)
