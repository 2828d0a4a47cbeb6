"""What was deployed to a stage, and the way back to what was deployed before.

The way back is CloudFormation's: it updates the stacks to the templates that they had. An alias that is moved
behind its back would fail the next deployment, since CodeDeploy begins where CloudFormation left off.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from botocore.exceptions import ClientError, WaiterError

from common.operation import PLATFORM, SERVICES, discover_all
from infra.cdk.names import LIVE, function_name, is_shifted, parameter
from infra.cdk.stages import Stage

CODE = (PLATFORM, *SERVICES)
"""The stacks of the functions that callers call. They go back together, and then the API's routes."""
KEPT = 2
"""How many versions of a function stay: the one that serves, and the one that may still end what it began."""


class NoWayBackError(Exception):
    """The stage cannot go back; the message says why and what to do."""


class Release(msgspec.Struct, frozen=True):
    """One deployment: its name, the revision that its code needs, its templates' addresses by stack."""

    name: str
    revision: str
    templates: dict[str, str]


@dataclass(frozen=True)
class Releases:
    """A stage's releases; ``aws`` gives a client of a service by its name."""

    stage: Stage
    aws: Callable[[Any], Any]

    def note(self, release: Release) -> None:
        """Remember a deployment that has succeeded."""
        self.aws("ssm").put_parameter(
            Name=self._parameter,
            Value=msgspec.json.encode(release).decode(),
            Description="The release that serves; its history is the way back",
            Type="String",
            Overwrite=True,
        )

    def all(self) -> list[Release]:
        """The releases that were deployed, the newest first."""
        pages = self.aws("ssm").get_paginator("get_parameter_history").paginate(Name=self._parameter)
        try:
            found = [entry["Value"] for page in pages for entry in page["Parameters"]]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ParameterNotFound":
                return []
            raise
        return [msgspec.json.decode(value, type=Release) for value in reversed(found)]

    def goal(self, name: str = "") -> Release:
        """The release to go back to: that one, else the last whose templates differ from the present ones."""
        released = self.all()
        for release in released:
            if release.name == name or (not name and release.templates != released[0].templates):
                return release
        raise NoWayBackError(
            f"There is no release {name or 'before this one'}; there are: "
            f"{', '.join(dict.fromkeys(r.name for r in released)) or 'none'}."
        )

    def go_back(self, release: Release, say: Callable[[str], None]) -> None:
        """Bring functions and routes to what they were, all callers at once."""
        for group in (CODE, ("api",)):
            updating = [
                stack for stack in group if stack in release.templates and self._update(release, stack)
            ]
            for stack in updating:
                say(f"Waiting for {stack}")
                self._wait(stack)

    def _update(self, release: Release, stack: str) -> bool:
        """Begin to update one stack; false if it is at that template already."""
        address = self._at_once(release.templates[stack])
        try:
            self.aws("cloudformation").update_stack(
                StackName=self.stage.name_of(stack),
                TemplateURL=address,
                Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
            )
        except ClientError as error:
            if "No updates are to be performed" in str(error):
                return False
            raise NoWayBackError(f"{stack} cannot be updated: {error}") from error
        return True

    def _wait(self, stack: str) -> None:
        waiter = self.aws("cloudformation").get_waiter("stack_update_complete")
        try:
            waiter.wait(StackName=self.stage.name_of(stack), WaiterConfig={"Delay": 10, "MaxAttempts": 180})
        except WaiterError as error:
            raise NoWayBackError(f"{stack} was not updated; its events in CloudFormation say why.") from error

    def _at_once(self, address: str) -> str:
        """A copy of a template whose aliases move without CodeDeploy, which would take its ten minutes."""
        bucket, _, key = address.removeprefix("s3://").partition("/")
        s3 = self.aws("s3")
        text = without_shift(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())
        copy = f"{hashlib.sha256(text.encode()).hexdigest()}.json"
        s3.put_object(Bucket=bucket, Key=copy, Body=text.encode())
        return f"https://{bucket}.s3.{s3.meta.region_name}.amazonaws.com/{copy}"

    def remove_old_versions(self) -> int:
        """Remove the versions that nobody is served by any more; how many they were."""
        functions = self.aws("lambda")
        removed = 0
        for operation in discover_all():
            if is_shifted(self.stage, operation):
                for version in self._old(functions, function_name(self.stage, operation)):
                    functions.delete_function(
                        FunctionName=function_name(self.stage, operation), Qualifier=version
                    )
                    removed += 1
        return removed

    @staticmethod
    def _old(functions: Any, name: str) -> Iterator[str]:
        live = functions.get_alias(FunctionName=name, Name=LIVE)
        serving = {
            live["FunctionVersion"],
            *live.get("RoutingConfig", {}).get("AdditionalVersionWeights", {}),
        }
        pages = functions.get_paginator("list_versions_by_function").paginate(FunctionName=name)
        found = [v["Version"] for page in pages for v in page["Versions"] if v["Version"] != "$LATEST"]
        newest = sorted(found, key=int)[-KEPT:]
        return (version for version in found if version not in serving and version not in newest)

    @property
    def _parameter(self) -> str:
        return parameter(self.stage, "release")


def without_shift(template: str) -> str:
    """A template whose aliases CloudFormation moves by itself."""
    document = json.loads(template)
    for resource in document["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Alias":
            resource.pop("UpdatePolicy", None)
    return json.dumps(document, separators=(",", ":"))


def templates(assembly: Path, account: str, region: str, stacks: Sequence[str]) -> dict[str, str]:
    """Where the CDK has put the templates of an assembly, by stack: ``s3://<bucket>/<key>``."""
    artifacts = json.loads((assembly / "manifest.json").read_text())["artifacts"]
    return {
        stack: artifacts[stack]["properties"]["stackTemplateAssetObjectUrl"]
        .replace("${AWS::AccountId}", account)
        .replace("${AWS::Region}", region)
        for stack in stacks
    }
