"""The public BPMN execution suite over HTTP: definitions as XML, scripts as jobs of a worker, timers swept.

What a model does is judged as ``tests.conformance.bpmn_suite`` judges it, but for escalations that leave a
process that nobody called: over HTTP nobody sees those.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from common.clock import Clock
from common.work import Work
from tests.conformance import bpmn_suite as suite
from tests.integration.platform import Caller, Platform
from workflow import incidents, jobs, processes, sweeping, workflows
from workflow.engine.bpmn import read_bpmn
from workflow.engine.graph import Definition
from workflow.engine.starting import entries

pytestmark = pytest.mark.skipif(not suite.SUITE.exists(), reason="the BPMN suite is not beside the project")

WANTED = 58 / 65


class HttpWorld:
    """What a worker of the suite sees: jobs that it has leased, at a time that the test moves."""

    def __init__(self, platform: Platform, owner: Caller, document: bytes) -> None:
        self.platform, self.owner = platform, owner
        self.begun = self.now = datetime.now(UTC)
        found = read_bpmn(document).processes
        self.definitions = {process.key: Definition(process) for process in found}
        self.jobs: list[tuple[str, Any]] = []
        self.instances: dict[str, Any] = {}

    def lease(self) -> None:
        """Take over every job that is due."""
        request = {"worker": "suite", "types": ["script"], "limit": 100, "seconds": 3600}
        for job in self.owner.call(jobs.lease, request).ok()["items"]:
            row = SimpleNamespace(**job, job=job["id"], due=self.now)
            self.jobs.append((job["process_id"], row))

    def next_due(self) -> datetime | None:
        """When something happens next."""
        rows = self.platform.rows(
            "select min(due_at) as at from (select due_at from workflow.timers union all "
            "select due_at from workflow.jobs where status = 'open' and lease is null) d"
        )
        due = [at for at in [rows[0].at, *(job.due for _, job in self.jobs)] if at is not None]
        return min(due, default=None)

    def work(self, log: suite.Log) -> bool:
        """Do one job; whether there was one."""
        self.lease()
        for place, (process, job) in enumerate(self.jobs):
            if job.due <= self.now:
                del self.jobs[place]
                self._do(process, job, log)
                return True
        return False

    def _do(self, process: str, job: Any, log: suite.Log) -> None:
        marker, path = job.settings["script"], {"id": job.id}
        if marker == "WAIT_TEN_SECONDS" and job.due == self.now and not hasattr(job, "waited"):
            job.waited, job.due = True, self.now + timedelta(seconds=10)
            self.jobs.append((process, job))
            return
        if marker == "THROW_ERROR":
            codes = [
                event.code
                for definition in self.definitions.values()
                for node in definition.nodes.values()
                for event in getattr(node, "events", ())
                if type(event).__name__ == "ErrorEvent" and event.code
            ]
            failure = {"lease": job.lease, "message": "thrown", "error": (codes or ["ERR_CODE"])[0]}
            self.owner.call(jobs.fail, failure, path=path)
            return
        world: Any = self
        result = {"lease": job.lease, "variables": suite._marked(world, job, log)}
        answer = self.owner.call(jobs.complete, result, path=path)
        assert answer.status in (200, 409), answer.text


def run_case(platform: Platform, owner: Caller, name: str, case: dict[str, Any], clock: list[Any]) -> str:
    """Runs a case; why it does not give what the suite wants, or nothing."""
    document = (suite.SUITE / "models" / f"{name}.bpmn").read_bytes()
    wants_failure = suite.FAILURES & set(case["asserts"])
    headers = {"Content-Type": "application/bpmn+xml"}
    added = owner.call(workflows.create, raw=document.decode(), headers=headers)
    if added.status == 422:
        refused_as_wanted = "assertGenericError" in wants_failure and not case["trace"]
        return "" if refused_as_wanted else f"refused: {added.json['detail']}"
    for definition in added.ok(201)["items"]:
        owner.call(workflows.publish, path={"key": definition["key"]}).ok()
    world, log = HttpWorld(platform, owner, document), suite.Log()
    clock[0] = world
    main = name if name in world.definitions else next(iter(world.definitions))
    ways = entries(world.definitions[main])
    node = next((way.node for way in ways if way.on is None), ways[0].node if ways else "")
    number = 3 - case["asserts"].count("assertIncrement") if "setIntegerVariable" in case["asserts"] else 0
    body = {
        "definition": main,
        "node": node,
        "variables": {"test": case["input"], "integerVariable": number},
    }
    process = owner.call(processes.start, body).ok(201)["id"]
    _let_run(platform, world, log)
    return _judge(owner, case, log, process, wants_failure)


def _let_run(platform: Platform, world: HttpWorld, log: suite.Log) -> None:
    for _ in range(suite.MOST_JOBS):
        if world.work(log):
            continue
        due = world.next_due()
        if due is None or due > world.begun + suite.HORIZON:
            return
        world.now = max(world.now, due)
        platform.use("workflow")
        sweeping.round_(Clock())


def _judge(owner: Caller, case: dict[str, Any], log: suite.Log, process: str, wants_failure: set[str]) -> str:
    asserts = case["asserts"]
    if log.unknown:
        return f"the markers {log.unknown} are not known here"
    if Counter(log.tasks) != Counter(case["trace"]):
        return f"the trace is {log.tasks}, the suite wants {case['trace']}"
    read = owner.call(processes.read, path={"id": process}).ok()
    found = owner.call(incidents.list_, query={"limit": 200}).ok()["items"]
    failed = [row["message"] for row in found if row["kind"] != "stuck_join"]
    error = read["outcome"] == "error"
    if not wants_failure and (failed or error):
        return f"it failed: {failed or read['error']}"
    if "assertErrorThrownErrorEvent" in wants_failure and not error:
        return "it did not end with an error"
    if wants_failure - {"assertErrorThrownErrorEvent"} and not (failed or error):
        return "it did not fail"
    if log.increments != asserts.count("assertIncrement"):
        return f"it counted {log.increments} times, the suite wants {asserts.count('assertIncrement')}"
    if "assertExecutionParallel" in asserts and not log.parallel:
        return "nothing ran in parallel"
    if "assertMarkerExists" in asserts and not log.marker:
        return "no marker was left"
    read_data = [row.get("data", suite._inner(row)) for row in log.data]
    if "assertDataCorrect" in asserts and "String" not in read_data:
        return f"the data read were {log.data}"
    return ""


def test_models_leave_the_traces_that_the_suite_wants(
    fresh_platform: Platform, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    owner = fresh_platform.register()
    clock: list[Any] = [None]
    moment = property(lambda _work: clock[0].now if clock[0] else datetime.now(UTC))
    monkeypatch.setattr(Work, "now", moment)
    misses: dict[str, str] = {}
    models = set()
    for name, index, case in suite.cases():
        models.add(name)
        reason = run_case(fresh_platform, owner, name, case, clock)
        if reason:
            misses[name] = f"case {index}: {reason}"
        clock[0] = None
        with fresh_platform.admin.begin() as connection:
            connection.exec_driver_sql(
                "truncate workflow.processes, workflow.starts, workflow.messages, workflow.workflows cascade"
            )
    with capsys.disabled():
        print(f"\nBPMN suite over HTTP: {len(models) - len(misses)} of {len(models)} models")
        for name, reason in sorted(misses.items()):
            print(f"  {name}, {reason}")
    assert len(models) > 60
    assert len(models) - len(misses) >= len(models) * WANTED
