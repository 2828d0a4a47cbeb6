"""The rights of an operation's role, derived from its declaration."""

from __future__ import annotations

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

from common.dead_letters import OWNERS, queue_name
from common.operation import PLATFORM, Operation, Uses
from infra.cdk.dead_letters import is_asynchronous
from infra.cdk.names import bucket_name
from infra.cdk.stages import Stage


def of(operation: Operation[..., object], stage: Stage, log_group_arn: str) -> list[iam.PolicyStatement]:
    """The statements of one operation: its own log group, and what it says that it uses."""
    statements = [_allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_group_arn}:*"])]
    statements += _dead_letters(operation, stage)
    if stage.tracing:
        # X-Ray knows no resources.
        actions = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
        statements.append(_allow("Traces", actions, ["*"]))
    if Uses.MAIL in operation.uses:
        statements.append(_allow("Mail", ["ses:SendEmail"], ["arn:aws:ses:*:*:identity/*"]))
    if Uses.FILES in operation.uses:
        bucket = f"arn:{Aws.PARTITION}:s3:::{bucket_name(stage)}"
        actions = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
        statements.append(_allow("Files", actions, [f"{bucket}/{operation.service}/*"]))
        statements.append(_allow("FindFiles", ["s3:ListBucket"], [bucket]))
    if Uses.INVOKE in operation.uses:
        functions = f"arn:aws:lambda:*:*:function:{stage.name_of('*')}"
        statements.append(_allow("Invoke", ["lambda:InvokeFunction"], [functions]))
    return statements


def _dead_letters(operation: Operation[..., object], stage: Stage) -> list[iam.PolicyStatement]:
    """Whoever nobody waits for may send there; the platform counts them, and its redriving takes them out."""
    statements = []
    if is_asynchronous(operation):
        own = _queue(stage, operation.service)
        statements.append(_allow("Failures", ["sqs:SendMessage"], [own]))
    every = [_queue(stage, owner) for owner in OWNERS]
    count = ["sqs:GetQueueUrl", "sqs:GetQueueAttributes"]
    if operation.service == PLATFORM and operation.uses & {Uses.METRICS, Uses.DEAD_LETTERS}:
        statements.append(_allow("CountDeadLetters", count, every))
    if Uses.DEAD_LETTERS in operation.uses:
        take = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
        statements.append(_allow("TakeDeadLetters", take, every))
    return statements


def _queue(stage: Stage, owner: str) -> str:
    return f"arn:aws:sqs:*:*:{queue_name(stage.name, owner)}"


def _allow(sid: str, actions: list[str], resources: list[str]) -> iam.PolicyStatement:
    return iam.PolicyStatement(sid=sid, actions=actions, resources=resources)
