"""`make deploy STAGE=...`: bring a stage on AWS to this release, in an order that is safe under traffic.

Network and data first, then the platform's functions. These migrate the database and provision the topics,
which releases before and after a migration both must live with; only then follows the code that needs them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from common.operation import PLATFORM, SERVICES
from infra.cdk import stages
from infra.cdk.bundling import BUILD, ROOT
from infra.deployed import Deployed, UnreachableError
from migrations import runner

BEFORE = (("network",), ("data",), (PLATFORM,))
"""Groups of stacks that go before the database is migrated, one after the other."""
AFTER = (SERVICES, ("files", "api"), ("observability",))
"""And those that go after."""


class DeployError(Exception):
    """The deployment cannot go on; the message says why and what to do."""


@dataclass(frozen=True)
class Deployment:
    """One stage's deployment; ``run`` starts a command of the CDK and gives its exit status."""

    stage: stages.Stage
    say: Callable[[str], None]
    invoke: Callable[[str, dict[str, Any]], dict[str, Any]]
    run: Callable[[Sequence[str]], int]
    assembly: Path = field(default=BUILD / "assembly")

    def all(self) -> None:
        """Every step; the first that fails is the last."""
        self._cdk("synth", "--quiet", "--context", f"stage={self.stage.name}", "--output", str(self.assembly))
        for group in BEFORE:
            self._deploy(group)
        self._migrate()
        self._provision()
        for later in AFTER:
            self._deploy(later)

    def _deploy(self, group: Sequence[str]) -> None:
        self.say(f"Deploying {', '.join(group)}")
        together = ["--exclusively", "--require-approval", "never", "--concurrency", str(len(group))]
        self._cdk("deploy", *group, "--app", str(self.assembly), *together)

    def _cdk(self, *arguments: str) -> None:
        status = self.run(arguments)
        if status:
            raise DeployError(
                f"`cdk {arguments[0]}` ended with {status}. What was deployed before stays, and nothing "
                f"after it was begun; deploy again when what it says is mended."
            )

    def _migrate(self) -> None:
        self.say("Migrating the database")
        told = self.invoke("migrations", {"command": "upgrade"})
        if told.get("ok") is not True or told.get("after") != runner.head():
            raise DeployError(
                f"The database is at {told.get('after')}, and this release needs {runner.head()}; its "
                f"functions were not deployed. The log of {self.stage.name_of('migrations')} says why."
            )
        self.say(f"The database is at {told['after']}; it was at {told.get('before')}.")

    def _provision(self) -> None:
        self.say("Provisioning the topics")
        told = self.invoke("topics", {})
        if told.get("ok") is not True or told.get("narrow"):
            raise DeployError(f"The topics are not as declared: {told}. The services were not deployed.")
        created, altered = len(told.get("created", ())), len(told.get("altered", ()))
        self.say(f"{created} topics created, {altered} altered.")


def account(stage: stages.Stage) -> str:
    """The account and region that the stage goes to, as the environment says."""
    if stage.local:
        raise DeployError("Stage local is this machine: `make up` deploys it.")
    region = boto3.session.Session().region_name
    if not region:
        raise DeployError(
            "No region is set: say AWS_DEFAULT_REGION=..., or choose a profile with AWS_PROFILE=..."
        )
    try:
        identity = boto3.client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise DeployError(
            f"AWS does not know you: {error}. Sign in (`aws sso login`), or set AWS_PROFILE."
        ) from error
    return f"{identity['Account']}/{region}"


def _run(arguments: Sequence[str]) -> int:
    cdk = ROOT / "node_modules" / ".bin" / "cdk"
    if not cdk.exists():
        raise DeployError("The CDK's command line is missing; `make setup` installs it.")
    return subprocess.run([str(cdk), *arguments], cwd=ROOT, env=os.environ, check=False).returncode  # noqa: S603


def main() -> int:
    """Deploy; 1 if it cannot, with the reason."""
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description=__doc__)
    parser.add_argument("stage", help=f"one of {', '.join(stages.names()[1:])}")
    console = Console()
    stage = stages.stage(parser.parse_args().stage)
    try:
        console.print(f"Stage {stage.name} in {account(stage)}", highlight=False)
        deployed = Deployed(stage, "", ())
        Deployment(stage, console.print, deployed.invoke, _run, BUILD / stage.name / "assembly").all()
    except (DeployError, UnreachableError) as error:
        console.print(f"[red]✗[/] {error}", highlight=False)
        return 1
    console.print(
        f"[green]✓[/] Stage {stage.name} is deployed. `make validate STAGE={stage.name}` looks at it."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
