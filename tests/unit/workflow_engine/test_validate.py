"""Validation: each fault is found, named by its element, and is an error only where nothing could run."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.unit.workflow_engine.models import content, process, subprocess
from workflow.engine.definition_json import read_json, write_json
from workflow.engine.faults import DefinitionRefused, errors
from workflow.engine.model import (
    AdHoc,
    BoundaryEvent,
    BusinessRuleTask,
    CallActivity,
    CancelEvent,
    CatchEvent,
    CompensationEvent,
    ComplexBehavior,
    ComplexGateway,
    ConditionalEvent,
    EndEvent,
    ErrorEvent,
    EscalationEvent,
    EventBasedGateway,
    ExclusiveGateway,
    Flow,
    LinkEvent,
    MessageEvent,
    MultiInstance,
    ParallelGateway,
    Process,
    ReceiveTask,
    ScriptTask,
    SendTask,
    ServiceTask,
    SignalEvent,
    Sla,
    StandardLoop,
    StartEvent,
    SubProcess,
    Task,
    TerminateEvent,
    ThrowEvent,
    TimerEvent,
    UserTask,
)
from workflow.engine.validate import MAX_DEPTH, MAX_ELEMENTS, validate


def found(*elements, flows: str = "s -> a -> e", **fields) -> set[tuple[str, str, str]]:
    made = process(*elements, flows=flows, valid=False, **fields)
    return {(row.element, row.code, row.severity) for row in validate(made)}


def test_a_good_definition_has_no_faults():
    assert found() == set()


# -- structure ---------------------------------------------------------------------------------------------


def test_a_definition_needs_a_key_and_elements_with_ids_of_their_own():
    assert [row.code for row in validate(Process(""))] == ["no_key", "empty"]
    twice = process(flows="s -> a", valid=False)
    twice = replace(twice, elements=[*twice.elements, Task("a"), Task("")])
    assert [(row.element, row.code) for row in validate(twice)] == [("a", "duplicate_id"), ("", "no_id")]


def test_ids_are_unique_across_subprocesses_and_flows():
    inner = subprocess("sub", Task("s"), flows="")
    assert [(row.element, row.code) for row in validate(process(inner, flows="s -> sub", valid=False))] == [
        ("s", "duplicate_id")
    ]
    clash = Process("p", elements=[Task("a"), Task("b")], flows=[Flow("a", "a", "b")])
    assert [(row.element, row.code) for row in validate(clash)] == [("a", "duplicate_id")]


def test_flows_and_boundaries_stay_in_their_scope():
    inner = subprocess("sub", Task("x"), flows="")
    model = process(
        inner, BoundaryEvent("b", attached_to="x", events=[SignalEvent("g")]), flows="s -> sub", valid=False
    )
    model = replace(model, flows=[*model.flows, Flow("over", "s", "x"), Flow("off", "nowhere", "sub")])
    assert {(row.element, row.code) for row in validate(model)} == {
        ("over", "dangling_flow"),
        ("off", "dangling_flow"),
        ("b", "dangling_boundary"),
    }


def test_sizes_are_bounded():
    many = Process("p", elements=[Task(f"t{number}") for number in range(MAX_ELEMENTS + 1)])
    assert [row.code for row in validate(many)] == ["too_large"]
    deep: SubProcess = SubProcess("d0")
    for number in range(MAX_DEPTH + 1):
        deep = SubProcess(f"d{number + 1}", elements=[deep])
    assert "too_large" in [row.code for row in validate(Process("p", elements=[deep]))]


# -- events ------------------------------------------------------------------------------------------------

G = SignalEvent("g")


@pytest.mark.parametrize(
    ("element", "code"),
    [
        (CatchEvent("x", events=[ErrorEvent("E")]), "event_position"),
        (CatchEvent("x", events=[TerminateEvent()]), "event_position"),
        (ThrowEvent("x", events=[TimerEvent(duration="PT1S")]), "event_position"),
        (ThrowEvent("x", events=[ErrorEvent("E")]), "event_position"),
        (EndEvent("x", events=[LinkEvent("L")]), "event_position"),
        (BoundaryEvent("x", attached_to="a", events=[TerminateEvent()]), "event_position"),
        (BoundaryEvent("x", attached_to="a"), "no_event"),
        (BoundaryEvent("x", attached_to="a", events=[CompensationEvent()]), "no_handler"),
        (BoundaryEvent("x", attached_to="a", events=[CancelEvent()]), "cancel"),
        (EndEvent("x", events=[CancelEvent()]), "cancel"),
        (EndEvent("x", events=[ErrorEvent()]), "no_name"),
        (CatchEvent("x", events=[SignalEvent()]), "no_name"),
        (CatchEvent("x", events=[MessageEvent()]), "no_name"),
        (CatchEvent("x", events=[MessageEvent("m", "=1 +")]), "expression"),
        (ThrowEvent("x", events=[MessageEvent("m", payload={"v": "1 +"})]), "expression"),
        (ThrowEvent("x", events=[SignalEvent("g", {"v": "1 +"})]), "expression"),
        (CatchEvent("x", events=[ConditionalEvent()]), "expression"),
        (CatchEvent("x", events=[ConditionalEvent("a &&")]), "expression"),
        (CatchEvent("x", events=[TimerEvent()]), "timer"),
        (CatchEvent("x", events=[TimerEvent(duration="PT1S", date="2026-01-01T00:00:00Z")]), "timer"),
        (CatchEvent("x", events=[TimerEvent(duration="1 hour")]), "time"),
        (CatchEvent("x", events=[TimerEvent(date="soon")]), "time"),
        (CatchEvent("x", events=[TimerEvent(cycle="PT1H")]), "time"),
        (CatchEvent("x", events=[TimerEvent(duration="=1 +")]), "expression"),
        (CatchEvent("x", events=[LinkEvent()]), "link"),
        (CatchEvent("x", events=[LinkEvent("L")]), "link"),
        (ThrowEvent("x", events=[LinkEvent("L")]), "link"),
        (ThrowEvent("x", events=[LinkEvent("L"), G]), "link"),
        (ThrowEvent("x", events=[CompensationEvent("zz")]), "compensation"),
        (CatchEvent("x", events=[EscalationEvent("=1 +")]), "event_position"),
        (BoundaryEvent("x", attached_to="a", events=[EscalationEvent("=1 +")]), "expression"),
    ],
)
def test_faults_of_events(element, code):
    assert ("x", code, "error") in found(element)


def test_a_start_has_the_events_that_its_place_allows():
    assert ("s", "event_position", "error") in found(StartEvent("s", events=[ErrorEvent("E")]))
    inner = subprocess("sub", StartEvent("x", events=[G]), flows="x -> i")
    assert ("x", "event_position", "error") in found(inner, flows="s -> sub")
    for starts in ([], [StartEvent("x")], [StartEvent("x", events=[G]), StartEvent("y", events=[G])]):
        inner = SubProcess("sub", elements=[*starts, Task("t")], event=True)
        assert ("sub", "event_subprocess_start", "error") in found(inner)


def test_links_pair_up():
    ends = CatchEvent("in", events=[LinkEvent("L")]), ThrowEvent("out", events=[LinkEvent("L")])
    assert found(*ends, flows="s -> out\nin -> a") == set()
    assert ("in", "link", "error") in found(*ends, flows="s -> out\ns -> in -> a")
    assert ("out", "link", "error") in found(*ends, flows="s -> out -> a\nin -> b")
    twice = CatchEvent("in2", events=[LinkEvent("L")])
    assert ("out", "link", "error") in found(*ends, twice, flows="s -> out\nin -> a\nin2 -> b")


def test_a_transaction_should_say_what_follows_its_cancellation():
    inner = subprocess(
        "tx", StartEvent("si"), EndEvent("c", events=[CancelEvent()]), flows="si -> c", transaction=True
    )
    assert found(inner, flows="s -> tx -> e") == {("c", "cancel", "warning")}
    caught = BoundaryEvent("b", attached_to="tx", events=[CancelEvent()])
    assert found(inner, caught, flows="s -> tx -> e\nb -> a") == set()


def test_a_date_has_no_calendar():
    timer = TimerEvent(date="2026-01-01T00:00:00Z", calendar="office")
    assert found(CatchEvent("x", events=[timer]), flows="s -> x -> a") == {("x", "timer", "warning")}


def test_a_date_should_say_its_offset():
    for date, faults in (("2026-01-01T00:00:00", 1), ("2026-01-01T00:00:00+01:00", 0), ("=when", 0)):
        event = CatchEvent("x", events=[TimerEvent(date=date)])
        assert len(found(event, flows="s -> x -> a")) == faults


# -- activities --------------------------------------------------------------------------------------------


def looped(**fields) -> UserTask:
    return UserTask("x", loop=MultiInstance(**fields))


@pytest.mark.parametrize(
    ("element", "code"),
    [
        (Task("x", start_quantity=0), "quantity"),
        (Task("x", completion_quantity=-1), "quantity"),
        (Task("x", inputs={"v": "1 +"}), "expression"),
        (Task("x", outputs={"v": ""}), "expression"),
        (Task("x", loop=StandardLoop()), "loop"),
        (Task("x", loop=StandardLoop("true", maximum=-1)), "loop"),
        (Task("x", loop=StandardLoop("1 +")), "expression"),
        (looped(), "multi_instance"),
        (looped(cardinality="3", collection="[]"), "multi_instance"),
        (looped(cardinality="-3"), "multi_instance"),
        (looped(cardinality="1 +"), "expression"),
        (looped(cardinality="3", output="x"), "multi_instance"),
        (looped(cardinality="3", behavior="some"), "multi_instance"),
        (looped(cardinality="3", behavior="complex"), "multi_instance"),
        (looped(cardinality="3", behavior="one", event=TimerEvent(duration="PT1S")), "multi_instance"),
        (looped(cardinality="3", behavior="complex", complex=[ComplexBehavior("1 +")]), "expression"),
        (Task("x", sla=Sla("soon")), "time"),
        (Task("x", sla=Sla("PT1H", "later")), "time"),
        (UserTask("x", assignee="=1 +"), "expression"),
        (UserTask("x", candidate_roles=["=1 +"]), "expression"),
        (UserTask("x", due="P-1D"), "time"),
        (UserTask("x", due="tomorrow"), "time"),
        (ServiceTask("x", settings={"headers": {"a": "=1 +"}}), "expression"),
        (ServiceTask("x", backoff="10"), "time"),
        (ServiceTask("x", retries=-1), "retries"),
        (ScriptTask("x", script="1 +"), "expression"),
        (SendTask("x", message=MessageEvent()), "no_name"),
        (ReceiveTask("x"), "no_name"),
        (BusinessRuleTask("x"), "no_rules"),
        (CallActivity("x"), "no_called_element"),
        (SubProcess("x", elements=[Task("xt")], ad_hoc=AdHoc(completion="1 +")), "expression"),
        (ComplexGateway("x", activation="1 +"), "expression"),
    ],
)
def test_faults_of_activities(element, code):
    assert ("x", code, "error") in found(element, flows="s -> x -> a")


def test_the_service_level_of_a_process_is_checked_too():
    assert ("p", "time", "error") in found(sla=Sla("soon"))


def test_an_ad_hoc_subprocess_should_have_no_start_and_end():
    inner = SubProcess("x", elements=[EndEvent("xe")], ad_hoc=AdHoc())
    assert found(inner, flows="s -> x -> a") == {("x", "ad_hoc", "warning")}


def test_an_event_subprocess_cannot_be_repeated():
    inner = subprocess(
        "x", StartEvent("xs", events=[G]), flows="xs -> i", event=True, loop=StandardLoop("true")
    )
    assert ("x", "event_subprocess", "error") in found(inner)


def test_a_script_in_another_language_needs_a_worker():
    assert found(ScriptTask("x", script="1", format="python"), flows="s -> x") == {
        ("x", "script_by_worker", "warning")
    }


# -- flows -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("elements", "flows", "fault"),
    [
        ([], "s -> a -> s", ("s", "flow_into_event", "error")),
        ([], "s -> e -> a", ("e", "flow_out_of_end", "error")),
        ([Task("x", default="zz")], "s -> x -> a", ("x", "default_flow", "error")),
        ([Task("x", default="x.a")], "s -> x\nx -> a ? true", ("x.a", "default_condition", "warning")),
        ([ExclusiveGateway("x")], "s -> x", ("x", "dead_end", "warning")),
        ([ExclusiveGateway("x")], "s -> x -> a\nx -> b ? true", ("x", "unconditional", "warning")),
        ([ParallelGateway("x")], "s -> x\nx -> a ? true\nx -> b", ("x", "condition_ignored", "warning")),
        ([], "s -> a ? 1 +", ("s.a", "expression", "error")),
        ([EventBasedGateway("x")], "s -> x", ("x", "event_gateway", "error")),
        ([EventBasedGateway("x")], "s -> x -> a", ("x", "event_gateway", "error")),
        ([Task("x", for_compensation=True)], "s -> x", ("x", "flow_at_handler", "error")),
        ([], "s -> a\nb -> a", ("b", "unreachable", "warning")),
        (
            [BoundaryEvent("x", attached_to="a", events=[G])],
            "s -> a -> e",
            ("x", "dead_end", "warning"),
        ),
        (
            [EventBasedGateway("x"), CatchEvent("c", events=[G])],
            "s -> x -> c -> a\ns -> c",
            ("x", "event_gateway", "error"),
        ),
        (
            [EventBasedGateway("x", instantiate=True), CatchEvent("c", events=[G])],
            "s -> x -> c -> a",
            ("x", "event_gateway", "error"),
        ),
        (
            [EventBasedGateway("x"), CatchEvent("c", events=[G])],
            "s -> x\nx -> c ? true\nc -> a",
            ("x.c", "condition", "error"),
        ),
    ],
)
def test_faults_of_flows(elements, flows, fault):
    assert fault in found(*elements, flows=flows)


def test_event_subprocesses_and_compensation_have_no_flows():
    inner = subprocess("x", StartEvent("xs", events=[G]), flows="xs -> i", event=True)
    assert ("x", "flow_at_event_subprocess", "error") in found(inner, flows="s -> x")
    undo = Task("undo", for_compensation=True)
    caught = BoundaryEvent("x", attached_to="a", events=[CompensationEvent()], handler="undo")
    assert found(undo, caught, flows="s -> a") == set()
    assert ("x", "flow_at_compensation", "error") in found(undo, caught, flows="s -> a\nx -> b")


def test_every_fault_is_a_sentence():
    made = process(
        Task("x", start_quantity=0), ReceiveTask("y"), CatchEvent("z"), flows="s -> x -> y -> z", valid=False
    )
    faults = validate(made)
    assert len(errors(faults)) == 2
    for fault in faults:
        assert fault.message[0].isupper()
        assert fault.message.endswith(".")


def test_the_expression_language_is_whatever_is_given():
    class Anything:
        def evaluate(self, source, bindings):
            return True

        def fault(self, source):
            return ""

    made = process(flows="s -> a ? when it rains", valid=False)
    assert errors(validate(made)) != []
    assert validate(made, Anything()) == []


# -- JSON --------------------------------------------------------------------------------------------------


def test_a_definition_round_trips_through_json():
    inner = subprocess(
        "sub",
        StartEvent("si", events=[TimerEvent(cycle="R/P1D")]),
        flows="si -> i",
        event=True,
    )
    made = process(
        inner,
        UserTask("u", loop=MultiInstance(collection="people", item="person")),
        flows="s -> u ? true",
        valid=False,
    )
    assert read_json(write_json(made)) == made


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"{", "truncated"),
        (b'{"elements": []}', "key"),
        (b'{"key": "p", "elements": [{"type": "magic", "id": "a"}]}', "$.elements[0].type"),
        (b'{"key": "p", "elements": [{"type": "task", "id": "a", "lop": {}}]}', "lop"),
        (b'{"key": "p", "elements": [{"type": "task", "id": 3}]}', "$.elements[0].id"),
        (b'{"key": "p", "flows": [{"id": "f"}]}', "$.flows[0]"),
        (b"[" * 100_000, ""),
        (b" " * 5_000_001, "larger"),
    ],
)
def test_json_that_is_no_definition_is_refused_with_the_place(text, place):
    with pytest.raises(DefinitionRefused) as refused:
        read_json(text)
    assert place.lower() in refused.value.faults[0].message.lower()


def test_an_empty_place_has_no_content():
    assert content((), "") == ([], [])


LONG = "x" * 256


@pytest.mark.parametrize(
    ("element", "fault"),
    [
        (UserTask("a", priority="1e999"), ("a", "priority", "error")),
        (UserTask("a", priority="urgent"), ("a", "priority", "error")),
        (UserTask("a", completion_quantity=1_001), ("a", "quantity", "error")),
        (UserTask("a", start_quantity=10**12), ("a", "quantity", "error")),
        (ReceiveTask("a", message=MessageEvent(LONG)), ("a", "too_long", "error")),
        (CallActivity("a", process="other", version=2**31), ("a", "version", "error")),
        (CallActivity("a", process="other", version=-1), ("a", "version", "error")),
    ],
)
def test_a_number_or_name_beyond_all_measure_is_a_fault(element, fault):
    assert fault in found(element)


def test_ids_and_keys_have_a_length():
    assert {code for _, code, _ in found(key=LONG)} == {"too_long"}
    assert {code for _, code, _ in found(UserTask(LONG), flows=f"s -> {LONG} -> e")} == {"too_long"}


def test_what_a_start_cannot_do_is_a_warning():
    start = StartEvent("s", events=[ConditionalEvent("true")])
    assert found(start) == {("s", "conditional_start", "warning")}
    timer = TimerEvent(cycle="R/2026-01-01T00:00:00Z/PT1H", calendar="office")
    assert found(CatchEvent("a", events=[timer])) == {("a", "timer", "warning")}
