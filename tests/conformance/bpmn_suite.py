"""Runs the models of the public BPMN execution suite: their scripts are markers, done here by a worker.

A model's scripts name no format, so the engine hands them out as jobs of type ``script``; the worker logs the
marker. Models run as they are; nothing of them is translated or known by name.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from tests.unit.workflow_engine.world import World
from workflow.engine import effects as out
from workflow.engine import triggers as on
from workflow.engine.bpmn import read_bpmn
from workflow.engine.faults import errors
from workflow.engine.model import Process
from workflow.engine.starting import entries
from workflow.engine.validate import validate

SUITE = Path(os.environ.get("BPMN_SUITE", Path(__file__).parents[2].parent / "shared" / "suites" / "bpmn"))
HORIZON = timedelta(hours=2)
MOST_JOBS = 500

FAILURES = {"assertErrorThrownErrorEvent", "assertRuntimeException", "assertGenericError"}
"""Asserts that want the process to fail, in one way or another."""
KNOWN = FAILURES | {
    "assertMarkerExists",
    "assertDataCorrect",
    "assertIncrement",
    "assertExecutionParallel",
    "assertErrorThrownEscalationEvent",
    "optionDelay",
    "setIntegerVariable",
}


def cases() -> list[tuple[str, int, dict[str, Any]]]:
    """Every case of the suite: its model, its number, and what it wants."""
    models = json.loads((SUITE / "cases.json").read_text())
    return [
        (name, index, case) for name, model in models.items() for index, case in enumerate(model["cases"])
    ]


class Log:
    """What the markers of one run have logged."""

    def __init__(self) -> None:
        self.tasks: list[str] = []
        self.increments = 0
        self.marker = False
        self.data: list[Any] = []
        self.unknown: list[str] = []
        self.parallel = False


def worker(log: Log) -> Any:
    """A worker that does what a marker says."""

    def do(world: World, process: str, job: out.CreateJob) -> None:
        marker = job.settings["script"]
        if marker == "WAIT_TEN_SECONDS" and job.attempt < 2 and (process, job.job) not in waiting:
            waiting.add((process, job.job))
            world.jobs.append((process, replace(job, due=world.now + timedelta(seconds=10))))
            return
        if marker == "THROW_ERROR":
            code = next(iter(_error_codes(world, process)), "ERR_CODE")
            world.send(process, on.JobFailed(at=world.now, job=job.job, message="thrown", error=code))
            return
        world.send(process, on.JobCompleted(at=world.now, job=job.job, variables=_marked(world, job, log)))

    waiting: set[tuple[str, str]] = set()
    return do


def _error_codes(world: World, process: str) -> list[str]:
    nodes = world.instances[process].definition.nodes.values()
    events = [event for node in nodes for event in getattr(node, "events", ())]
    return [event.code for event in events if type(event).__name__ == "ErrorEvent" and event.code]


def _marked(world: World, job: out.CreateJob, log: Log) -> dict[str, Any]:
    """Logs a marker; the variables that it sets."""
    marker = job.settings["script"]
    if found := re.fullmatch(r"SCRIPT_(task\d+)", marker):
        log.tasks.append(found[1])
    elif marker in ("INCREMENT_INTEGER_VARIABLE_AND_LOG", "INCREMENT_INTEGER_VARIABLE"):
        log.increments += marker.endswith("LOG")
        return {"integerVariable": job.variables["integerVariable"] + 1}
    elif marker == "SET_STRING_DATA":
        return _data(world, job, "String")
    elif marker == "LOG_DATA":
        log.data.append(job.variables)
    elif marker == "CREATE_MARKER_FILE":
        log.marker = True
    elif marker.startswith("CREATE_TIMESTAMP_LOG"):
        others = (row.settings.get("script", "") for _, row in world.jobs if row.job != job.job)
        log.parallel |= any(other.startswith("CREATE_TIMESTAMP_LOG") for other in others)
    elif marker not in ("CREATE_LOG_FILE", "WAIT_TEN_SECONDS"):
        log.unknown.append(marker)
    return {}


def _data(world: World, job: out.CreateJob, value: str) -> dict[str, Any]:
    """Sets the data that a task writes: what its output associations name, or the variable ``data``."""
    names = {"data"}
    for definition in world.definitions.values():
        element = definition.nodes.get(job.node)
        names |= set(getattr(element, "outputs", {}).values())
    return dict.fromkeys(names, value)


def run_case(name: str, case: dict[str, Any]) -> str:
    """Runs one case; why it does not give what the suite wants, or nothing."""
    return judge((SUITE / "models" / f"{name}.bpmn").read_bytes(), name, case)


def judge(model: bytes, name: str, case: dict[str, Any]) -> str:
    """Runs a case of the process ``name`` in a document; why it does not give what is wanted, or nothing."""
    unknown = set(case["asserts"]) - KNOWN
    if unknown:
        return f"the suite asserts {sorted(unknown)}, which is not known here"
    wants_failure = FAILURES & set(case["asserts"])
    document = read_bpmn(model)
    faults = [*document.faults, *(fault for process in document.processes for fault in validate(process))]
    if errors(faults):
        if "assertGenericError" in wants_failure and not case["trace"]:
            return ""
        return "refused: " + "; ".join(f"{fault.element}: {fault.message}" for fault in errors(faults))
    log, world, process = _run(document.processes, name, case)
    return _compare(case, log, world, process, wants_failure)


def _run(processes: list[Process], name: str, case: dict[str, Any]) -> tuple[Log, World, str]:
    log, world = Log(), World(processes)
    asserts = case["asserts"]
    number = 3 - asserts.count("assertIncrement") if "setIntegerVariable" in asserts else 0
    variables: dict[str, Any] = {"test": case["input"], "integerVariable": number}
    main = next((row for row in processes if row.key == name), processes[0])
    entry = next((row for row in entries(world.definitions[main.key]) if row.on is None), None)
    if entry is None and entries(world.definitions[main.key]):
        entry = entries(world.definitions[main.key])[0]
    fields: dict[str, Any] = {"node": entry.node, "event": entry.event} if entry is not None else {}
    process = world.start(main.key, variables, **fields)
    do = worker(log)
    end = world.now + HORIZON
    for _ in range(MOST_JOBS):
        if world.work(do):
            continue
        due = [*world.timers.values(), *(job.due for _, job in world.jobs)]
        if not due or min(due) > end:
            break
        world.pass_time(max(min(due) - world.now, timedelta()))
    return log, world, process


def _compare(case: dict[str, Any], log: Log, world: World, process: str, wants_failure: set[str]) -> str:
    """The suite's order is that of one thread; branches that run at the same time may log in another."""
    if log.unknown:
        return f"the markers {log.unknown} are not known here"
    if Counter(log.tasks) != Counter(case["trace"]):
        return f"the trace is {log.tasks}, the suite wants {case['trace']}"
    asserts = case["asserts"]
    failed = [row for row in world.incidents.values() if row.kind != "stuck_join"]
    error = world.state(process).outcome == "error"
    if not wants_failure and (failed or error):
        return f"it failed: {[row.message for row in failed] or world.state(process).error}"
    if "assertErrorThrownErrorEvent" in wants_failure and not error:
        return "it did not end with an error"
    if wants_failure - {"assertErrorThrownErrorEvent"} and not (failed or error):
        return "it did not fail"
    if log.increments != asserts.count("assertIncrement"):
        return f"it counted {log.increments} times, the suite wants {asserts.count('assertIncrement')}"
    if "assertExecutionParallel" in asserts and not log.parallel:
        return "nothing ran in parallel"
    effects = [effect for instance in world.instances.values() for effect in instance.effects]
    escalated = any(isinstance(effect, out.EscalateToCaller) for effect in effects)
    if "assertErrorThrownEscalationEvent" in asserts and not escalated:
        return "no escalation left the process"
    if "assertMarkerExists" in asserts and not log.marker:
        return "no marker was left"
    if "assertDataCorrect" in asserts and not any(
        row.get("data", _inner(row)) == "String" for row in log.data
    ):
        return f"the data read were {log.data}"
    return ""


def _inner(variables: dict[str, Any]) -> Any:
    """The only input of a task that has just one."""
    return next(iter(variables.values())) if len(variables) == 1 else None
