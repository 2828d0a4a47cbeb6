"""cdk-nag over a whole app: what it finds is an error, unless it is acknowledged here with its reason.

The packs compare a finding's whole text, with its logical ids, to what is acknowledged. Patterns say the
same for each of two hundred roles, and a test sees to it that each of them is still needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import cdk_nag
from aws_cdk import App


@dataclass(frozen=True)
class Finding:
    """A rule that a resource breaks."""

    rule: str
    path: str
    severity: str
    description: str


@dataclass(frozen=True)
class Acknowledged:
    """Findings that are as they should be: patterns of rule and construct path, which match as a whole."""

    rule: str
    path: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        return bool(re.fullmatch(self.rule, finding.rule) and re.fullmatch(self.path, finding.path))


_OWN = "[a-z]+/[A-Za-z]+/Role/Resource"
_QUEUE = "[a-z]+/DeadLetters/Resource"
_ASKING = "data/AWS[0-9a-f]{32}"

ACKNOWLEDGED = (
    Acknowledged(
        r"AwsSolutions-IAM5\[Resource::\*\]",
        _OWN,
        "Traces and network interfaces know no resources: rights.UNBOUNDED says so for each, and a test lets "
        "no other statement do it.",
    ),
    Acknowledged(
        "Serverless-LambdaStarPermissions",
        _OWN,
        "As above: a test looks at each statement, and none allows every action.",
    ),
    Acknowledged(
        r"AwsSolutions-IAM5\[Resource::<\w+\.Arn>:\*\]", _OWN, "The streams of the function's own log group."
    ),
    Acknowledged(
        r"AwsSolutions-IAM5\[Resource::arn:.*:topic/.*/[a-z]+\.\*\]",
        _OWN,
        "The topics of a service: their names begin with its own. Relay, provisioning and health deal with "
        "all of them.",
    ),
    Acknowledged(
        r"AwsSolutions-IAM5\[Resource::arn:.*:s3:::.*/[a-z]+/\*\]", _OWN, "The service's part of the bucket."
    ),
    Acknowledged(
        r"AwsSolutions-IAM5\[Resource::arn:.*:function:groundwork-[a-z]+-\*\]",
        _OWN,
        "Composing and redriving call whichever function of the stage the plan or the letter names.",
    ),
    Acknowledged(
        r"AwsSolutions-IAM5\[Resource::arn:.*(:function:groundwork-[a-z]+-|:alarm:)\*\]",
        "[a-z]+-shift/Role/Resource",
        "CodeDeploy moves the alias of any of the stage's functions, and asks for alarms by name.",
    ),
    Acknowledged(
        r"AwsSolutions-IAM5\[Resource::arn:.*:dbuser:.*/groundwork_\*\]",
        "data/ProxyRole/DefaultPolicy/Resource",
        "The proxy passes on whoever IAM let in; each function's role names its one login.",
    ),
    Acknowledged(
        r"AwsSolutions-IAM4\[.*AWSLambdaBasicExecutionRole\]|Serverless-Lambda(DLQ|Tracing)",
        f"{_ASKING}/(ServiceRole/)?Resource",
        "The CDK's own function, which runs while the stack deploys, and then CloudFormation waits for it.",
    ),
    Acknowledged(
        r"AwsSolutions-IAM4\[.*AmazonAPIGatewayPushToCloudWatchLogs\]",
        "api/Api/CloudWatchRole/Resource",
        "The role of the account by which API Gateway logs at all; AWS keeps this policy for it.",
    ),
    Acknowledged(
        r"AwsSolutions-IAM4\[.*AWSBackupServiceRolePolicyForBackup\]",
        "data/BackupRole/Resource",
        "What AWS Backup needs to back anything up, kept by AWS; only AWS Backup takes the role.",
    ),
    Acknowledged(
        "AwsSolutions-EC23",
        "network/Vpc/[A-Z][a-z]+/SecurityGroup/Resource",
        "The rule cannot read the network's own range, from which the endpoints are reached.",
    ),
    Acknowledged(
        "AwsSolutions-APIG2",
        "api/Api/Resource",
        "Each operation validates its own requests (docs/adr/0005).",
    ),
    Acknowledged(
        "AwsSolutions-RDS10",
        "data/Database/Resource",
        "A stage without `protected` is made to be destroyed; where it is set, the cluster is protected, and "
        "a test looks at it.",
    ),
    Acknowledged(
        "AwsSolutions-S1",
        "files/Bucket",
        "Whoever touches a file is a function that logs it, or holds a link that one signed; files expire.",
    ),
    Acknowledged(
        "AwsSolutions-SMG4",
        "data/(Signing|Scrape)Secret/Resource",
        "What the one encrypts must be encrypted anew, the other is the scraper's too: both are changed by "
        "hand, see docs/runbooks.md. The owner's password, which has no such bonds, RDS rotates each week.",
    ),
    Acknowledged(
        "AwsSolutions-SQS3|Serverless-SQSRedrivePolicy", _QUEUE, "It is the queue of dead letters itself."
    ),
    Acknowledged(
        "Serverless-EventBusDLQ",
        ".+/Schedule/Resource",
        "A tick that was not delivered is made up for by the next; an alarm watches the relay's.",
    ),
    Acknowledged(
        "Serverless-LambdaAsyncFailureDestination",
        "[a-z]+/(GaugesMeasure|RelayRelay|WaitingResume|SweepingSweep|WorkersWorkOff)/Failures/Resource",
        "The next tick does what this one failed to do, minutes later (dead_letters.OFTEN); alarms count the "
        "errors.",
    ),
    Acknowledged(
        "Serverless-LambdaDLQ",
        ".+/Function/Resource",
        "Who is waited for tells its caller; who is not has a destination for failures (EventInvokeConfig, "
        "event source mapping), which the rule does not look at.",
    ),
)


def findings(app: App) -> Iterator[Finding]:
    """What the packs find, acknowledged or not."""
    for pack in (cdk_nag.AwsSolutionsChecks(), cdk_nag.ServerlessChecks()):
        for violation in pack.validate_scope(app).violations:
            for resource in violation.violating_resources:
                yield Finding(
                    violation.rule_name,
                    resource.construct_path or "",
                    str(violation.severity),
                    violation.description,
                )


def open_findings(found: Iterable[Finding]) -> list[Finding]:
    """Those that nobody acknowledged."""
    return [finding for finding in found if not any(known.covers(finding) for known in ACKNOWLEDGED)]


def check(app: App) -> None:
    """End with what is open, if anything is."""
    left = open_findings(findings(app))
    if left:
        lines = [f"{finding.path}: {finding.rule}: {finding.description}" for finding in left]
        raise SystemExit("\n".join(["cdk-nag has something to say:", *lines]))
