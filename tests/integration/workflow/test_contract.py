"""Every operation keeps the contract of the generated OpenAPI document, whatever it is sent."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration import contract
from tests.integration.platform import Caller, Platform
from tests.integration.workflow.models import line, only_task, publish, service, start, task
from workflow import jobs

# Schemathesis warns of what its own dependencies will drop.
pytestmark = pytest.mark.filterwarnings("default")

TAKES_ANYTHING = "/definitions/validate$"
"""What is no definition at all is an answer there, not a refusal."""


def known(owner: Caller) -> dict[str, str]:
    """Something of each kind that a path may name: a definition, a process, a task, a job, an incident."""
    key = publish(owner, line(service(job="work", retries=0), task()))
    begun = start(owner, publish(owner, line(task())))
    start(owner, key)
    [job] = owner.call(jobs.lease, {"worker": "w", "types": ["work"]}).ok()["items"]
    return {
        "definitions": key,
        "processes": begun["id"],
        "tasks": only_task(owner, begun)["id"],
        "jobs": job["id"],
    }


def narrowed(document: dict[str, Any], names: dict[str, str]) -> None:
    """Lets requests name what there is as often as anything else."""
    for path, operations in document["paths"].items():
        name = names.get(path.split("/")[2]) if path.count("/") > 2 else None
        for operation in operations.values():
            for parameter in operation.get("parameters", ()) if isinstance(operation, dict) else ():
                if name and parameter["in"] == "path" and parameter["name"] in ("id", "key"):
                    parameter["schema"] = {"anyOf": [{"const": name}, parameter["schema"]]}


PATHS = {
    "definitions": ("fuzzing",),  # the answer to a document has many definitions, so no link leads on
    "processes": contract.RANDOM,
    "tasks": contract.RANDOM,
    "jobs|incidents|messages|calendars": contract.RANDOM,
}


@pytest.mark.parametrize(
    ("path", "phases"),
    [pair for path, drawn in PATHS.items() for pair in ((path, contract.SYSTEMATIC), (path, drawn))],
)
def test_no_request_breaks_the_contract(platform: Platform, path: str, phases: tuple[str, ...]) -> None:
    owner = platform.register()
    names = known(owner)
    findings = contract.probe(
        platform,
        ["workflow"],
        f"/workflow/({path})",
        phases,
        token=owner.token,
        document=lambda document: narrowed(document, names),
        without=[TAKES_ANYTHING],
    )
    assert findings.breaches == []
    assert findings.requests > 50
