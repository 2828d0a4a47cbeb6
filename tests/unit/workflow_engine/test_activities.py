"""Activities: what they ask of people, workers, rules and other processes, and what comes of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.workflow_engine.models import process, script
from tests.unit.workflow_engine.world import START, World
from workflow.engine import draining
from workflow.engine import effects as out
from workflow.engine import triggers as on
from workflow.engine.delivering import TriggerRefused
from workflow.engine.model import (
    BoundaryEvent,
    BusinessRuleTask,
    CallActivity,
    EndEvent,
    ErrorEvent,
    EscalationEvent,
    ManualTask,
    MessageEvent,
    ParallelGateway,
    Process,
    ReceiveTask,
    ScriptTask,
    SendTask,
    ServiceTask,
    StartEvent,
    Task,
    ThrowEvent,
    UserTask,
)


def run(*elements, flows: str, variables=None, **fields) -> tuple[World, str]:
    world = World([process(*elements, flows=flows, **fields)])
    return world, world.start("p", variables)


# -- people ------------------------------------------------------------------------------------------------


def test_a_user_task_says_who_may_do_it_until_when_and_with_what_form():
    task = UserTask(
        "a",
        name="Check",
        assignee="=boss",
        candidate_users=["ann", "=others"],
        candidate_roles=["clerk"],
        priority="=amount > 10 ? 90 : 10",
        due="P2D",
        form={"type": "object"},
        inputs={"half": "amount / 2"},
    )
    world, _ = run(
        task, flows="s -> a -> e", variables={"boss": "eve", "others": ["bob", "cid"], "amount": 20}
    )
    [created] = world.tasks.values()
    assert created == out.CreateTask(
        created.task,
        "a",
        "Check",
        assignee="eve",
        candidate_users=["ann", "bob", "cid"],
        candidate_roles=["clerk"],
        priority=90,
        due=START + timedelta(days=2),
        form={"type": "object"},
        variables={"half": 10},
    )


def test_a_due_date_can_be_a_moment_or_a_variable():
    for due, variables in (("2026-02-01T12:00:00+01:00", {}), ("=when", {"when": "2026-02-01T11:00:00Z"})):
        world, _ = run(UserTask("a", due=due), flows="s -> a", variables=variables)
        [created] = world.tasks.values()
        assert created.due is not None
        assert created.due.isoformat() == "2026-02-01T11:00:00+00:00"


@pytest.mark.parametrize("priority", ["high", "1e999", "-1e999", "nan", "1000001"])
def test_a_priority_that_is_no_number_or_too_large_is_an_incident(priority):
    world, p = run(UserTask("a", priority="=x"), flows="s -> a", variables={"x": priority})
    [incident] = world.state(p).incidents.values()
    assert "not a number from" in incident.message
    world.retry(p, {"x": 3})
    assert next(iter(world.tasks.values())).priority == 3


def test_completing_a_task_keeps_its_result_and_goes_on():
    world, p = run(flows="s -> a -> b -> e")
    effects = world.send(
        p, on.TaskCompleted(at=world.now, task=next(iter(world.tasks))[1], variables={"x": 1})
    )
    assert world.state(p).variables == {"x": 1}
    assert world.at(p) == ["b"]
    kinds = [type(effect).__name__ for effect in effects]
    assert kinds == ["CompleteTask", "Transition", "Transition", "CreateTask"]


def test_a_task_completes_once():
    world, p = run(flows="s -> a -> b -> e")
    task = next(iter(world.tasks))[1]
    world.complete(p, "a")
    with pytest.raises(TriggerRefused) as refused:
        world.send(p, on.TaskCompleted(at=world.now, task=task))
    assert refused.value.reason == "not_waiting"
    assert refused.value.status == 409


def test_escalating_a_task_reaches_its_boundary_and_leaves_it_open_if_that_does_not_interrupt():
    caught = BoundaryEvent("up", attached_to="a", interrupting=False, events=[EscalationEvent("too hard")])
    world, p = run(caught, flows="s -> a -> e\nup -> b -> e1")
    task = next(iter(world.tasks))[1]
    world.send(p, on.TaskEscalated(at=world.now, task=task, code="too hard"))
    assert world.at(p) == ["a", "b"]


# -- tasks that complete by themselves ---------------------------------------------------------------------


def test_plain_and_manual_tasks_complete_at_once_and_are_in_the_history():
    world, p = run(Task("t"), ManualTask("m"), flows="s -> t -> m -> e")
    assert world.state(p).outcome == "completed"
    assert world.went(p) == ["s", "t", "m", "e"]


def test_a_script_sets_variables_by_a_map_or_by_its_result():
    world, p = run(
        script("one", '{"x": 2, "y": [1, x0]}'),
        script("two", "x * 21", result="z"),
        flows="s -> one -> two -> a",
        variables={"x0": 5},
    )
    assert world.state(p).variables == {"x0": 5, "x": 2, "y": [1, 5], "z": 42}


def test_a_script_that_gives_neither_is_an_incident():
    world, p = run(script("one", "1 + 1"), flows="s -> one -> e")
    [incident] = world.state(p).incidents.values()
    assert incident.kind == "result"
    assert "not a map" in incident.message


def test_a_script_that_fails_is_tried_again_with_better_variables():
    world, p = run(script("one", "10 / n", result="x"), flows="s -> one -> a", variables={"n": 0})
    assert world.at(p) == ["one"]
    world.retry(p, {"n": 5})
    assert world.state(p).variables["x"] == 2
    assert world.at(p) == ["a"]


def test_instants_and_durations_are_kept_as_iso_8601():
    text = '{"at": timestamp("2026-01-01T00:00:00Z") + duration("36h"), "long": duration("90m")}'
    world, p = run(script("one", text), flows="s -> one -> a")
    assert world.state(p).variables == {"at": "2026-01-02T12:00:00Z", "long": "PT5400S"}


def test_what_json_cannot_hold_is_not_kept():
    for text in ("1.0 / 0.0", "type(1)"):
        world, p = run(script("one", text, result="x"), flows="s -> one -> a")
        [incident] = world.state(p).incidents.values()
        assert "cannot be kept" in incident.message or "can be kept" in incident.message


def test_bytes_and_unsigned_numbers_are_kept_as_text_and_numbers():
    world, p = run(script("one", "{'b': b'abc', 'u': 3u, 'm': {1: true}}"), flows="s -> one -> a")
    assert world.state(p).variables == {"b": "abc", "u": 3, "m": {"1": True}}


# -- jobs --------------------------------------------------------------------------------------------------


def failing(world: World, p: str, **fields) -> None:
    job = world.jobs[0][1]
    world.send(p, on.JobFailed(at=world.now, job=job.job, message="no answer", **fields))


def test_a_service_task_is_a_job_with_what_the_worker_needs():
    task = ServiceTask(
        "a",
        job="http",
        settings={"url": "='https://x/' + string(id)", "headers": {"n": "=id"}},
        inputs={"v": "id + 1"},
    )
    world, p = run(task, flows="s -> a -> b", variables={"id": 7})
    [(_, job)] = world.jobs
    assert (job.job_type, job.settings) == ("http", {"url": "https://x/7", "headers": {"n": 7}})
    assert (job.variables, job.due, job.attempt) == ({"v": 8}, START, 1)
    world.send(p, on.JobCompleted(at=world.now, job=job.job, variables={"status": 200}))
    assert world.at(p) == ["b"]
    assert world.state(p).variables == {"id": 7, "status": 200}


def test_a_failed_job_is_offered_again_after_a_backoff_that_doubles_and_then_needs_help():
    world, p = run(ServiceTask("a", retries=3, backoff="PT10S"), flows="s -> a -> b")
    for attempt, seconds in ((2, 10), (3, 20), (4, 40)):
        failing(world, p)
        job = world.jobs[0][1]
        assert (job.attempt, job.due - world.now) == (attempt, timedelta(seconds=seconds))
    failing(world, p)
    [incident] = world.state(p).incidents.values()
    assert (incident.kind, incident.message) == ("job_failed", "no answer")
    world.retry(p)
    assert world.jobs[0][1].attempt == 1
    world.send(p, on.JobCompleted(at=world.now, job=world.jobs[0][1].job))
    assert world.at(p) == ["b"]


def test_a_worker_can_say_that_trying_again_is_of_no_use():
    world, p = run(ServiceTask("a", retries=3), flows="s -> a -> b")
    failing(world, p, final=True)
    assert [row.kind for row in world.state(p).incidents.values()] == ["job_failed"]


def test_a_worker_can_throw_an_error_that_the_model_catches():
    caught = BoundaryEvent("x", attached_to="a", events=[ErrorEvent("full")])
    world, p = run(ServiceTask("a"), caught, flows="s -> a -> b\nx -> c")
    failing(world, p, error="full", variables={"seats": 0})
    assert world.at(p) == ["c"]
    assert world.state(p).variables == {"seats": 0}


def test_an_error_of_a_worker_that_nothing_catches_is_an_incident():
    world, p = run(ServiceTask("a"), flows="s -> a -> b")
    failing(world, p, error="full")
    [incident] = world.state(p).incidents.values()
    assert incident.kind == "uncaught_error"
    assert "full" in incident.message
    world.retry(p)
    assert len(world.jobs) == 1


def test_cancelling_calls_open_work_off():
    elements = (ParallelGateway("split"), ServiceTask("a"), BusinessRuleTask("r", rules="set"))
    world, p = run(*elements, flows="s -> split -> a -> e\nsplit -> u -> e1\nsplit -> r -> e2")
    effects = world.send(p, on.Cancelled(at=world.now))
    assert {type(effect) for effect in effects} >= {out.CancelJob, out.CancelTask, out.CancelDecision}
    assert world.jobs == []
    assert world.tasks == {}
    assert world.state(p).outcome == "cancelled"


def test_a_job_that_failed_for_good_is_called_off_as_well():
    world, p = run(ServiceTask("a", retries=0), flows="s -> a -> e")
    failing(world, p)
    effects = world.send(p, on.Cancelled(at=world.now))
    assert out.CancelJob(next(e.job for e in effects if isinstance(e, out.CancelJob))) in effects
    assert world.incidents == {}


def test_a_script_in_another_language_is_a_job():
    task = ScriptTask("a", script="print(1)", format="python", result="x")
    world, _ = run(task, flows="s -> a -> e")
    [(_, job)] = world.jobs
    assert job.job_type == "script"
    assert job.settings == {"format": "python", "script": "print(1)"}


# -- rules -------------------------------------------------------------------------------------------------


def test_a_business_rule_task_asks_with_its_inputs_as_facts_and_keeps_the_decision():
    task = BusinessRuleTask("r", rules="discounts", result="decision", inputs={"amount": "order.amount"})
    world, p = run(task, flows="s -> r -> b", variables={"order": {"amount": 5}})
    [asked] = world.decisions.values()
    assert (asked.rules, asked.facts) == ("discounts", {"amount": 5})
    world.send(p, on.DecisionCompleted(at=world.now, decision=asked.decision, outputs={"percent": 3}))
    assert world.state(p).variables["decision"] == {"percent": 3}
    assert world.at(p) == ["b"]


def test_without_inputs_all_variables_are_facts_and_without_result_outputs_are_variables():
    world, p = run(BusinessRuleTask("r", rules="x"), flows="s -> r -> b", variables={"n": 1})
    [asked] = world.decisions.values()
    assert asked.facts == {"n": 1}
    world.send(p, on.DecisionCompleted(at=world.now, decision=asked.decision, outputs={"ok": True}))
    assert world.state(p).variables == {"n": 1, "ok": True}


def test_rules_that_fail_are_asked_again_when_helped():
    world, p = run(BusinessRuleTask("r", rules="x"), flows="s -> r -> b")
    [asked] = world.decisions.values()
    world.send(p, on.DecisionFailed(at=world.now, decision=asked.decision, message="no such set"))
    assert [row.kind for row in world.state(p).incidents.values()] == ["rules_failed"]
    world.retry(p)
    [asked] = world.decisions.values()
    world.send(p, on.DecisionCompleted(at=world.now, decision=asked.decision, outputs={}))
    assert world.at(p) == ["b"]


# -- messages ----------------------------------------------------------------------------------------------


def test_a_send_task_sends_and_a_receive_task_waits():
    send = SendTask("send", message=MessageEvent("hello", "=id", {"greeting": "'hi ' + name"}))
    receive = ReceiveTask("receive", message=MessageEvent("answer", "=id"), outputs={"got": "text"})
    world, p = run(send, receive, flows="s -> send -> receive -> b", variables={"id": 3, "name": "Ann"})
    sent = [effect for effect in world.instances[p].effects if isinstance(effect, out.SendMessage)]
    assert sent == [out.SendMessage("send", "hello", "3", {"greeting": "hi Ann"})]
    assert world.at(p) == ["receive"]
    assert world.message("answer", "3", {"text": "yes"})
    assert world.state(p).variables["got"] == "yes"
    assert "text" not in world.state(p).variables
    assert world.at(p) == ["b"]


def test_a_receive_task_can_start_a_process():
    receive = ReceiveTask("receive", message=MessageEvent("order"), instantiate=True)
    world = World([process(receive, flows="receive -> a -> e")])
    assert world.message("order", "", {"n": 1})
    assert world.at("p1") == ["a"]
    assert world.state("p1").variables == {"n": 1}


def test_a_message_between_two_processes_carries_its_payload():
    throw = ThrowEvent("throw", events=[MessageEvent("go", payload={"x": "1 + 1"})])
    start = StartEvent("begin", events=[MessageEvent("go")])
    world = World(
        [process(throw, flows="s -> throw -> e"), process(start, flows="begin -> a -> e", key="other")]
    )
    world.start("p")
    assert world.at("p2") == ["a"]
    assert world.state("p2").variables == {"x": 2}


# -- called processes --------------------------------------------------------------------------------------


def called(*elements, flows: str) -> Process:
    return process(*elements, flows=flows, key="child")


def test_a_call_activity_runs_another_process_and_takes_its_variables_back():
    call = CallActivity("call", process="child", inputs={"n": "x + 1"}, outputs={"result": "n * 10"})
    world = World([process(call, flows="s -> call -> b"), called(flows="s -> inner -> e")])
    p = world.start("p", {"x": 1}, business_key="order 7")
    assert world.at(p) == ["call"]
    assert world.state("p2").variables == {"n": 2}
    assert world.state("p2").business_key == "order 7"
    world.complete("p2", "inner", {"n": 5})
    assert world.at(p) == ["b"]
    assert world.state(p).variables == {"x": 1, "result": 50}


def test_an_error_that_ends_the_called_process_is_caught_at_the_call():
    call = CallActivity("call", process="child")
    caught = BoundaryEvent("x", attached_to="call", events=[ErrorEvent("E1")])
    failing_end = EndEvent("bad", events=[ErrorEvent("E1")])
    world = World(
        [
            process(call, caught, flows="s -> call -> b\nx -> c"),
            called(failing_end, flows="s -> inner -> bad"),
        ]
    )
    p = world.start("p")
    world.complete("p2", "inner")
    assert world.state("p2").outcome == "error"
    assert world.at(p) == ["c"]


def test_an_escalation_of_the_called_process_reaches_the_call_while_it_goes_on():
    call = CallActivity("call", process="child")
    caught = BoundaryEvent("x", attached_to="call", interrupting=False, events=[EscalationEvent("late")])
    throw = ThrowEvent("throw", events=[EscalationEvent("late")])
    world = World(
        [
            process(call, caught, flows="s -> call -> b\nx -> c"),
            called(throw, flows="s -> throw -> inner -> e"),
        ]
    )
    p = world.start("p")
    assert world.at(p) == ["c", "call"]


def test_interrupting_a_call_cancels_the_called_process():
    call = CallActivity("call", process="child")
    caught = BoundaryEvent("x", attached_to="call", events=[MessageEvent("stop")])
    world = World([process(call, caught, flows="s -> call -> b\nx -> c"), called(flows="s -> inner -> e")])
    p = world.start("p")
    world.message("stop")
    assert world.at(p) == ["c"]
    assert world.state("p2").outcome == "cancelled"


@pytest.mark.parametrize("outcome", ["cancelled", "failed"])
def test_a_called_process_that_was_cancelled_or_never_started_is_an_incident(outcome):
    world = World(
        [process(CallActivity("call", process="child"), flows="s -> call -> b"), called(flows="s -> i")]
    )
    p = world.start("p")
    call = world.calls["p2"][1]
    world.send(p, on.CallEnded(at=world.now, call=call, outcome=outcome))
    [incident] = world.state(p).incidents.values()
    assert incident.kind == "call_failed"


# -- tokens ------------------------------------------------------------------------------------------------


def test_an_activity_waits_for_its_start_quantity_and_sends_its_completion_quantity():
    flows = "s -> two -> a -> e"
    two = script("two", "null", completion_quantity=5)
    world, p = run(two, UserTask("a", start_quantity=2), flows=flows)
    assert world.at(p) == ["a", "a"]
    assert len(world.state(p).arrivals) == 1
    [incident] = world.state(p).incidents.values()  # the fifth token never gets a partner
    assert incident.kind == "stuck_join"


def test_a_model_without_events_begins_at_what_nothing_leads_to():
    world, p = run(flows="a -> b\nc -> b")
    assert world.at(p) == ["a", "c"]


def test_an_endless_loop_becomes_an_incident(monkeypatch):
    monkeypatch.setattr(draining, "MAX_STEPS", 200)
    world, p = run(script("x", "null"), flows="s -> x -> x")
    [incident] = world.state(p).incidents.values()
    assert incident.kind == "endless_loop"
