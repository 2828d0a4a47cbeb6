"""The smallest service around the engine: processes in memory, a clock that tests move, and workers.

Every state goes through JSON between two advances, as it does in a store.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from workflow.engine import effects as out
from workflow.engine import triggers as on
from workflow.engine.advance import advance
from workflow.engine.expressions import Environment
from workflow.engine.graph import Definition
from workflow.engine.model import MessageEvent, Process, SignalEvent
from workflow.engine.starting import entries
from workflow.engine.state import State

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)  # a Monday

OUTWARD = (
    out.SendMessage,
    out.BroadcastSignal,
    out.StartProcess,
    out.CancelCall,
    out.EscalateToCaller,
    out.EndProcess,
)
"""What other processes notice: it reaches them once the process itself has come to rest."""

Worker = Callable[["World", str, out.CreateJob], None]


@dataclass
class Instance:
    definition: Definition
    state: State
    history: list[out.Transition] = field(default_factory=list)
    effects: list[out.AnyEffect] = field(default_factory=list)


class World:
    def __init__(self, processes: Iterable[Process], environment: Environment | None = None) -> None:
        self.definitions = {process.key: Definition(process) for process in processes}
        self.environment = environment or Environment()
        self.now = START
        self.instances: dict[str, Instance] = {}
        self.jobs: list[tuple[str, out.CreateJob]] = []
        self.tasks: dict[tuple[str, str], out.CreateTask] = {}
        self.decisions: dict[tuple[str, str], out.EvaluateRules] = {}
        self.timers: dict[tuple[str, str], datetime] = {}
        self.subscriptions: dict[tuple[str, str], out.OpenSubscription] = {}
        self.calls: dict[str, tuple[str, str]] = {}
        self.incidents: dict[tuple[str, str], out.RaiseIncident] = {}
        self.published: list[out.PublishEvent] = []
        self._outward: deque[tuple[str, out.AnyEffect]] = deque()

    # -- what happens --------------------------------------------------------------------------------------

    def start(
        self,
        key: str,
        variables: dict[str, Any] | None = None,
        call: tuple[str, str] | None = None,
        **fields: Any,
    ) -> str:
        process = f"p{len(self.instances) + 1}"
        trigger = on.Start(at=self.now, process=process, variables=variables or {}, **fields)
        result = advance(self.definitions[key], None, trigger, self.environment)
        self.instances[process] = Instance(self.definitions[key], result.state)
        if call is not None:
            self.calls[process] = call
        self._carry_out(process, result.effects)
        return process

    def send(self, process: str, trigger: on.AnyTrigger) -> list[out.AnyEffect]:
        instance = self.instances[process]
        stored = msgspec.json.decode(msgspec.json.encode(instance.state), type=State)
        assert stored == instance.state
        result = advance(instance.definition, stored, trigger, self.environment)
        instance.state = result.state
        if isinstance(trigger, (on.DecisionCompleted, on.DecisionFailed)):
            del self.decisions[process, trigger.decision]
        self._carry_out(process, result.effects)
        return result.effects

    def complete(self, process: str, node: str, variables: dict[str, Any] | None = None) -> None:
        task = next(key[1] for key, row in self.tasks.items() if key[0] == process and row.node == node)
        self.send(process, on.TaskCompleted(at=self.now, task=task, variables=variables or {}))

    def retry(self, process: str, variables: dict[str, Any] | None = None) -> None:
        """Retries the only incident of a process."""
        [incident] = self.state(process).incidents
        self.send(process, on.IncidentRetried(at=self.now, incident=incident, variables=variables or {}))

    def signal(self, name: str, variables: dict[str, Any] | None = None, but: str = "") -> None:
        for process in [key for key in self.instances if key != but]:
            if self.instances[process].state.status == "active":
                trigger = on.SignalReceived(at=self.now, name=name, variables=variables or {})
                self.send(process, trigger)
        self._start_by(SignalEvent, name, variables or {}, everywhere=True)

    def message(self, name: str, key: str = "", variables: dict[str, Any] | None = None) -> bool:
        for (process, subscription), row in list(self.subscriptions.items()):
            if row.kind == "message" and (row.name, row.key) == (name, key):
                trigger = on.MessageReceived(
                    at=self.now, subscription=subscription, variables=variables or {}
                )
                self.send(process, trigger)
                return True
        return self._start_by(MessageEvent, name, variables or {}, everywhere=False)

    def pass_time(self, duration: timedelta) -> None:
        """Moves the clock, firing each timer when it is due."""
        end = self.now + duration
        while self.timers and min(self.timers.values()) <= end:
            (process, timer), due = min(self.timers.items(), key=lambda entry: entry[1])
            self.now = max(self.now, due)
            del self.timers[process, timer]
            self.send(process, on.TimerFired(at=self.now, timer=timer))
        self.now = end

    def work(self, worker: Worker) -> bool:
        """Lets the worker do the first job that is due; whether there was one."""
        for index, (process, job) in enumerate(self.jobs):
            if job.due <= self.now:
                del self.jobs[index]
                worker(self, process, job)
                return True
        return False

    def _start_by(self, kind: type, name: str, variables: dict[str, Any], *, everywhere: bool) -> bool:
        started = False
        for key, definition in self.definitions.items():
            for entry in entries(definition):
                if isinstance(entry.on, kind) and getattr(entry.on, "name", None) == name:
                    self.start(key, variables, node=entry.node, event=entry.event)
                    started = True
                    if not everywhere:
                        return True
        return started

    # -- what follows --------------------------------------------------------------------------------------

    def _carry_out(self, process: str, effects: list[out.AnyEffect]) -> None:
        encoded = msgspec.json.encode(effects)
        assert msgspec.json.decode(encoded, type=list[out.AnyEffect]) == effects
        instance = self.instances[process]
        instance.effects += effects
        idle = not self._outward
        self._outward += [(process, effect) for effect in effects if isinstance(effect, OUTWARD)]
        for effect in effects:
            if not isinstance(effect, OUTWARD):
                self._one(process, instance, effect)
        while idle and self._outward:
            name, effect = self._outward[0]
            self._one(name, self.instances[name], effect)
            self._outward.popleft()

    def _one(self, process: str, instance: Instance, effect: out.AnyEffect) -> None:
        match effect:
            case out.Transition():
                instance.history.append(effect)
            case out.CreateJob():
                self.jobs = [row for row in self.jobs if (row[0], row[1].job) != (process, effect.job)]
                self.jobs.append((process, effect))
            case out.CancelJob():
                self.jobs = [row for row in self.jobs if (row[0], row[1].job) != (process, effect.job)]
            case out.CreateTask():
                self.tasks[process, effect.task] = effect
            case out.CompleteTask() | out.CancelTask():
                del self.tasks[process, effect.task]
            case out.EvaluateRules():
                self.decisions[process, effect.decision] = effect
            case out.CancelDecision():
                del self.decisions[process, effect.decision]
            case out.SetTimer():
                self.timers[process, effect.timer] = effect.due
            case out.CancelTimer():
                del self.timers[process, effect.timer]
            case out.OpenSubscription():
                self.subscriptions[process, effect.subscription] = effect
            case out.CloseSubscription():
                del self.subscriptions[process, effect.subscription]
            case out.SendMessage():
                self.message(effect.name, effect.key, effect.variables)
            case out.BroadcastSignal():
                self.signal(effect.name, effect.variables, but=process)
            case out.StartProcess():
                key, call = effect.business_key, (process, effect.call)
                self.start(effect.process, effect.variables, call, business_key=key)
            case out.CancelCall():
                for child, waiting in list(self.calls.items()):
                    if waiting == (process, effect.call) and self.state(child).status != "ended":
                        self.send(child, on.Cancelled(at=self.now))
            case out.EscalateToCaller() if process in self.calls:
                parent, escalated = self.calls[process]
                self.send(parent, on.CallEscalated(at=self.now, call=escalated, code=effect.code))
            case out.EndProcess() if process in self.calls:
                self._ended(process, instance.state)
            case out.RaiseIncident():
                self.incidents[process, effect.incident] = effect
            case out.ResolveIncident():
                del self.incidents[process, effect.incident]
            case out.PublishEvent():
                self.published.append(effect)
            case _:
                pass

    def _ended(self, process: str, state: State) -> None:
        parent, call = self.calls.pop(process)
        row = self.instances[parent].state.tokens.get(call)
        if row is not None and row.waits == "call":
            trigger = on.CallEnded(
                at=self.now, call=call, outcome=state.outcome, error=state.error, variables=state.variables
            )
            self.send(parent, trigger)

    # -- what is seen --------------------------------------------------------------------------------------

    def state(self, process: str) -> State:
        return self.instances[process].state

    def at(self, process: str) -> list[str]:
        """The nodes at which tokens rest."""
        return sorted(token.node for token in self.state(process).tokens.values())

    def went(self, process: str) -> list[str]:
        """The nodes that were completed or passed, in order."""
        history = self.instances[process].history
        return [row.node for row in history if row.kind in ("completed", "passed")]
