"""The stage `local` of the CDK app, deployed to the emulator: only as much of it as has changed.

Measured on two cores: the synthesis takes ten seconds and more (the CDK runs in Node, called from Python once
per construct), the deployment of sixty functions four, on ministack. So the assembly is kept, and made anew
only when its sources differ; a deployment is skipped when this emulator already has this assembly.
"""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local import aws, node
from local.errors import DeployError
from local.state import ROOT, STATE, read_json, write_json

SOURCES = ("infra", "layers", "functions", "migrations", "cdk.json", "pyproject.toml", "package.json")
LEFT_OUT = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
STAGE = "local"
BOOTSTRAP_VERSION = "/cdk-bootstrap/hnb659fds/version"
API_STACK = f"groundwork-{STAGE}-api"
# That a stack is complete proves nothing: LocalStack calls custom resources created without running them.
COMPLETING: tuple[tuple[str, dict[str, str]], ...] = (
    (f"groundwork-{STAGE}-migrations", {"command": "upgrade"}),
    (f"groundwork-{STAGE}-topics", {}),
)

Report = Callable[[str], None]


@dataclass(frozen=True)
class Backing:
    """What the functions of the stage reach: a database and a Kafka."""

    database_url: str
    kafka: str

    def environment(self) -> dict[str, str]:
        """How the CDK app is told."""
        return {"DATABASE_URL": self.database_url, "KAFKA_BOOTSTRAP_SERVERS": self.kafka}


@dataclass(frozen=True)
class Deployment:
    """The stage on one emulator. `emulator` names a run of it: the next one has forgotten everything."""

    emulator: str
    backing: Backing
    home: Path = STATE / "deploy"

    @property
    def assembly(self) -> Path:
        """The synthesized templates and assets."""
        return self.home / "cdk.out"

    def digest(self) -> str:
        """A name for all that the assembly depends on."""
        digest = hashlib.sha256(f"{sys.version}{sys.platform}{self.backing}".encode())
        for path in _files(ROOT, SOURCES):
            digest.update(f"{path.relative_to(ROOT)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()

    def is_current(self) -> bool:
        """Whether this run of the emulator has what the sources say."""
        noted = read_json(self.home / "deployed.json") == {"emulator": self.emulator, "digest": self.digest()}
        return noted and self._answers("cloudformation", "describe_stacks", StackName=API_STACK)

    def is_synthesized(self) -> bool:
        """Whether the assembly is the one of these sources."""
        stamp = self.home / "synthesized"
        return stamp.exists() and stamp.read_text() == self.digest()

    def synthesize(self) -> None:
        """Make the assembly."""
        digest, stamp = self.digest(), self.home / "synthesized"
        self.home.mkdir(parents=True, exist_ok=True)
        stamp.unlink(missing_ok=True)
        shutil.rmtree(self.assembly, ignore_errors=True)
        app = json.loads((ROOT / "cdk.json").read_text())
        # what the CDK's command line would do, without waiting for it to start
        context = {**app.get("context", {}), "stage": STAGE, "aws:cdk:disable-stack-trace": True}
        _run(
            shlex.split(app["app"]),
            {
                "CDK_OUTDIR": str(self.assembly),
                "CDK_CONTEXT_JSON": json.dumps(context),
                **self.backing.environment(),
            },
            self.home / "synth.log",
        )
        stamp.write_text(digest)

    def is_bootstrapped(self) -> bool:
        """Whether the CDK's own bucket and roles are there."""
        return self._answers("ssm", "get_parameter", Name=BOOTSTRAP_VERSION)

    def bootstrap(self) -> None:
        """Make the CDK's own bucket and roles."""
        self.home.mkdir(parents=True, exist_ok=True)
        target = f"aws://{aws.ACCOUNT}/{aws.REGION}"
        # away from cdk.json, which would have the command line run the app first
        _run([str(node.cdk()), "bootstrap", target], {}, self.home / "bootstrap.log", directory=self.home)

    def deploy(self) -> None:
        """Bring all stacks to what the assembly says."""
        outputs = self.home / "outputs.json"
        # Stacks that do not wait for each other go together; nobody reviews change sets here.
        options = "--all --require-approval never --concurrency 6 --asset-parallelism true --method direct"
        places = ["--app", str(self.assembly), "--outputs-file", str(outputs)]
        command = [str(node.cdk()), "deploy", *options.split(), "--progress", "events", *places]
        _run(command, {}, self.home / "deploy.log")

    def complete(self, report: Report = lambda _: None) -> None:
        """Run what a deployment is not complete without, whether or not it was deployed just now."""
        for function, payload in COMPLETING:
            report(function)
            invoke(function, payload)

    def remember(self) -> None:
        """Note that this run of the emulator has this assembly."""
        write_json(self.home / "deployed.json", {"emulator": self.emulator, "digest": self.digest()})

    def api(self) -> str:
        """The API's base URL, by the path that ministack and LocalStack both serve."""
        outputs = read_json(self.home / "outputs.json") or {}
        try:
            api = outputs[API_STACK]
            return f"{aws.endpoint()}/_aws/execute-api/{api['ApiId']}/{api['ApiStage']}"
        except KeyError as missing:
            raise DeployError(f"The stack {API_STACK} has no output {missing}.") from None

    @staticmethod
    def _answers(service: str, operation: str, **parameters: str) -> bool:
        try:
            getattr(aws.client(service), operation)(**parameters)
        except ClientError:
            return False  # it is not there
        return True


def invoke(function: str, payload: Mapping[str, Any], *, seconds: float = 300) -> dict[str, Any]:
    """Call a function of the stage and give its answer; an error, or `"ok": false`, fails the deployment."""
    client = aws.client("lambda", read_timeout=seconds)
    try:
        response = client.invoke(FunctionName=function, Payload=json.dumps(payload).encode())
    except client.exceptions.ResourceNotFoundException:
        raise DeployError(f"The function {function} was not deployed.") from None
    text = response["Payload"].read().decode()
    answer = json.loads(text or "null")
    if response.get("FunctionError"):
        problem = answer.get("errorMessage", text) if isinstance(answer, dict) else text
        raise DeployError(f"{function} failed: {problem}", f"Its log: python -m local logs {function}")
    if isinstance(answer, dict) and answer.get("ok") is False:
        raise DeployError(f"{function} says that it is not done: {text}")
    return answer if isinstance(answer, dict) else {"answer": answer}


def _files(root: Path, names: Sequence[str]) -> Iterator[Path]:
    """All source files below these names, in a fixed order."""
    for name in names:
        place = root / name
        if place.is_file():
            yield place
        for directory, inner, files in os.walk(place):
            inner[:] = sorted(set(inner) - LEFT_OUT)
            yield from (Path(directory) / file for file in sorted(files) if not file.endswith(".pyc"))


def _run(command: Sequence[str], variables: Mapping[str, str], log: Path, directory: Path = ROOT) -> None:
    """Run a build tool against the emulator, its output in a log, and the end of that in the error."""
    environment = {**aws.process_environment(), **node.QUIET, "CI": "1", "NO_COLOR": "1", **variables}
    with log.open("w") as output:
        result = subprocess.run(
            command,
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if result.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
        raise DeployError(f"`{' '.join(command[:2])}` failed. The end of {log}:\n{tail}")
