"""Activities: what each kind of task does when a token comes, and what is kept of its result."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from .arming import Owner, arm_boundaries, arm_sla, due_text, subscribe
from .effects import (
    CreateJob,
    CreateTask,
    EvaluateRules,
    SendMessage,
    StartProcess,
)
from .flow import entering
from .iso8601 import parse_duration
from .loops import instance_completed
from .model import (
    Activity,
    AnyElement,
    BusinessRuleTask,
    CallActivity,
    Job,
    ManualTask,
    MessageEvent,
    ReceiveTask,
    ScriptTask,
    SendTask,
    ServiceTask,
    SubProcess,
    Task,
    UserTask,
    parse_priority,
)
from .run import ModelFailure, Run, is_in_ad_hoc, is_repeated, step
from .scopes import open_scope, remember
from .state import Token, Work

MAX_BACKOFF = 2**10
"""The most that a job's backoff grows, as a factor."""


@entering(
    Task,
    ManualTask,
    UserTask,
    ServiceTask,
    SendTask,
    ReceiveTask,
    ScriptTask,
    BusinessRuleTask,
    CallActivity,
    SubProcess,
)
def at_activity(run: Run, token: Token, element: Activity, flow: str) -> None:
    """An activity begins: its boundary events and service level are armed, then it runs, or its loop does."""
    run.record("entered", token, flow)
    run.push(Work("loop" if is_repeated(element) else "body", token.id))
    arm_sla(run, token, element.sla)
    arm_boundaries(run, token)


@step("body")
def body(run: Run, work: Work) -> None:
    """The activity itself, or one instance of it."""
    token = run.tokens[work.token]
    element = run.node(token)
    assert isinstance(element, Activity)
    if element.inputs or element.variables:
        local = {name: run.evaluate(source, token) for name, source in element.inputs.items()}
        own = {} if isinstance(element, SubProcess) else element.variables
        token = run.put(run.tokens, replace(token, variables={**token.variables, **own, **local}))
    match element:
        case ScriptTask(format="cel"):
            _script(run, token, element)
        case UserTask():
            _user_task(run, token, element)
        case SendTask(message=MessageEvent() as message):
            send(run, token, message)
            run.push(Work("complete", token.id))
        case Job():
            _job(run, token, element, run.at)
        case ReceiveTask(message=MessageEvent() as message):
            subscribe(run, message, Owner(element.id, token, token.scope))
            run.rest(token, "event")
        case BusinessRuleTask():
            facts = dict(token.variables) if element.inputs else run.bindings(token)
            run.rest(token, "rules")
            run.emit(EvaluateRules(token.id, element.id, run.name(element.rules, token), facts))
        case CallActivity():
            _call(run, token, element)
        case SubProcess():
            open_scope(run, token, element)
        case _:
            run.push(Work("complete", token.id))


def _user_task(run: Run, token: Token, element: UserTask) -> None:
    try:
        priority = parse_priority(run.text(element.priority, token) or "0")
    except ValueError as error:
        raise ModelFailure("expression", str(error)) from error
    run.rest(token, "task")
    run.emit(
        CreateTask(
            token.id,
            element.id,
            run.text(element.name, token) or element.id,
            assignee=run.name(element.assignee, token),
            candidate_users=run.texts(element.candidate_users, token),
            candidate_roles=run.texts(element.candidate_roles, token),
            priority=priority,
            due=due_text(run, element.due, token),
            form=element.form,
            variables=token.variables,
            counter=token.counter,
        )
    )


def _job(run: Run, token: Token, element: Job, due: datetime) -> None:
    settings = {name: _setting(run, token, value) for name, value in element.settings.items()}
    job_type = run.name(element.job, token) or element.id
    if isinstance(element, ScriptTask):
        settings |= {"format": element.format, "script": element.script}
        job_type = run.name(element.job, token) or "script"
    variables = dict(token.variables) if element.inputs else run.bindings(token)
    run.rest(token, "job")
    run.emit(
        CreateJob(
            token.id,
            element.id,
            job_type,
            due,
            token.attempts + 1,
            settings,
            variables,
        )
    )


def _setting(run: Run, token: Token, value: Any) -> Any:
    if isinstance(value, str) and value.startswith("="):
        return run.evaluate(value[1:], token)
    if isinstance(value, dict):
        return {name: _setting(run, token, item) for name, item in value.items()}
    return value


def _script(run: Run, token: Token, element: ScriptTask) -> None:
    value = run.evaluate(element.script, token) if element.script else None
    run.push(Work("complete", token.id, data=named(element.result, value, element)))


def _call(run: Run, token: Token, element: CallActivity) -> None:
    variables = dict(token.variables) if element.inputs else run.bindings(token)
    process = run.name(element.process, token)
    run.rest(token, "call")
    key = run.base.business_key
    run.emit(StartProcess(token.id, element.id, process, element.version, key, variables))


def send(run: Run, token: Token, message: MessageEvent) -> None:
    """Sends a message, with its payload or else nothing."""
    payload = {name: run.evaluate(source, token) for name, source in message.payload.items()}
    name, key = run.name(message.name, token), run.name(message.key, token)
    run.emit(SendMessage(token.node, name, key, payload))


def named(name: str, value: Any, element: AnyElement) -> dict[str, Any]:
    """A result as variables: under ``name``, or a map of variables as it is."""
    if name:
        return {name: value}
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ModelFailure(
            "result",
            f"{element.id!r} gave {value!r}, not a map of variables; name a variable for its result.",
        )
    return dict(value)


@step("complete")
def complete(run: Run, work: Work) -> None:
    """An activity, or one instance of it, is done: its result is kept and the token goes on."""
    token = run.tokens[work.token]
    element = run.node(token)
    assert isinstance(element, Activity)
    keep(run, token, element, work.data or {})
    token = run.tokens[token.id]
    run.record("completed", token)
    run.close_waits(token=token.id)
    if token.instance_of:
        remember(run, token)
        instance_completed(run, token, element, work.data or {})
        return
    if token.loop is None:
        remember(run, token)
    if token.undoes:
        run.drop(run.tokens, token)
        run.push(Work("undo", token.undoes))
    else:
        run.push(Work("ad_hoc" if is_in_ad_hoc(run, token) else "leave", run.rest(token, "").id))


def keep(run: Run, token: Token, element: Activity, result: Mapping[str, Any]) -> None:
    """Sets the variables that the activity's result makes: all of it, or what ``outputs`` says.

    What the activity declares for itself, and an instance's item, end with it; inputs are never written to.
    """
    if token.loop is not None:
        return
    if element.outputs:
        result = {name: run.evaluate(source, token, more=result) for name, source in element.outputs.items()}
    own = {name for name in result if name in token.variables and name not in element.inputs}
    if own:
        local = {name: value for name, value in result.items() if name in own}
        run.put(run.tokens, replace(token, variables={**token.variables, **local}))
    run.assign({name: value for name, value in result.items() if name not in own}, scope=token.scope)


@step("job_failed")
def job_failed(run: Run, work: Work) -> None:
    """A job failed: it is offered again after its backoff, which doubles each time, or needs help."""
    token = run.tokens[work.token]
    element = run.node(token)
    assert isinstance(element, Job)
    attempts = token.attempts + 1
    if work.data["final"] or attempts > element.retries:
        run.raise_incident("job_failed", work.data["message"], token, Work("body", token.id))
        return
    factor = min(2 ** (attempts - 1), MAX_BACKOFF)
    due = parse_duration(element.backoff).after(run.at, factor)
    _job(run, run.put(run.tokens, replace(token, attempts=attempts)), element, due)
