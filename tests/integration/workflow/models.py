"""Definitions that the tests run, in the project's own JSON."""

from __future__ import annotations

from itertools import pairwise
from typing import Any
from uuid import uuid4

from tests.integration.platform import Caller
from workflow import inbox, processes, workflows

START = {"type": "startEvent", "id": "start"}
END = {"type": "endEvent", "id": "end"}


def flows(*pairs: str) -> list[dict[str, str]]:
    """Sequence flows, of ``"a b"`` each."""
    return [
        {"id": f"{source}_{target}", "source": source, "target": target}
        for source, target in (pair.split() for pair in pairs)
    ]


def line(*elements: dict[str, Any], key: str = "", **fields: Any) -> dict[str, Any]:
    """A definition of elements one after the other."""
    between = [START, *elements, END]
    pairs = [f"{a['id']} {b['id']}" for a, b in pairwise(between)]
    return {"key": key or f"d{uuid4().hex[:10]}", "elements": between, "flows": flows(*pairs), **fields}


def task(identifier: str = "ask", **fields: Any) -> dict[str, Any]:
    """A user task."""
    return {"type": "userTask", "id": identifier, "name": identifier.title(), **fields}


def service(identifier: str = "work", job: str = "work", **fields: Any) -> dict[str, Any]:
    """A service task."""
    return {"type": "serviceTask", "id": identifier, "job": job, **fields}


def publish(caller: Caller, *definitions: dict[str, Any]) -> str:
    """Add and publish definitions; the key of the first."""
    for definition in definitions:
        caller.call(workflows.create, definition).ok(201)
        caller.call(workflows.publish, path={"key": definition["key"]}).ok()
    key: str = definitions[0]["key"]
    return key


def start(caller: Caller, key: str, variables: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """Start a process."""
    body = {"definition": key, "variables": variables or {}, **fields}
    process: dict[str, Any] = caller.call(processes.start, body).ok(201)
    return process


def only_task(caller: Caller, process: dict[str, Any]) -> dict[str, Any]:
    """The one open task of a process."""
    found: list[dict[str, Any]] = caller.call(inbox.list_, query={"process_id": process["id"]}).ok()["items"]
    [task] = found
    return task
