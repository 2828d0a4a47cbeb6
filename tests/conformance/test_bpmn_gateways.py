"""Gateways, flows and the workflow control-flow patterns that they make, as BPMN 2.0.2 describes them."""

from __future__ import annotations

import pytest

from tests.conformance.bpmn_models import (
    REFUSED,
    boundary,
    catch,
    element,
    end,
    event,
    flow,
    flows,
    gateway,
    instances,
    marker,
    message,
    model,
    run,
    signal,
    start,
    sub,
    task,
    throw,
    timer,
)
from tests.conformance.bpmn_suite import judge

Runs = dict[str, list[str]]
"""The wanted trace for each input."""

FAILS = ["assertRuntimeException"]
A, B, C = (f'test.contains("{letter}")' for letter in "abc")
SLOW, SLOWER = catch("wait", timer(duration="PT5S")), catch("wait2", timer(duration="PT9S"))


def two(
    split: str, *after: str, first: str = A, second: str = B, paths: tuple[str, ...] = (), **options: object
) -> bytes:
    """The gateway ``g`` goes to task1 if there is an a and to task2 if there is a b."""
    return run(
        start(),
        gateway(split, "g", **options),
        flow("g", "task1", first),
        flow("g", "task2", second),
        task(1),
        task(2),
        *after,
        flows("start g", *paths),
    )


def joined(split: str, join: str, *inside: str, first: str = A, second: str = B) -> bytes:
    """The two branches of ``two`` come together at the gateway ``j`` and go on to task3."""
    return two(
        split,
        gateway(join, "j", *inside),
        task(3),
        end(),
        first=first,
        second=second,
        paths=("task1 j task3 end", "task2 j"),
    )


DEFAULT = task(3) + flows("g task3")
SPLITS: dict[str, tuple[bytes, Runs]] = {
    "exclusive": (two("exclusive"), {"a": ["task1"], "b": ["task2"], "ab": ["task1"]}),
    "exclusive with a default": (
        two("exclusive", DEFAULT, default="g_task3"),
        {"a": ["task1"], "b": ["task2"], "ab": ["task1"], "c": ["task3"]},
    ),
    "exclusive, the default stands first": (
        run(
            start(),
            gateway("exclusive", "g", default="g_task1"),
            flows("start g task1"),
            flow("g", "task2", B),
            task(1),
            task(2),
        ),
        {"a": ["task1"], "b": ["task2"]},
    ),
    "exclusive, in the order of the gateway": (
        two("exclusive", first="true", second="true").replace(
            b'<exclusiveGateway id="g">',
            b'<exclusiveGateway id="g"><outgoing>g_task2</outgoing><outgoing>g_task1</outgoing>',
        ),
        {"": ["task2"]},
    ),
    "inclusive": (two("inclusive"), {"a": ["task1"], "b": ["task2"], "ab": ["task1", "task2"]}),
    "inclusive with a default": (
        two("inclusive", DEFAULT, default="g_task3"),
        {"a": ["task1"], "ab": ["task1", "task2"], "c": ["task3"]},
    ),
    "inclusive with a flow that is always taken": (
        two("inclusive", DEFAULT),
        {"a": ["task1", "task3"], "c": ["task3"], "ab": ["task1", "task2", "task3"]},
    ),
    "complex": (two("complex"), {"a": ["task1"], "b": ["task2"], "ab": ["task1", "task2"]}),
    "complex with a default": (
        two("complex", DEFAULT, default="g_task3"),
        {"a": ["task1"], "c": ["task3"], "ab": ["task1", "task2"]},
    ),
    "parallel": (two("parallel", first="", second=""), {"": ["task1", "task2"]}),
    "parallel heeds no condition": (two("parallel"), {"": ["task1", "task2"], "a": ["task1", "task2"]}),
}

JOINS: dict[str, tuple[bytes, Runs]] = {
    "exclusive, exclusive": (
        joined("exclusive", "exclusive"),
        {"a": ["task1", "task3"], "b": ["task2", "task3"]},
    ),
    "exclusive, inclusive": (
        joined("exclusive", "inclusive"),
        {"a": ["task1", "task3"], "ab": ["task1", "task3"]},
    ),
    "exclusive, parallel, which waits for ever": (
        joined("exclusive", "parallel"),
        {"a": ["task1"], "b": ["task2"]},
    ),
    "exclusive, complex, which takes what it can get": (
        joined("exclusive", "complex", element("activationCondition", "activationCount >= 1")),
        {"a": ["task1", "task3"], "b": ["task2", "task3"]},
    ),
    "inclusive, exclusive": (
        joined("inclusive", "exclusive"),
        {"a": ["task1", "task3"], "ab": ["task1", "task3", "task2", "task3"]},
    ),
    "inclusive, inclusive": (
        joined("inclusive", "inclusive"),
        {"a": ["task1", "task3"], "ab": ["task1", "task2", "task3"]},
    ),
    "inclusive, parallel": (
        joined("inclusive", "parallel"),
        {"a": ["task1"], "ab": ["task1", "task2", "task3"]},
    ),
    "parallel, exclusive": (
        joined("parallel", "exclusive", first="", second=""),
        {"": ["task1", "task3", "task2", "task3"]},
    ),
    "parallel, inclusive": (
        joined("parallel", "inclusive", first="", second=""),
        {"": ["task1", "task2", "task3"]},
    ),
    "parallel, parallel": (
        joined("parallel", "parallel", first="", second=""),
        {"": ["task1", "task2", "task3"]},
    ),
    "parallel, complex: one of two": (
        joined(
            "parallel", "complex", element("activationCondition", "activationCount >= 1"), first="", second=""
        ),
        {"": ["task1", "task2", "task3"]},
    ),
    "parallel, complex: two of two": (
        joined(
            "parallel", "complex", element("activationCondition", "activationCount == 2"), first="", second=""
        ),
        {"": ["task1", "task2", "task3"]},
    ),
    "parallel, complex without a condition": (
        joined("parallel", "complex", first="", second=""),
        {"": ["task1", "task2", "task3"]},
    ),
    "parallel, straight into an activity": (
        two("parallel", task(3), first="", second="", paths=("task1 task3", "task2 task3")),
        {"": ["task1", "task3", "task2", "task3"]},
    ),
    "a gateway that joins and splits": (
        two(
            "parallel",
            gateway("parallel", "j"),
            task(3),
            task(4),
            first="",
            second="",
            paths=("task1 j task3", "task2 j task4"),
        ),
        {"": ["task1", "task2", "task3", "task4"]},
    ),
    "an exclusive gateway that joins and splits": (
        two(
            "exclusive",
            gateway("exclusive", "j"),
            flow("j", "task3", A),
            flow("j", "task4", B),
            task(3),
            task(4),
            paths=("task1 j", "task2 j"),
        ),
        {"a": ["task1", "task3"], "b": ["task2", "task4"]},
    ),
    "an inclusive gateway that joins and splits": (
        two(
            "inclusive",
            gateway("inclusive", "j"),
            flow("j", "task3", A),
            flow("j", "task4", B),
            task(3),
            task(4),
            paths=("task1 j", "task2 j"),
        ),
        {"a": ["task1", "task3"], "ab": ["task1", "task2", "task3", "task4"]},
    ),
}


def choice(*events: str, thrown: str = "", paths: tuple[str, ...] = ("g c1 task1", "g c2 task2")) -> bytes:
    """An event-based gateway ``g`` before the events c1 and c2, beside a branch that throws after a while."""
    after = (throw("threw", thrown), flows("fork wait threw")) if thrown else (flows("fork wait"),)
    return run(
        start(),
        gateway("parallel", "fork"),
        SLOW,
        gateway("eventBased", "g"),
        *events,
        task(1),
        task(2),
        flows("start fork g", *paths),
        *after,
    )


PATIENT = catch("c2", timer(duration="PT1M"))
CHOICES: dict[str, tuple[bytes, Runs]] = {
    "a signal first": (choice(catch("c1", signal()), PATIENT, thrown=signal()), {"": ["task1"]}),
    "the time first": (choice(catch("c1", signal()), PATIENT), {"": ["task2"]}),
    "a message first": (choice(catch("c1", message()), PATIENT, thrown=message()), {"": ["task1"]}),
    "a receive task first": (
        choice(element("receiveTask", id="c1", messageRef="M1"), PATIENT, thrown=message()),
        {"": ["task1"]},
    ),
    "the other message": (
        choice(catch("c1", message()), catch("c2", message("M2")), thrown=message("M2")),
        {"": ["task2"]},
    ),
    "a condition": (
        choice(catch("c1", event("conditional", element("condition", A))), PATIENT),
        {"a": ["task1"], "b": ["task2"]},
    ),
    "one of two that begin the process": (
        run(
            gateway("eventBased", "g", instantiate=True),
            catch("c1", signal()),
            catch("c2", signal("S2")),
            task(1),
            task(2),
            flows("g c1 task1", "g c2 task2"),
        ),
        {"": ["task1"]},
    ),
    "all of those that begin the process": (
        run(
            gateway("eventBased", "g", instantiate=True, eventGatewayType="Parallel"),
            catch("c1", message()),
            catch("c2", message("M2")),
            task(1),
            task(2),
            flows("g c1 task1", "g c2 task2"),
        ),
        {"": ["task1"]},
    ),
}

OUT = end(name="e1") + task(3)
FLOWS: dict[str, tuple[bytes, Runs]] = {
    "a sequence": (
        run(start(), task(1), task(2), end(), flows("start task1 task2 end")),
        {"": ["task1", "task2"]},
    ),
    "lanes change nothing": (
        run(
            element(
                "laneSet", element("lane", element("flowNodeRef", "task1"), id="l1"), element("lane", id="l2")
            ),
            start(),
            task(1),
            task(2),
            end(),
            flows("start task1 task2 end"),
        ),
        {"": ["task1", "task2"]},
    ),
    "an implicit split": (
        run(start(), task(1), task(2), flows("start task1", "start task2")),
        {"": ["task1", "task2"]},
    ),
    "an implicit merge": (
        run(start(), task(1), task(2), task(3), flows("start task1 task3", "start task2 task3")),
        {"": ["task1", "task3", "task2", "task3"]},
    ),
    "a condition at an activity": (
        run(
            start(),
            task(1),
            flow("task1", "task2", A),
            flow("task1", "task3", B),
            task(2),
            task(3),
            flows("start task1"),
        ),
        {"a": ["task1", "task2"], "ab": ["task1", "task2", "task3"]},
    ),
    "a default at an activity": (
        run(
            start(),
            task(1, default="task1_task3"),
            flow("task1", "task2", A),
            flow("task1", "task3"),
            task(2),
            task(3),
            flows("start task1"),
        ),
        {"a": ["task1", "task2"], "b": ["task1", "task3"]},
    ),
    "a default at a sub-process": (
        run(
            start(),
            sub("sub", task(1), default="sub_task3"),
            flow("sub", "task2", A),
            flow("sub", "task3"),
            task(2),
            task(3),
            flows("start sub"),
        ),
        {"a": ["task1", "task2"], "b": ["task1", "task3"]},
    ),
    "a condition at an event": (
        run(
            start(),
            throw("it"),
            flow("it", "task1", A),
            flow("it", "task2"),
            task(1),
            task(2),
            flows("start it"),
        ),
        {"a": ["task1", "task2"], "b": ["task2"]},
    ),
}

REPEAT = "integerVariable < 5"
PATTERNS: dict[str, tuple[bytes, Runs]] = {
    "a discriminator: the first of three": (
        run(
            start(),
            gateway("parallel", "fork"),
            task(1),
            task(2),
            SLOW,
            gateway("complex", "j", element("activationCondition", "activationCount >= 1")),
            task(3),
            flows("start fork task1 j task3", "fork task2 j", "fork wait j"),
        ),
        {"": ["task1", "task2", "task3"]},
    ),
    "a partial join: two of three": (
        run(
            start(),
            gateway("parallel", "fork"),
            task(1),
            SLOW,
            task(2),
            SLOWER,
            gateway("complex", "j", element("activationCondition", "activationCount == 2")),
            task(3),
            flows("start fork task1 j task3", "fork wait task2 j", "fork wait2 j"),
        ),
        {"": ["task1", "task2", "task3"]},
    ),
    "a discriminator that cancels: instances until the first is done": (
        run(
            start(),
            task(1, instances(3, element("completionCondition", "numberOfCompletedInstances >= 1"))),
            task(2),
            flows("start task1 task2"),
        ),
        {"": ["task1", "task2"]},
    ),
    "a partial join of instances": (
        run(
            start(),
            task(1, instances(3, element("completionCondition", "numberOfCompletedInstances == 2"))),
            task(2),
            flows("start task1 task2"),
        ),
        {"": ["task1", "task1", "task2"]},
    ),
    "a structured synchronizing merge": (
        run(
            start(),
            gateway("inclusive", "g"),
            flow("g", "task1", A),
            flow("g", "wait", B),
            task(1),
            SLOW,
            task(2),
            gateway("inclusive", "j"),
            task(3),
            flows("start g", "task1 j task3", "wait task2 j"),
        ),
        {"a": ["task1", "task3"], "b": ["task2", "task3"], "ab": ["task1", "task2", "task3"]},
    ),
    "a merge of many": (
        run(
            start(),
            gateway("parallel", "fork"),
            task(1),
            SLOW,
            task(2),
            gateway("exclusive", "j"),
            task(3),
            flows("start fork task1 j task3", "fork wait task2 j"),
        ),
        {"": ["task1", "task2", "task3", "task3"]},
    ),
    "an arbitrary cycle": (
        run(
            start(),
            gateway("exclusive", "in"),
            marker("INCREMENT_INTEGER_VARIABLE", name="more"),
            task(1),
            gateway("exclusive", "out", default="out_task2"),
            flow("out", "in", REPEAT),
            task(2),
            flows("start in more task1 out task2"),
        ),
        {"": ["task1", "task1", "task2"]},
    ),
    "a cycle with two ways in": (
        run(
            start(),
            gateway("exclusive", "g"),
            flow("g", "in1", A),
            flow("g", "in2", B),
            gateway("exclusive", "in1"),
            task(1),
            gateway("exclusive", "in2"),
            marker("INCREMENT_INTEGER_VARIABLE", name="more"),
            task(2),
            gateway("exclusive", "out", default="out_end"),
            flow("out", "in1", REPEAT),
            end(),
            flows("start g", "in1 task1 in2 more task2 out end"),
        ),
        {"a": ["task1", "task2", "task1", "task2"], "b": ["task2", "task1", "task2"]},
    ),
    "an end without an end event": (
        run(start(), task(1), SLOW, task(2), flows("start task1", "start wait task2")),
        {"": ["task1", "task2"]},
    ),
    "a cancelled region": (
        run(
            start(),
            sub("sub", task(1), SLOW, task(2), flows("wait task2")),
            boundary("at", "sub", timer(duration="PT2S")),
            task(3),
            task(4),
            flows("start sub task3", "at task4"),
        ),
        {"": ["task1", "task4"]},
    ),
    "a milestone": (
        run(
            start(),
            gateway("parallel", "fork"),
            SLOW,
            throw("over", signal()),
            sub("open", SLOWER.replace("wait2", "w2"), task(1), flows("w2 task1")),
            boundary("closed", "open", signal()),
            task(2),
            flows("start fork wait over", "fork open", "closed task2"),
        ),
        {"": ["task2"]},
    ),
    "a trigger that nobody awaits is lost": (
        run(
            start(),
            throw("early", signal()),
            task(1),
            gateway("eventBased", "g"),
            catch("s", signal()),
            catch("t", timer(duration="PT5S")),
            task(2),
            task(3),
            flows("start early task1 g s task2", "g t task3"),
        ),
        {"": ["task1", "task3"]},
    ),
    "a process calls itself": (
        model(
            start(),
            gateway("exclusive", "g", default="g_end"),
            flow("g", "more", REPEAT),
            marker("INCREMENT_INTEGER_VARIABLE", name="more"),
            element("callActivity", id="call", calledElement="Model"),
            task(1),
            end(),
            flows("start g end", "more call task1 end2"),
            end(name="end2"),
        ),
        {"": ["task1", "task1"]},
    ),
    "critical sections, one after the other": (
        run(
            start(),
            sub(
                "sub",
                sub("s1", task(1), task(2), flows("task1 task2")),
                task(3),
                tag="adHocSubProcess",
                ordering="Sequential",
            ),
            task(4),
            flows("start sub task4"),
        ),
        {"": ["task1", "task2", "task3", "task4"]},
    ),
}

RUNS = {
    f"{group}: {name}, {given or 'nothing'}": (document, given, trace)
    for group, models in {
        "split": SPLITS,
        "join": JOINS,
        "choice": CHOICES,
        "flow": FLOWS,
        "pattern": PATTERNS,
    }.items()
    for name, (document, runs) in models.items()
    for given, trace in runs.items()
}

FAILURES: dict[str, tuple[bytes, list[str], list[str]]] = {
    "no way out of an exclusive gateway": (two("exclusive"), [], FAILS),
    "no way out of an inclusive gateway": (two("inclusive"), [], FAILS),
    "no way out of a complex gateway": (two("complex"), [], FAILS),
    "no way out of an activity": (
        run(start(), task(1), flow("task1", "task2", A), task(2), flows("start task1")),
        ["task1"],
        FAILS,
    ),
    "a condition that is no expression": (two("exclusive", first="test.contains("), [], REFUSED),
    "a condition over nothing": (two("exclusive", first="nothing == 1"), [], FAILS),
    "a condition that is neither true nor false": (two("exclusive", first="1 + 1"), [], FAILS),
    "a default that is not a flow of the gateway": (two("exclusive", default="start_g"), [], REFUSED),
    "an activity behind an event-based gateway": (
        run(start(), gateway("eventBased", "g"), task(1), task(2), flows("start g task1", "g task2")),
        [],
        REFUSED,
    ),
    "a condition behind an event-based gateway": (
        choice(catch("c1", signal()), PATIENT, flow("g", "c1", A), paths=("c1 task1", "g c2 task2")),
        [],
        REFUSED,
    ),
    "a receive task with a boundary event behind an event-based gateway": (
        choice(element("receiveTask", id="c1", messageRef="M1"), PATIENT, boundary("b", "c1", signal())),
        [],
        REFUSED,
    ),
    "an event behind two event-based gateways": (
        choice(
            catch("c1", signal()),
            PATIENT,
            gateway("eventBased", "g2"),
            catch("c3", signal("S2")),
            flows("start g2 c3", "g2 c1"),
        ),
        [],
        REFUSED,
    ),
    "an event-based gateway without a way out": (
        run(start(), gateway("eventBased", "g"), flows("start g")),
        [],
        REFUSED,
    ),
    "an event-based gateway that begins the process behind a flow": (
        run(
            start(),
            gateway("eventBased", "g", instantiate=True),
            catch("c1", signal()),
            catch("c2", signal("S2")),
            flows("start g c1", "g c2"),
        ),
        [],
        REFUSED,
    ),
    "a flow to nowhere": (run(start(), task(1), flows("start task1 nowhere")), [], REFUSED),
    "two elements of one id": (
        run(start(), task(1), task(2, name="task1"), flows("start task1")),
        [],
        REFUSED,
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_tokens_go_where_the_standard_says(name: str) -> None:
    document, given, trace = RUNS[name]
    asserts = ["setIntegerVariable"] if b"INCREMENT" in document else []
    assert judge(document, "Model", {"input": given, "trace": trace, "asserts": asserts}) == ""


@pytest.mark.parametrize("name", FAILURES)
def test_what_cannot_go_on_fails_and_what_cannot_be_is_refused(name: str) -> None:
    document, trace, asserts = FAILURES[name]
    assert judge(document, "Model", {"input": "z", "trace": trace, "asserts": asserts}) == ""
