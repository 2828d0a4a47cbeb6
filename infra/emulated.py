"""`python -m infra.emulated`: deploy a stage's templates to an emulator, as far as it has their types.

No code runs, and nothing is reached: what this shows is that types, references, order and names fit together.
What the emulator does not know, or refuses, is left out of the templates and listed; whatever refers to it is
told a stand-in.
"""

from __future__ import annotations

import io
import json
import re
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

ACCOUNT, REGION = "000000000000", "us-east-1"
UNKNOWN = re.compile(r"Unrecognized resource types: \[([^\]]*)\]")
ASKS = "left out, since its function would have to run and ask AWS"
PATIENCE = 120
"""Seconds that a stack may take."""
REFUSALS = 40
"""How many resources a stack may lose, one after the other, before it is given up."""
_PSEUDO = {"${AWS::AccountId}": ACCOUNT, "${AWS::Region}": REGION, "${AWS::Partition}": "aws"}


class GivenUpError(Exception):
    """A stack cannot be deployed even without what the emulator does not know."""


@dataclass
class Outcome:
    """What an emulator made of the templates: resources by type, and why some are missing."""

    accepted: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    refused: dict[str, str] = field(default_factory=dict)
    """The first reason for each type of which it refused a resource."""

    def rows(self) -> Iterator[str]:
        """The outcome as a table of Markdown."""
        yield "| type | resources | the emulator |"
        yield "|---|---:|---|"
        for kind in sorted(self.accepted.keys() | self.unknown.keys() | self.refused.keys()):
            if kind in self.unknown:
                yield f"| `{kind}` | {self.unknown[kind]} | does not know it |"
            elif kind in self.refused:
                yield f"| `{kind}` | {self.accepted[kind]} | not all: {self.refused[kind]} |"
            else:
                yield f"| `{kind}` | {self.accepted[kind]} | has it |"


class Emulator:
    """An emulator's CloudFormation; ``endpoint`` is its address."""

    def __init__(self, endpoint: str) -> None:
        session = boto3.Session(
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the emulators take any
            region_name=REGION,
        )
        self._s3 = session.client("s3", endpoint_url=endpoint)
        self._ssm = session.client("ssm", endpoint_url=endpoint)
        self._cloudformation = session.client("cloudformation", endpoint_url=endpoint)

    def deploy(self, assembly: Path) -> Outcome:
        """Every stack of an assembly, each after those that it depends on."""
        outcome = Outcome()
        artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"]
        for stack in in_order(artifacts):
            self._put_assets(assembly / f"{stack}.assets.json")
            properties = artifacts[stack]["properties"]
            template = json.loads((assembly / properties["templateFile"]).read_text())
            self._create(properties["stackName"], template, outcome)
        return outcome

    def _put_assets(self, manifest: Path) -> None:
        """Something under each asset's key; nobody looks into it."""
        for asset in json.loads(manifest.read_text())["files"].values():
            for destination in asset["destinations"].values():
                bucket = _without_pseudo(destination["bucketName"])
                self._s3.create_bucket(Bucket=bucket)
                self._s3.put_object(Bucket=bucket, Key=destination["objectKey"], Body=_archive())

    def _create(self, name: str, template: dict[str, Any], outcome: Outcome) -> None:
        asking = {i: ASKS for i, r in template["Resources"].items() if r["Type"].startswith("Custom::")}
        outcome.refused.update({template["Resources"][i]["Type"]: reason for i, reason in asking.items()})
        template = without(template, _parameters_of_bootstrap(template), asking)
        for _ in range(REFUSALS):
            missing = self._attempt(name, template)
            if not missing:
                outcome.accepted.update(r["Type"] for r in template["Resources"].values())
                return
            for logical_id, reason in missing.items():
                kind = template["Resources"][logical_id]["Type"]
                if reason:
                    outcome.refused.setdefault(kind, reason)
                else:
                    outcome.unknown[kind] += 1
                if kind == "AWS::SSM::Parameter":
                    self._tell_in_its_place(logical_id, template["Resources"][logical_id]["Properties"])
            template = without(template, set(), missing)
        raise GivenUpError(f"{name}: more than {REFUSALS} attempts; the last lost {missing}")

    def _attempt(self, name: str, template: dict[str, Any]) -> Mapping[str, str]:
        """Create a stack; what of it cannot be, by logical id, with the reason if it is of a known type."""
        key = f"{name}.json"
        bucket = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
        self._s3.create_bucket(Bucket=bucket)
        self._s3.put_object(Bucket=bucket, Key=key, Body=json.dumps(template).encode())
        try:
            self._cloudformation.create_stack(
                StackName=name,
                TemplateURL=f"{self._s3.meta.endpoint_url}/{bucket}/{key}",
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
            )
        except ClientError as error:
            found = UNKNOWN.search(str(error))
            if found is None:
                raise GivenUpError(f"{name}: {error}") from error
            kinds = set(found[1].split(", "))
            return {i: "" for i, r in template["Resources"].items() if r["Type"] in kinds}
        status = self._settled(name)
        if status == "CREATE_COMPLETE":
            return {}
        pages = self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=name)
        events = [event for page in pages for event in page["StackEvents"]]
        failed = {
            event["LogicalResourceId"]: event.get("ResourceStatusReason", status)[:120]
            for event in events
            if event["ResourceStatus"] == "CREATE_FAILED"
            and event["LogicalResourceId"] in template["Resources"]
        }
        self._cloudformation.delete_stack(StackName=name)
        self._settled(name)
        if not failed:
            told = [e["ResourceStatusReason"] for e in events if e.get("ResourceStatusReason")]
            raise GivenUpError(f"{name}: {status}: {told[:3]}")
        return failed

    def _tell_in_its_place(self, logical_id: str, properties: Mapping[str, Any]) -> None:
        """A stand-in for what other stacks read."""
        value = _stand_in(logical_id, "arn")
        self._ssm.put_parameter(Name=properties["Name"], Value=value, Type="String", Overwrite=True)

    def _settled(self, name: str) -> str:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                (stack,) = self._cloudformation.describe_stacks(StackName=name)["Stacks"]
            except ClientError:
                return "DELETE_COMPLETE"
            if not stack["StackStatus"].endswith("IN_PROGRESS"):
                return stack["StackStatus"]
            time.sleep(0.2)
        raise GivenUpError(f"{name} is still at it after {PATIENCE} s")


def in_order(artifacts: Mapping[str, Any]) -> list[str]:
    """The stacks of a manifest, each after those that it depends on."""
    stacks = {name: a for name, a in artifacts.items() if a["type"] == "aws:cloudformation:stack"}
    placed: list[str] = []

    def place(name: str) -> None:
        for needed in stacks[name].get("dependencies", ()):
            if needed in stacks and needed not in placed:
                place(needed)
        if name not in placed:
            placed.append(name)

    for name in stacks:
        place(name)
    return placed


def without(template: dict[str, Any], parameters: set[str], missing: Mapping[str, str]) -> dict[str, Any]:
    """A template without some parameters and resources; whatever refers to one gets a text in its place."""
    kept: dict[str, Any] = {
        **template,
        "Parameters": {k: v for k, v in template.get("Parameters", {}).items() if k not in parameters},
        "Resources": {k: v for k, v in template["Resources"].items() if k not in missing},
    }
    kept.pop("Rules", None)
    gone = parameters | set(missing)
    return {section: _told(content, gone) for section, content in kept.items()}


def _told(node: Any, gone: set[str]) -> Any:
    if isinstance(node, list):
        return [_told(each, gone) for each in node]
    if not isinstance(node, dict):
        return node
    if node.get("Ref") in gone:
        return f"missing-{node['Ref']}"
    attribute = node.get("Fn::GetAtt")
    if isinstance(attribute, list) and attribute[0] in gone:
        return _stand_in(*attribute)
    told = {key: _told(value, gone) for key, value in node.items()}
    if "DependsOn" in told:
        needed = [told["DependsOn"]] if isinstance(told["DependsOn"], str) else told["DependsOn"]
        told["DependsOn"] = [each for each in needed if each not in gone]
    return told


def _stand_in(logical_id: str, attribute: str) -> str:
    """What looks like such an attribute: templates take ARNs apart."""
    if attribute.lower().endswith("arn"):
        return f"arn:aws:missing:{REGION}:{ACCOUNT}:cluster/{logical_id}/missing"
    return f"missing-{logical_id}-{attribute}".replace(".", "-")


def _parameters_of_bootstrap(template: dict[str, Any]) -> set[str]:
    return {"BootstrapVersion"} & set(template.get("Parameters", {}))


def _without_pseudo(text: str) -> str:
    for name, value in _PSEUDO.items():
        text = text.replace(name, value)
    return text


def _archive() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("empty.py", "")
    return packed.getvalue()


def main() -> int:
    """``python -m infra.emulated ASSEMBLY ENDPOINT``: print the table."""
    assembly, endpoint = sys.argv[1:]
    print("\n".join(Emulator(endpoint).deploy(Path(assembly)).rows()))  # noqa: T201 - a command tells what it found
    return 0


if __name__ == "__main__":
    sys.exit(main())
