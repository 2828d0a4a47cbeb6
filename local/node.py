"""Node, which the CDK's command line and its Python bindings run on."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from local.errors import LocalError, MissingError
from local.state import ROOT

OLDEST = 20
QUIET = {
    # an old but working Node is told about once, by `check`, not in a banner on each run
    "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "1",
    "JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION": "1",
    "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    "NODE_NO_WARNINGS": "1",
    "CDK_DISABLE_CLI_TELEMETRY": "true",
}


def check() -> str:
    """The version of the Node on the PATH, such as "22.1.0", if it is new enough."""
    program = shutil.which("node")
    remedy = f"Install Node {OLDEST} or newer, with npm, and put it on the PATH."
    if program is None:
        raise MissingError("Node is not installed: the CDK is a Node program.", remedy)
    result = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    version = re.fullmatch(r"v(\d+)\.\d+\.\d+\S*", result.stdout.strip())
    if version is None:
        raise MissingError(f"{program} does not tell its version: {result.stdout + result.stderr}", remedy)
    if int(version[1]) < OLDEST:
        raise MissingError(f"Node {OLDEST} or newer is needed; {program} is {version[0]}.", remedy)
    return version[0].removeprefix("v")


def cdk() -> Path:
    """The pinned CDK command line, installed if it is missing or another version."""
    program = ROOT / "node_modules" / ".bin" / "cdk"
    installed = ROOT / "node_modules" / "aws-cdk" / "package.json"
    wanted = json.loads((ROOT / "package.json").read_text())["devDependencies"]["aws-cdk"]
    if not installed.exists() or json.loads(installed.read_text())["version"] != wanted:
        _npm_ci()
    return program


def _npm_ci() -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise MissingError("npm is not installed.", f"Install Node {OLDEST} or newer with its npm.")
    result = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund"],
        cwd=ROOT,
        env={**os.environ, "CI": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise LocalError(f"`npm ci` failed:\n{result.stderr.strip() or result.stdout.strip()}")
