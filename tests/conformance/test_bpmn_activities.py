"""Activities as BPMN 2.0.2 describes them: markers, quantities, calls, data; each case a document."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.bpmn_models import (
    REFUSED,
    ROOTS,
    SIGNAL,
    Case,
    boundary,
    element,
    end,
    error,
    escalation,
    event,
    flows,
    gateway,
    instances,
    marker,
    model,
    on_event,
    process,
    signal,
    standard_loop,
    start,
    sub,
    task,
    undone_by,
)
from tests.conformance.bpmn_suite import judge

INCREMENT = "INCREMENT_INTEGER_VARIABLE_AND_LOG"


def looped(condition: str = "", **attributes: object) -> bytes:
    loop = standard_loop(condition, **attributes)
    return model(start(), marker(INCREMENT, loop, name="work"), task(1), end(), flows("start work task1 end"))


def multiplied(marker: str, *others: str, roots: str = ROOTS) -> bytes:
    return model(
        start(), task(1, marker), task(2), end(), flows("start task1 task2 end"), *others, roots=roots
    )


def counted(times: int) -> list[str]:
    """The suite's variable begins at 3 - ``times``; it is to be incremented that often."""
    return ["setIntegerVariable", *["assertIncrement"] * times]


LOOPS = {
    "tested before, never run": (looped("false", testBefore=True), ["task1"], []),
    "tested after, run once": (looped("false"), ["task1"], counted(1)),
    "tested before, while it holds": (looped("integerVariable < 3", testBefore=True), ["task1"], counted(2)),
    "as often as the maximum": (looped(loopMaximum=3), ["task1"], counted(3)),
    "the maximum ends it before the condition": (looped("true", loopMaximum=2), ["task1"], counted(2)),
    "the condition ends it before the maximum": (
        looped("integerVariable < 3", loopMaximum=9),
        ["task1"],
        counted(1),
    ),
    "a maximum of none": (looped("true", loopMaximum=0), ["task1"], []),
    "the loop counter is seen": (looped("loopCounter < 2"), ["task1"], counted(2)),
    "a negative maximum is refused": (looped("true", loopMaximum=-1), [], REFUSED),
    "a maximum that is no number is refused": (looped("true", loopMaximum="x"), [], REFUSED),
    "a loop of a sub-process": (
        model(
            start(),
            sub(
                "sub",
                standard_loop("loopCounter < 3"),
                start(name="s"),
                task(1),
                end(name="e"),
                flows("s task1 e"),
            ),
            task(2),
            end(),
            flows("start sub task2 end"),
        ),
        ["task1", "task1", "task1", "task2"],
        [],
    ),
}

THROWS = boundary("thrown", "task1", signal()) + task(3) + end(name="caught") + flows("thrown task3 caught")
ASIDE = THROWS.replace('attachedToRef="task1"', 'attachedToRef="task1" cancelActivity="false"')
WHEN = element("completionCondition", "numberOfCompletedInstances >= 2")
ROOT_SIGNAL = SIGNAL + event("signal", id="DS", signalRef="S1")


def collected() -> bytes:
    """Iterates over a data object, gathering what each instance gives."""
    io = element(
        "ioSpecification",
        element("dataInput", id="list", isCollection=True),
        element("dataOutput", id="gathered", isCollection=True),
        element("inputSet", element("dataInputRefs", "list")),
        element("outputSet", element("dataOutputRefs", "gathered")),
    )
    ends = element("sourceRef", "items") + element("targetRef", "list")
    over = element(
        "multiInstanceLoopCharacteristics",
        element("loopDataInputRef", "list"),
        element("inputDataItem", id="item"),
    )
    items = element("dataObject", id="items", isCollection=True)
    fill = element("script", "{'items': [1, 2, 3, 4]}")
    return model(
        items,
        start(),
        element("scriptTask", fill, id="fill", scriptFormat="cel"),
        task(1, io, element("dataInputAssociation", ends, id="in"), over),
        end(),
        flows("start fill task1 end"),
    )


INSTANCES = {
    "none": (multiplied(instances(0)), ["task2"], []),
    "none in sequence": (multiplied(instances(0, isSequential=True)), ["task2"], []),
    "one": (multiplied(instances(1)), ["task1", "task2"], []),
    "computed": (multiplied(instances("integerVariable + 2")), ["task1", "task1", "task2"], []),
    "in sequence": (multiplied(instances(3, isSequential=True)), ["task1"] * 3 + ["task2"], []),
    "until two are done, in sequence": (
        multiplied(instances(5, WHEN, isSequential=True)),
        ["task1", "task1", "task2"],
        [],
    ),
    "until two are done, in parallel": (multiplied(instances(5, WHEN)), ["task1", "task1", "task2"], []),
    "none is told of with the behavior all": (
        multiplied(instances(3, behavior="All"), ASIDE),
        ["task1"] * 3 + ["task2"],
        [],
    ),
    "the first is told of with the behavior one": (
        multiplied(instances(3, behavior="One", oneBehaviorEventRef="DS"), ASIDE, roots=ROOT_SIGNAL),
        ["task1"] * 3 + ["task2", "task3"],
        [],
    ),
    "each is told of with the behavior none": (
        multiplied(
            instances(3, isSequential=True, behavior="None", noneBehaviorEventRef="DS"),
            ASIDE,
            roots=ROOT_SIGNAL,
        ),
        ["task1"] * 3 + ["task3"] * 3 + ["task2"],
        [],
    ),
    "a condition tells of one with the behavior complex": (
        multiplied(
            instances(
                3,
                element(
                    "complexBehaviorDefinition",
                    element("condition", "numberOfCompletedInstances == 2"),
                    element("event", signal(), id="told"),
                ),
                isSequential=True,
                behavior="Complex",
            ),
            ASIDE,
        ),
        ["task1", "task1", "task3", "task2"],
        [],
    ),
    "over a collection": (collected(), ["task1"] * 4, []),
    "of a sub-process": (
        model(
            start(),
            sub(
                "sub",
                instances(3),
                start(name="s"),
                task(1),
                task(2),
                end(name="e"),
                flows("s task1 task2 e"),
            ),
            task(3),
            end(),
            flows("start sub task3 end"),
        ),
        ["task1", "task2"] * 3 + ["task3"],
        [],
    ),
    "an instance's end without a join is its own": (
        model(
            start(),
            sub("sub", instances(2), start(name="s"), task(1), task(2), flows("s task1", "s task2")),
            task(3),
            flows("start sub task3"),
        ),
        ["task1", "task2"] * 2 + ["task3"],
        [],
    ),
    "a negative number fails": (multiplied(instances(-3)), [], REFUSED),
    "half a number fails": (multiplied(instances("0.5")), [], REFUSED),
    "a text fails": (multiplied(instances("'three'")), [], REFUSED),
    "neither number nor collection is refused": (
        multiplied(element("multiInstanceLoopCharacteristics", isSequential=False)),
        [],
        REFUSED,
    ),
}


def quantities(**attributes: object) -> bytes:
    return model(
        start(),
        marker("SCRIPT_task1", name="task1", **attributes),
        task(2),
        end(),
        flows("start task1 task2 end"),
    )


def split(*middle: str, paths: tuple[str, ...], quantity: int) -> bytes:
    return model(
        start(),
        task(1),
        *middle,
        task(4, startQuantity=quantity),
        end(),
        flows("start task1", *paths, "task4 end"),
    )


QUANTITIES = {
    "two tokens leave": (quantities(completionQuantity=2), ["task1", "task2", "task2"], []),
    "two tokens begin together": (
        model(
            start(),
            task(1, completionQuantity=4),
            task(2, startQuantity=2),
            end(),
            flows("start task1 task2 end"),
        ),
        ["task1", "task2", "task2"],
        [],
    ),
    "flows out of one activity feed a quantity": (
        split(task(2), task(3), paths=("task1 task2 task4", "task1 task3 task4"), quantity=2),
        ["task1", "task2", "task3", "task4"],
        [],
    ),
    "a gateway's flows feed a quantity": (
        split(
            gateway("parallel", "fork"),
            task(2),
            task(3),
            paths=("task1 fork task2 task4", "fork task3 task4"),
            quantity=2,
        ),
        ["task1", "task2", "task3", "task4"],
        [],
    ),
    "no start is refused": (quantities(startQuantity=0), [], REFUSED),
    "a negative start is refused": (quantities(startQuantity=-1), [], REFUSED),
    "no completion is refused": (quantities(completionQuantity=0), [], REFUSED),
    "a negative completion is refused": (quantities(completionQuantity=-2), [], REFUSED),
    "a quantity that is no number is refused": (quantities(startQuantity="two"), [], REFUSED),
}


def calls(*called: str, roots: str = "", others: str = "", to: str = "Called", extra: str = "") -> bytes:
    return model(
        start(),
        element("callActivity", id="call", calledElement=to),
        task(2),
        end(),
        extra,
        flows("start call task2 end"),
        roots=ROOTS + roots,
        others=others or process("Called", *called),
    )


INNER = (start(name="s"), task(1), flows("s task1 e"))
CAUGHT = task(3) + end(name="caught") + flows("at task3 caught")

CALLS = {
    "a process": (calls(*INNER, end(name="e")), ["task1", "task2"], []),
    "a global script task": (
        calls(
            others=element("globalScriptTask", element("script", "SCRIPT_task1"), id="Called", name="Called")
        ),
        ["task1", "task2"],
        [],
    ),
    "a global task": (calls(others=element("globalTask", id="Called", name="Called")), ["task2"], []),
    "a name with a prefix": (calls(*INNER, end(name="e"), to="tns:Called"), ["task1", "task2"], []),
    "an error reaches the caller": (
        calls(*INNER, end(error(), name="e"), extra=boundary("at", "call", error()) + CAUGHT),
        ["task1", "task3"],
        [],
    ),
    "an escalation reaches the caller": (
        calls(*INNER, end(escalation(), name="e"), extra=boundary("at", "call", escalation()) + CAUGHT),
        ["task1", "task3"],
        [],
    ),
    "an escalation that does not interrupt": (
        calls(
            *INNER,
            end(escalation(), name="e"),
            extra=boundary("at", "call", escalation(), cancelActivity=False) + CAUGHT,
        ),
        ["task1", "task2", "task3"],
        [],
    ),
    "a called process that is terminated goes on": (
        calls(*INNER, end(event("terminate"), name="e")),
        ["task1", "task2"],
        [],
    ),
    "no called element is refused": (
        model(start(), element("callActivity", id="call"), end(), flows("start call end")),
        [],
        REFUSED,
    ),
}


def in_sub(*inside: str, after: str = "", **attributes: Any) -> bytes:
    return model(
        start(),
        sub("sub", *inside, **attributes),
        task(9),
        end(),
        after,
        flows("start sub task9 end"),
        roots=ROOTS,
    )


SUBPROCESSES = {
    "embedded": (in_sub(start(name="s"), task(1), end(name="e"), flows("s task1 e")), ["task1", "task9"], []),
    "without start and end": (
        in_sub(task(1), task(2), flows("task1 task2")),
        ["task1", "task2", "task9"],
        [],
    ),
    "with parallel activities": (in_sub(task(1), task(2), task(3)), ["task1", "task2", "task3", "task9"], []),
    "empty": (in_sub(), ["task9"], []),
    "nested": (
        in_sub(
            start(name="s"), sub("inner", task(1), task(2)), task(3), end(name="e"), flows("s inner task3 e")
        ),
        ["task1", "task2", "task3", "task9"],
        [],
    ),
    "a transaction that succeeds": (
        in_sub(start(name="s"), task(1), end(name="e"), flows("s task1 e"), tag="transaction"),
        ["task1", "task9"],
        [],
    ),
    "a transaction that is cancelled": (
        in_sub(
            start(name="s"),
            task(1),
            end(event("cancel"), name="e"),
            flows("s task1 e"),
            task(3, isForCompensation=True),
            undone_by("task1", "task3"),
            tag="transaction",
            after=boundary("at", "sub", event("cancel")) + task(4) + end(name="x") + flows("at task4 x"),
        ),
        ["task1", "task3", "task4"],
        [],
    ),
    "a transaction that is cancelled undoes its nested work in reverse": (
        in_sub(
            start(name="s"),
            sub(
                "inner",
                start(name="s2"),
                task(1),
                task(2),
                end(name="e2"),
                flows("s2 task1 task2 e2"),
                task(5, isForCompensation=True),
                undone_by("task1", "task5"),
                task(6, isForCompensation=True),
                undone_by("task2", "task6"),
            ),
            end(event("cancel"), name="e"),
            flows("s inner e"),
            tag="transaction",
            after=boundary("at", "sub", event("cancel")) + task(4) + end(name="x") + flows("at task4 x"),
        ),
        ["task1", "task2", "task6", "task5", "task4"],
        [],
    ),
    "a transaction that fails is left by its error": (
        in_sub(
            start(name="s"),
            task(1),
            end(error(), name="e"),
            flows("s task1 e"),
            tag="transaction",
            after=boundary("at", "sub", error()) + task(4) + end(name="x") + flows("at task4 x"),
        ),
        ["task1", "task4"],
        [],
    ),
    "a cancellation outside of a transaction is refused": (
        in_sub(start(name="s"), task(1), end(event("cancel"), name="e"), flows("s task1 e")),
        [],
        REFUSED,
    ),
    "a start by event in an embedded sub-process is refused": (
        in_sub(start(signal(), name="s"), task(1), flows("s task1")),
        [],
        REFUSED,
    ),
    "an event sub-process with a plain start is refused": (
        in_sub(task(1), on_event("es", start(name="x"), task(2), flows("x task2"))),
        [],
        REFUSED,
    ),
    "an event sub-process with a flow is refused": (
        in_sub(
            task(1), on_event("es", start(signal(), name="x"), task(2), flows("x task2")), flows("task1 es")
        ),
        [],
        REFUSED,
    ),
    "a flow across its border is refused": (
        in_sub(start(name="s"), task(1), flows("s task1"), after=flows("task1 task9")),
        [],
        REFUSED,
    ),
}

ad_hoc: dict[str, Any] = {"tag": "adHocSubProcess"}
DONE = element("completionCondition", "true")
AD_HOC: dict[str, Case] = {
    "in parallel": (in_sub(task(1), task(2), ordering="Parallel", **ad_hoc), ["task1", "task2", "task9"], []),
    "in sequence": (
        in_sub(task(1), task(2), ordering="Sequential", **ad_hoc),
        ["task1", "task2", "task9"],
        [],
    ),
    "with flows inside": (
        in_sub(task(1), task(2), task(3), flows("task1 task2"), **ad_hoc),
        ["task1", "task2", "task3", "task9"],
        [],
    ),
    "in sequence with flows inside": (
        in_sub(task(1), task(2), task(3), flows("task1 task2"), ordering="Sequential", **ad_hoc),
        ["task1", "task2", "task3", "task9"],
        [],
    ),
    "until its condition, in sequence": (
        in_sub(task(1), task(2), DONE, ordering="Sequential", **ad_hoc),
        ["task1", "task9"],
        [],
    ),
    "until its condition, cancelling the rest": (
        in_sub(task(1), task(2), DONE, cancelRemainingInstances=True, **ad_hoc),
        ["task1", "task9"],
        [],
    ),
    "until its condition, letting the rest finish": (
        in_sub(task(1), task(2), DONE, cancelRemainingInstances=False, **ad_hoc),
        ["task1", "task2", "task9"],
        [],
    ),
}


def data(*set_inside: str, roots: str = "", declared: str = "", around: tuple[str, str] = ("", "")) -> bytes:
    """Sets data in one task and logs it in another."""
    return model(
        declared,
        start(),
        marker("SET_STRING_DATA", set_inside[0] if set_inside else "", name="set"),
        marker("LOG_DATA", set_inside[1] if len(set_inside) > 1 else "", name="log"),
        end(),
        flows("start set log end"),
        roots=roots,
    )


def io(kind: str, name: str, source: str, target: str) -> str:
    """The data of an activity: one input or output, tied to a data object."""
    item = element(f"data{kind}", id=name, name=f"The {kind}")
    refs = element("sourceRef", source) + element("targetRef", target)
    sets = {
        "Input": element("inputSet", element("dataInputRefs", name)) + element("outputSet"),
        "Output": element("inputSet") + element("outputSet", element("dataOutputRefs", name)),
    }
    return element("ioSpecification", item, sets[kind]) + element(
        f"data{kind}Association", refs, id=f"{name}_tie"
    )


OUT, IN = io("Output", "o", "o", "data"), io("Input", "i", "data", "i")
PROCESS_IO = element(
    "ioSpecification",
    element("dataInput", id="data", name="data"),
    element("inputSet", element("dataInputRefs", "data")),
    element("outputSet"),
)
CORRECT = ["assertDataCorrect"]
STORE = element("dataStore", id="store", name="data")

DATA = {
    "a property of the process": (data(declared=element("property", id="data")), [], CORRECT),
    "a data object itself": (data(OUT, IN, declared=element("dataObject", id="data")), [], CORRECT),
    "a data object by its reference": (
        data(
            io("Output", "o", "o", "ref"),
            io("Input", "i", "ref", "i"),
            declared=element("dataObject", id="D", name="data")
            + element("dataObjectReference", id="ref", dataObjectRef="D"),
        ),
        [],
        CORRECT,
    ),
    "the process's own input": (data(OUT, IN, declared=PROCESS_IO), [], CORRECT),
    "a property by association": (
        data(OUT, IN, declared=element("property", id="data", name="data")),
        [],
        CORRECT,
    ),
    "a data object of a sub-process": (
        in_sub(
            element("dataObject", id="data"),
            start(name="s"),
            marker("SET_STRING_DATA", OUT, name="set"),
            marker("LOG_DATA", IN, name="log"),
            flows("s set log"),
        ),
        ["task9"],
        CORRECT,
    ),
    "a property of a sub-process": (
        in_sub(
            element("property", id="data"),
            start(name="s"),
            marker("SET_STRING_DATA", name="set"),
            marker("LOG_DATA", name="log"),
            flows("s set log"),
        ),
        ["task9"],
        CORRECT,
    ),
    "a data store is refused: it would have to outlive the process": (
        data(
            io("Output", "o", "o", "ref"),
            io("Input", "i", "ref", "i"),
            declared=element("dataStoreReference", id="ref", dataStoreRef="store", name="data"),
            roots=STORE,
        ),
        [],
        REFUSED,
    ),
}

ALL = {
    f"{group}: {name}": case
    for group, cases in {
        "loop": LOOPS,
        "instances": INSTANCES,
        "quantity": QUANTITIES,
        "call": CALLS,
        "sub-process": SUBPROCESSES,
        "ad hoc": AD_HOC,
        "data": DATA,
    }.items()
    for name, case in cases.items()
}


@pytest.mark.parametrize("name", ALL)
def test_an_activity_runs_as_the_standard_says(name: str) -> None:
    document, trace, asserts = ALL[name]
    assert judge(document, "Model", {"input": "", "trace": trace, "asserts": asserts}) == ""
