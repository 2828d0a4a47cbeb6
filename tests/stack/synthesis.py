"""The stages on AWS as their synthesis gives them, each made once for all tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from common.operation import Operation
from infra.cdk import nag, stages
from infra.cdk.bundling import ROOT
from infra.cdk.names import function_name

STAGES = ("dev", "prod")
SYNTHESIZE = """
import json, sys
from dataclasses import asdict
from infra.cdk import nag
from infra.cdk.app import build
from infra.cdk.stages import stage
app = build(stage(sys.argv[1]))
found = [asdict(finding) for finding in nag.findings(app)]
app.synth()
open(sys.argv[2], "w").write(json.dumps(found))
"""


@dataclass(frozen=True)
class Synthesis:
    """What one stage's synthesis gave."""

    stage: stages.Stage
    assembly: Path
    manifest: dict[str, Any]
    templates: dict[str, dict[str, Any]]
    findings: list[nag.Finding]

    def resources(self, *kinds: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
        """Stack, logical id and resource of all of these types."""
        for stack, template in self.templates.items():
            for name, resource in template["Resources"].items():
                if resource["Type"] in kinds:
                    yield stack, name, resource

    def function(self, operation: Operation[..., Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The properties of an operation's function, and the statements of its role."""
        name = function_name(self.stage, operation)
        for stack, _, resource in self.resources("AWS::Lambda::Function"):
            properties: dict[str, Any] = resource["Properties"]
            if properties.get("FunctionName") == name:
                role = self.templates[stack]["Resources"][properties["Role"]["Fn::GetAtt"][0]]["Properties"]
                policies = [policy["PolicyDocument"]["Statement"] for policy in role["Policies"]]
                return properties, [statement for policy in policies for statement in policy]
        raise AssertionError(f"{name} is in no template")

    def statements(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every statement of every identity's policy, with the logical id of the policy or role."""
        for _, name, resource in self.resources(
            "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role"
        ):
            properties = resource["Properties"]
            documents = [properties[key] for key in ("PolicyDocument",) if key in properties]
            documents += [inline["PolicyDocument"] for inline in properties.get("Policies", ())]
            for document in documents:
                for statement in document["Statement"]:
                    yield name, statement


@cache
def synthesis(name: str) -> Synthesis:
    """The stage synthesized in a process that knows no account, no region and no credentials."""
    out = Path(mkdtemp(prefix=f"groundwork-{name}-"))
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CDK_"))}
    environment |= {
        "PYTHONPATH": os.pathsep.join([".", "layers/common/python", "functions"]),
        "CDK_OUTDIR": str(out / "cdk.out"),
        "CDK_CONTEXT_JSON": json.dumps(context),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    told = subprocess.run(
        [sys.executable, "-c", SYNTHESIZE, name, str(out / "findings.json")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr[-3000:]
    manifest = json.loads((out / "cdk.out" / "manifest.json").read_text())
    templates = {
        stack: json.loads((out / "cdk.out" / artifact["properties"]["templateFile"]).read_text())
        for stack, artifact in manifest["artifacts"].items()
        if artifact["type"] == "aws:cloudformation:stack"
    }
    findings = [nag.Finding(**found) for found in json.loads((out / "findings.json").read_text())]
    return Synthesis(stages.stage(name), out / "cdk.out", manifest, templates, findings)
