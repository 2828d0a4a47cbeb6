"""The rights of an operation's role, derived from its declaration."""

from __future__ import annotations

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

from common.dead_letters import OWNERS, queue_name
from common.operation import PLATFORM, CustomResource, Operation, Topic, Uses
from infra.cdk import broker
from infra.cdk.dead_letters import are_kept
from infra.cdk.environment import is_scraped, user
from infra.cdk.mail import configuration
from infra.cdk.names import bucket_name
from infra.cdk.stages import Stage
from infra.cdk.told import Told

INTERFACES = ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces"]
NETWORK = ["ec2:DescribeVpcs", "ec2:DescribeSubnets", "ec2:DescribeSecurityGroups"]

UNBOUNDED = {
    "Traces": "X-Ray knows no resources.",
    "Network": "Lambda joins a network under this role; the interfaces have no name before they exist, and "
    "to describe them knows no resources. The function's own code is denied it (NotTheCode).",
    "EventSource": "As Network: the event source mapping looks for the broker's network under this role.",
    "NotTheCode": "A denial: the wider, the safer.",
}
"""Why a statement, by its Sid, names no resource. No other may."""


def of(
    operation: Operation[..., object], stage: Stage, log_group_arn: str, told: Told
) -> list[iam.PolicyStatement]:
    """The statements of one operation: its own log group, and what it says that it uses."""
    statements = [_allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_group_arn}:*"])]
    statements += _dead_letters(operation, stage)
    if stage.tracing:
        actions = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
        statements.append(_allow("Traces", actions, ["*"]))
    if Uses.MAIL in operation.uses:
        statements.append(_allow("Mail", ["ses:SendEmail"], _mail(stage)))
    if Uses.FILES in operation.uses:
        bucket = f"arn:{Aws.PARTITION}:s3:::{bucket_name(stage)}"
        actions = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"]
        statements.append(_allow("Files", actions, [f"{bucket}/{operation.service}/*"]))
        statements.append(_allow("FindFiles", ["s3:ListBucket"], [bucket]))
    if Uses.INVOKE in operation.uses:
        functions = f"{_here('lambda')}:function:{stage.name_of('*')}"
        statements.append(_allow("Invoke", ["lambda:InvokeFunction"], [functions]))
    if not stage.local:
        statements += _network(operation)
        statements += _data(operation, stage, told)
    return statements


def not_the_code(function_arn: str) -> iam.PolicyStatement:
    """Lambda itself needs the role's rights to the network; what runs in the function must not have them."""
    return iam.PolicyStatement(
        sid="NotTheCode",
        effect=iam.Effect.DENY,
        actions=[*INTERFACES, *NETWORK],
        resources=["*"],
        conditions={"ArnLike": {"lambda:SourceFunctionArn": [function_arn, f"{function_arn}:*"]}},
    )


def _network(operation: Operation[..., object]) -> list[iam.PolicyStatement]:
    statements = [_allow("Network", [*INTERFACES, "ec2:DescribeSubnets"], ["*"])]
    if isinstance(operation.trigger, Topic):
        statements.append(_allow("EventSource", NETWORK, ["*"]))
    return statements


def _data(operation: Operation[..., object], stage: Stage, told: Told) -> list[iam.PolicyStatement]:
    """The database by the operation's login, the broker, and secrets by their own names."""
    statements, secrets = [], []
    if Uses.ADMIN in operation.uses:
        secrets.append(told.value("database-secret"))
    else:
        sign_in = told.database_login(user(operation))
        statements.append(_allow("Database", ["rds-db:connect"], [sign_in]))
    if Uses.SIGNING in operation.uses:
        secrets.append(told.value("signing-secret"))
    if is_scraped(stage, operation):
        secrets.append(told.value("scrape-secret"))
    if secrets:
        statements.append(_allow("Secrets", ["secretsmanager:GetSecretValue"], secrets))
        statements.append(_allow("SecretsKey", ["kms:Decrypt"], [told.value("key")]))
    return statements + _broker(operation, stage, told)


def _broker(operation: Operation[..., object], stage: Stage, told: Told) -> list[iam.PolicyStatement]:
    """What the operation does with topics: consume one, provision all, write, read, or look."""
    if isinstance(operation.trigger, Topic):
        return broker.consuming(operation, stage, operation.trigger.name, told)
    if Uses.KAFKA not in operation.uses:
        return []
    if Uses.OUTBOX in operation.uses:
        return broker.writing(told)
    if isinstance(operation.trigger, CustomResource):
        return broker.provisioning(told)
    return broker.reading(told) if operation.service == PLATFORM else broker.looking(told)


def _dead_letters(operation: Operation[..., object], stage: Stage) -> list[iam.PolicyStatement]:
    """Whoever nobody waits for may send there; the platform counts them, and its redriving takes them out."""
    statements = []
    if are_kept(operation):
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


def _mail(stage: Stage) -> list[str]:
    """The stage's domain, under its configuration set; whichever identity an emulator makes up."""
    if stage.local:
        return [f"{_here('ses')}:identity/*"]
    domain = stage.mail_domain or "none.invalid"
    return [
        f"{_here('ses')}:identity/{domain}",
        f"{_here('ses')}:configuration-set/{configuration(stage)}",
    ]


def _queue(stage: Stage, owner: str) -> str:
    return f"{_here('sqs')}:{queue_name(stage.name, owner)}"


def _here(service: str) -> str:
    return f"arn:{Aws.PARTITION}:{service}:{Aws.REGION}:{Aws.ACCOUNT_ID}"


def _allow(sid: str, actions: list[str], resources: list[str]) -> iam.PolicyStatement:
    return iam.PolicyStatement(sid=sid, actions=actions, resources=resources)
