"""`make deploy STAGE=...`: bring a stage on AWS to this release, in an order that is safe under traffic.

What the code stands on first; then the database and the topics are widened, which the release before can live
with; then callers are taken over, function by function, and the API to its new routes; at last goes what only
the release before used. `make rollback STAGE=...` goes back.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console

from common.operation import PLATFORM, SERVICES, Route, discover_all
from infra.cdk import stages
from infra.cdk.bundling import BUILD, ROOT
from infra.cdk.names import function_name
from infra.deployed import Deployed, UnreachableError
from infra.releases import CODE, NoWayBackError, Release, Releases, templates
from migrations import runner

GROUND = (("network",), ("data",), ("migration",))
"""Groups of stacks that the code stands on, one after the other."""
SHIFTS = tuple(f"{owner}-shift" for owner in (PLATFORM, *SERVICES))
ROUTES = ("files", "api")
"""What calls the functions by name, so that it follows them."""


class DeployError(Exception):
    """The deployment cannot go on; the message says why and what to do."""


@dataclass(frozen=True)
class Deployment:
    """One stage's deployment; ``run`` starts a command of the CDK and gives its exit status."""

    stage: stages.Stage
    release: str
    say: Callable[[str], None]
    invoke: Callable[[str, dict[str, Any]], dict[str, Any]]
    run: Callable[[Sequence[str]], int]
    functions: Callable[[], set[str]]
    """The names of the functions that are deployed."""
    assembly: Path = field(default=BUILD / "assembly")

    def all(self, *, contract: bool = True) -> None:
        """Every step; the first that fails is the last. Without ``contract``, what contracts waits."""
        self._synthesize(self.assembly)
        for group in GROUND:
            self._deploy(group)
        self._expand()
        self._provision()
        self._withdraw()
        if self.stage.mail_domain:
            self._deploy(("mail",))
        if self.stage.shift:
            self._deploy(SHIFTS)
        self._deploy(CODE)
        self._deploy(ROUTES)
        if contract:
            self._contract()
        self._deploy(("observability",))

    def _synthesize(self, assembly: Path, *context: str) -> None:
        told = {"stage": self.stage.name, "release": self.release}
        if self.stage.at_once:
            told["at-once"] = "true"
        asked = [word for key, value in told.items() for word in ("--context", f"{key}={value}")]
        self._cdk("synth", "--quiet", *asked, *context, "--output", str(assembly))

    def _deploy(self, group: Sequence[str], assembly: Path | None = None) -> None:
        self.say(f"Deploying {', '.join(group)}")
        together = ["--exclusively", "--require-approval", "never", "--concurrency", str(len(group))]
        self._cdk("deploy", *group, "--app", str(assembly or self.assembly), *together)

    def _cdk(self, *arguments: str) -> None:
        status = self.run(arguments)
        if status:
            raise DeployError(
                f"`cdk {arguments[0]}` ended with {status}. A stack that failed is as it was, and nothing "
                f"after it was begun. Deploy again when what it says is mended, or go back: "
                f"make rollback STAGE={self.stage.name}."
            )

    def _expand(self) -> None:
        """Add what this release needs, and no more than the one before it can live with."""
        self.say("Expanding the database")
        self._migrate("expand", runner.expand_head())

    def _contract(self) -> None:
        """Take away what only the release before used: from here there is no way back to it."""
        if runner.head() != runner.expand_head():
            self.say("Contracting the database")
            self._migrate("contract", runner.head())

    def _migrate(self, command: str, goal: str) -> None:
        told = self.invoke("migrations", {"command": command})
        if told.get("ok") is not True or str(told.get("after") or "") < goal:
            raise DeployError(
                f"The database is at {told.get('after')}, and this step needs {goal}; nothing after it was "
                f"begun. The log of {self.stage.name_of('migrations')} says why."
            )
        self.say(f"The database is at {told['after']}; it was at {told.get('before')}.")

    def _provision(self) -> None:
        self.say("Provisioning the topics")
        told = self.invoke("topics", {})
        if told.get("ok") is not True or told.get("narrow"):
            raise DeployError(f"The topics are not as declared: {told}. The services were not deployed.")
        created, altered = len(told.get("created", ())), len(told.get("altered", ()))
        self.say(f"{created} topics created, {altered} altered.")

    def _withdraw(self) -> None:
        """Take the routes of withdrawn operations from the API while their functions are there to answer."""
        deployed = self.functions()
        kept = [o for o in discover_all() if isinstance(o.trigger, Route)]
        names = {function_name(self.stage, o) for o in discover_all()}
        ours = tuple(self.stage.name_of(f"{service}-") for service in SERVICES)
        withdrawn = sorted(name for name in deployed - names if name.startswith(ours))
        if not withdrawn:
            return
        self.say(f"Withdrawing {', '.join(withdrawn)}")
        narrowed = self.assembly.with_name("withdrawing")
        routed = self.assembly.with_name("routed.json")
        routed.parent.mkdir(parents=True, exist_ok=True)
        routed.write_text(json.dumps(sorted(o.id for o in kept if function_name(self.stage, o) in deployed)))
        self._synthesize(narrowed, "--context", f"routed={routed}")
        self._deploy(("api",), narrowed)


@dataclass(frozen=True)
class Place:
    """The account and region that a stage goes to, as the environment says."""

    account: str
    region: str

    @classmethod
    def of(cls, stage: stages.Stage) -> Place:
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
        return cls(str(identity["Account"]), region)


def deploy(stage: stages.Stage, place: Place, say: Callable[[str], None], *, contract: bool) -> None:
    """Bring the stage to this release, note it, and tidy up after the one before."""
    deployed, releases = Deployed(stage, "", ()), _releases(stage)
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    assembly = BUILD / stage.name / "assembly"
    existing = lambda: _functions(deployed)  # noqa: E731 - asked when its turn comes
    Deployment(stage, name, say, deployed.invoke, _run, existing, assembly).all(contract=contract)
    addresses = templates(assembly, place.account, place.region, [*CODE, "api"])
    releases.note(Release(name, runner.expand_head(), addresses))
    say(f"{releases.remove_old_versions()} old versions removed.")


def rollback(stage: stages.Stage, say: Callable[[str], None], name: str = "") -> None:
    """Bring functions and routes back to a release before; the database stays as it is."""
    releases = _releases(stage)
    goal = releases.goal(name)
    present = Deployed(stage, "", ()).invoke("migrations", {"command": "current"}).get("after")
    taken = taken_since(goal.revision, str(present))
    if taken:
        raise NoWayBackError(
            f"{', '.join(taken)} took away what release {goal.name} uses. Mend this release, and deploy it "
            "with AT_ONCE=1 if callers are served badly."
        )
    say(f"Going back to release {goal.name}")
    releases.go_back(goal, say)
    releases.note(goal)


def taken_since(earlier: str, present: str) -> list[str]:
    """The revisions that took something away since the database was at an earlier one."""
    return [
        script.revision
        for script in runner.revisions()
        if earlier < script.revision <= present and runner.contracts(script)
    ]


def _releases(stage: stages.Stage) -> Releases:
    return Releases(stage, Deployed(stage, "", ()).aws)


def _functions(deployed: Deployed) -> set[str]:
    pages = deployed.aws("lambda").get_paginator("list_functions").paginate()
    return {function["FunctionName"] for page in pages for function in page["Functions"]}


def _run(arguments: Sequence[str]) -> int:
    cdk = ROOT / "node_modules" / ".bin" / "cdk"
    if not cdk.exists():
        raise DeployError("The CDK's command line is missing; `make setup` installs it.")
    return subprocess.run([str(cdk), *arguments], cwd=ROOT, env=os.environ, check=False).returncode  # noqa: S603


def main() -> int:
    """Deploy or go back; 1 if it cannot, with the reason."""
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description=__doc__)
    parser.add_argument("stage", help=f"one of {', '.join(stages.names()[1:])}")
    parser.add_argument(
        "--at-once", action="store_true", help="all callers at once, unwatched: a remedy while alarms are on"
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave for the next deployment what takes away from the database"
    )
    parser.add_argument(
        "--rollback",
        nargs="?",
        const="",
        metavar="RELEASE",
        help="go back, to the release before if none is named",
    )
    arguments = parser.parse_args()
    console = Console()
    stage = stages.stage(arguments.stage, at_once=arguments.at_once)

    def say(line: str) -> None:
        console.print(line, highlight=False)

    try:
        place = Place.of(stage)
        say(f"Stage {stage.name} in {place.account}/{place.region}")
        if arguments.rollback is None:
            deploy(stage, place, say, contract=not arguments.keep)
        else:
            rollback(stage, say, arguments.rollback)
    except (DeployError, NoWayBackError, UnreachableError) as error:
        say(f"[red]✗[/] {error}")
        return 1
    done = "is deployed" if arguments.rollback is None else "is back"
    say(f"[green]✓[/] Stage {stage.name} {done}. `make validate STAGE={stage.name}` looks at it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
