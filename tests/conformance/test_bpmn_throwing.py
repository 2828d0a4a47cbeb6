"""Events that end, undo and go elsewhere, several at once and by reference, as BPMN 2.0.2 describes them."""

from __future__ import annotations

import pytest

from tests.conformance.bpmn_models import (
    END_ERROR,
    END_ESCALATION,
    REFUSED,
    SLOW,
    SOON,
    WAITS,
    Case,
    beside,
    boundary,
    catch,
    element,
    end,
    error,
    escalation,
    event,
    flows,
    gateway,
    inside,
    marker,
    on_event,
    refers,
    run,
    signal,
    start,
    straight,
    sub,
    subscribed,
    task,
    throw,
    throws,
    timer,
    undo,
    undone_by,
)
from tests.conformance.bpmn_suite import judge

ERRORS: dict[str, Case] = {
    "an end, nobody catches": (
        run(start(), task(1), end(error()), flows("start task1 end")),
        ["task1"],
        ["assertErrorThrownErrorEvent"],
    ),
    "an end in a sub-process, nobody catches": (
        run(start(), sub("sub", start(name="s"), *END_ERROR), task(3), flows("start sub task3")),
        ["task1"],
        ["assertErrorThrownErrorEvent"],
    ),
    "a boundary": (inside(*END_ERROR, at=error()), ["task1", "task4"], []),
    "a boundary without a code catches all": (inside(*END_ERROR, at=error(None)), ["task1", "task4"], []),
    "a boundary for another code does not": (
        inside(*END_ERROR, at=error("E2")),
        ["task1"],
        ["assertErrorThrownErrorEvent"],
    ),
    "a boundary always interrupts": (
        inside(*END_ERROR, at=error(), interrupting=False),
        ["task1", "task4"],
        [],
    ),
    "a worker's error": (
        run(
            start(),
            marker("THROW_ERROR", name="it"),
            boundary("at", "it", error()),
            task(1),
            task(2),
            flows("start it task1", "at task2"),
        ),
        ["task2"],
        [],
    ),
    "a worker's error, around the task": (
        inside(marker("THROW_ERROR", name="it"), flows("s it task2 e"), at=error()),
        ["task4"],
        [],
    ),
    "an event sub-process": (subscribed(*END_ERROR, on=error()), ["task1", "task3", "task4"], []),
    "an event sub-process of the process": (
        subscribed(*END_ERROR, on=error(), top=True),
        ["task1", "task4"],
        [],
    ),
    "an event sub-process before the boundary": (
        run(
            start(),
            sub(
                "sub",
                start(name="s"),
                *END_ERROR,
                on_event("es", start(error(), name="x"), task(4), flows("x task4")),
            ),
            boundary("at", "sub", error()),
            task(5),
            task(3),
            flows("start sub task3", "at task5"),
        ),
        ["task1", "task4", "task3"],
        [],
    ),
    "the event sub-process passes one on": (
        run(
            start(),
            sub(
                "sub",
                start(name="s"),
                *END_ERROR,
                on_event(
                    "es", start(error(), name="x"), task(4), end(error("E2"), name="xe"), flows("x task4 xe")
                ),
            ),
            boundary("at", "sub", error("E2")),
            task(5),
            task(3),
            flows("start sub task3", "at task5"),
        ),
        ["task1", "task4", "task5"],
        [],
    ),
    "two levels out": (
        run(
            start(),
            sub(
                "sub",
                start(name="s0"),
                sub("inner", start(name="s"), *END_ERROR),
                task(2),
                flows("s0 inner task2"),
            ),
            boundary("at", "sub", error()),
            task(4),
            task(3),
            flows("start sub task3", "at task4"),
        ),
        ["task1", "task4"],
        [],
    ),
    "an error ends the other branches": (
        inside(
            task(1),
            SLOW,
            gateway("parallel", "fork"),
            end(error(), name="failed"),
            flows("s fork task1 failed", "fork wait task2 e"),
            at=error(),
        ),
        ["task1", "task4"],
        [],
    ),
    "an end without a code is refused": (
        run(start(), task(1), end(event("error")), flows("start task1 end")),
        [],
        REFUSED,
    ),
    "thrown on the way is refused": (straight(throw("it", error())), [], REFUSED),
    "caught on the way is refused": (straight(catch("it", error())), [], REFUSED),
    "the start of a process is refused": (run(start(error()), task(1), flows("start task1")), [], REFUSED),
    "a code that is not there is refused": (
        run(start(), task(1), end(error("E9")), flows("start task1 end")),
        [],
        REFUSED,
    ),
}

ESCALATIONS: dict[str, Case] = {
    "nobody catches": (
        straight(throw("it", escalation())),
        ["task1", "task2"],
        ["assertErrorThrownEscalationEvent"],
    ),
    "an end, nobody catches": (
        run(start(), task(1), end(escalation()), flows("start task1 end")),
        ["task1"],
        ["assertErrorThrownEscalationEvent"],
    ),
    "an end, caught at the boundary": (inside(*END_ESCALATION, at=escalation()), ["task1", "task4"], []),
    "an end, caught without interrupting": (
        inside(*END_ESCALATION, at=escalation(), interrupting=False),
        ["task1", "task3", "task4"],
        [],
    ),
    "on the way, caught without interrupting": (
        inside(*throws("t", escalation()), at=escalation(), interrupting=False),
        ["task1", "task2", "task3", "task4"],
        [],
    ),
    "on the way, caught without a code": (
        inside(*throws("t", escalation()), at=escalation(None)),
        ["task1", "task4"],
        [],
    ),
    "on the way, for another code": (
        inside(*throws("t", escalation()), at=escalation("X2")),
        ["task1", "task2", "task3"],
        [],
    ),
    "an event sub-process": (
        subscribed(*throws("t", escalation()), on=escalation()),
        ["task1", "task3", "task4"],
        [],
    ),
    "an event sub-process that does not interrupt": (
        subscribed(*throws("t", escalation()), on=escalation(), interrupting=False),
        ["task1", "task2", "task3", "task4"],
        [],
    ),
    "an event sub-process of the process": (
        subscribed(*throws("t", escalation()), on=escalation(), interrupting=False, top=True),
        ["task1", "task2", "task4"],
        [],
    ),
    "an end, an event sub-process": (
        subscribed(*END_ESCALATION, on=escalation(), interrupting=False),
        ["task1", "task3", "task4"],
        [],
    ),
    "caught on the way is refused": (straight(catch("it", escalation())), [], REFUSED),
}

UNDO = task(5, isForCompensation=True) + undone_by("task1", "task5")
BOTH = UNDO + task(6, isForCompensation=True) + undone_by("task2", "task6")
COMPENSATION: dict[str, Case] = {
    "an end": (run(start(), task(1), end(undo()), UNDO, flows("start task1 end")), ["task1", "task5"], []),
    "on the way": (straight(throw("it", undo()), UNDO), ["task1", "task5", "task2"], []),
    "of one activity": (
        run(start(), task(1), task(2), end(undo("task1")), BOTH, flows("start task1 task2 end")),
        ["task1", "task2", "task5"],
        [],
    ),
    "of everything, in reverse": (
        run(start(), task(1), task(2), end(undo()), BOTH, flows("start task1 task2 end")),
        ["task1", "task2", "task6", "task5"],
        [],
    ),
    "of nothing that has not run": (
        run(start(), end(undo()), task(1), task(2), BOTH, flows("start end", "task1 task2")),
        [],
        [],
    ),
    "of a sub-process by its handler": (
        run(
            start(),
            sub("sub", task(1)),
            end(undo()),
            task(5, isForCompensation=True),
            undone_by("sub", "task5"),
            flows("start sub end"),
        ),
        ["task1", "task5"],
        [],
    ),
    "of a sub-process by what is in it": (
        run(
            start(),
            sub("sub", start(name="s"), task(1), UNDO, flows("s task1")),
            end(undo()),
            flows("start sub end"),
        ),
        ["task1", "task5"],
        [],
    ),
    "of a sub-process by its event sub-process": (
        run(
            start(),
            sub(
                "sub",
                start(name="s"),
                task(1),
                on_event("es", start(undo(), name="x"), task(5), flows("x task5")),
                flows("s task1"),
            ),
            end(undo()),
            flows("start sub end"),
        ),
        ["task1", "task5"],
        [],
    ),
    "inside a sub-process": (
        run(
            start(),
            sub("sub", start(name="s"), task(1), UNDO, end(undo(), name="e"), flows("s task1 e")),
            task(2),
            flows("start sub task2"),
        ),
        ["task1", "task5", "task2"],
        [],
    ),
    "of every instance": (
        run(
            start(),
            task(1, element("multiInstanceLoopCharacteristics", element("loopCardinality", "2"))),
            UNDO,
            end(undo()),
            flows("start task1 end"),
        ),
        ["task1", "task1", "task5", "task5"],
        [],
    ),
    "after an error, in the event sub-process": (
        run(
            start(),
            task(1),
            UNDO,
            end(error()),
            flows("start task1 end"),
            on_event("es", start(error(), name="x"), end(undo(), name="xe"), flows("x xe")),
        ),
        ["task1", "task5"],
        [],
    ),
    "a handler with a flow is refused": (
        run(start(), task(1), UNDO, end(undo()), flows("start task1 end", "task1 task5")),
        [],
        REFUSED,
    ),
    "a boundary without a handler is refused": (
        run(start(), task(1), boundary("b", "task1", undo()), end(undo()), flows("start task1 end")),
        [],
        REFUSED,
    ),
    "of an activity that is not there is refused": (
        run(start(), task(1), UNDO, end(undo("nobody")), flows("start task1 end")),
        [],
        REFUSED,
    ),
    "caught on the way is refused": (straight(catch("it", undo())), [], REFUSED),
}


def linked(thrown: str, caught: str) -> bytes:
    return run(
        start(),
        task(1),
        throw("out", thrown),
        catch("in", caught),
        task(2),
        end(),
        flows("start task1 out", "in task2 end"),
    )


LINK: dict[str, Case] = {
    "by its name": (linked(event("link", name="L"), event("link", name="L")), ["task1", "task2"], []),
    "by its target": (
        linked(event("link", element("target", "B"), id="A"), event("link", element("source", "A"), id="B")),
        ["task1", "task2"],
        [],
    ),
    "by its target, names apart": (
        linked(
            event("link", element("target", "B"), id="A", name="there"),
            event("link", element("source", "A"), id="B", name="here"),
        ),
        ["task1", "task2"],
        [],
    ),
    "by its target, the event": (
        linked(
            event("link", element("target", "in"), id="A"), event("link", element("source", "out"), id="B")
        ),
        ["task1", "task2"],
        [],
    ),
    "by the events' names": (
        run(
            start(),
            task(1),
            element("intermediateThrowEvent", event("link"), id="out", name="L"),
            element("intermediateCatchEvent", event("link"), id="in", name="L"),
            task(2),
            flows("start task1 out", "in task2"),
        ),
        ["task1", "task2"],
        [],
    ),
    "several throw": (
        run(
            start(),
            task(1),
            task(2),
            throw("a", event("link", name="L")),
            throw("b", event("link", name="L")),
            catch("in", event("link", name="L")),
            task(3),
            flows("start task1 a", "start task2 b", "in task3"),
        ),
        ["task1", "task2", "task3", "task3"],
        [],
    ),
    "without a target is refused": (
        run(start(), task(1), throw("out", event("link", name="L")), flows("start task1 out")),
        [],
        REFUSED,
    ),
    "with two targets is refused": (
        run(
            start(),
            task(1),
            throw("out", event("link", name="L")),
            catch("a", event("link", name="L")),
            catch("b", event("link", name="L")),
            task(2),
            flows("start task1 out", "a task2", "b task2"),
        ),
        [],
        REFUSED,
    ),
    "into another scope is refused": (
        run(
            start(),
            task(1),
            throw("out", event("link", name="L")),
            sub("sub", catch("in", event("link", name="L")), task(2), flows("in task2")),
            flows("start task1 out"),
        ),
        [],
        REFUSED,
    ),
    "with a flow behind it is refused": (
        run(
            start(),
            throw("out", event("link", name="L")),
            catch("in", event("link", name="L")),
            task(1),
            task(2),
            flows("start out task1", "in task2"),
        ),
        [],
        REFUSED,
    ),
}

STOP = event("terminate")
TERMINATE: dict[str, Case] = {
    "the process": (
        run(start(), task(1), end(STOP), SLOW, task(2), flows("start task1 end", "start wait task2")),
        ["task1"],
        [],
    ),
    "a sub-process, and the process goes on": (
        run(
            start(),
            sub(
                "sub",
                start(name="s"),
                task(1),
                end(STOP, name="e"),
                SLOW,
                task(2),
                flows("s task1 e", "s wait task2"),
            ),
            task(3),
            flows("start sub task3"),
        ),
        ["task1", "task3"],
        [],
    ),
    "an instance of several": (
        run(
            start(),
            sub(
                "sub",
                element("multiInstanceLoopCharacteristics", element("loopCardinality", "2")),
                start(name="s"),
                task(1),
                end(STOP, name="e"),
                SLOW,
                task(2),
                flows("s task1 e", "s wait task2"),
            ),
            task(3),
            flows("start sub task3"),
        ),
        ["task1", "task1", "task3"],
        [],
    ),
    "on the way is refused": (straight(throw("it", STOP)), [], REFUSED),
}

ANY = signal() + signal("S2")
FIRST = timer(duration="PT5S") + timer(duration="PT10S")
MULTIPLE: dict[str, Case] = {
    "a catching event takes the first": (straight(catch("it", FIRST)), ["task1", "task2"], []),
    "a catching event takes either": (beside(signal("S2"), catch("it", ANY)), ["task1", "task2"], []),
    "a parallel one needs both": (
        beside(signal("S2"), catch("it", ANY, parallelMultiple=True)),
        ["task1"],
        [],
    ),
    "a parallel one has both": (
        beside(ANY, catch("it", ANY, parallelMultiple=True)),
        ["task1", "task2"],
        [],
    ),
    "a throwing event throws both": (
        run(
            start(),
            gateway("parallel", "fork"),
            catch("a", signal()),
            catch("b", signal("S2")),
            task(1),
            task(2),
            throw("threw", ANY),
            flows("start fork a task1", "fork b task2", "fork threw"),
        ),
        ["task1", "task2"],
        [],
    ),
    "an end throws both": (
        run(
            start(),
            gateway("parallel", "fork"),
            catch("a", signal()),
            catch("b", signal("S2")),
            task(1),
            task(2),
            end(ANY),
            flows("start fork a task1", "fork b task2", "fork end"),
        ),
        ["task1", "task2"],
        [],
    ),
    "an end throws a signal and an escalation": (
        inside(task(1), end(signal("S2") + escalation(), name="x"), flows("s task1 x"), at=escalation()),
        ["task1", "task4"],
        [],
    ),
    "a boundary takes either": (inside(*throws("t", signal("S2")), at=ANY), ["task1", "task4"], []),
    "a boundary takes either, of another kind": (inside(*WAITS, at=signal() + SOON), ["task4"], []),
    "a boundary that does not interrupt takes each": (
        inside(task(1), throw("t", ANY), flows("s task1 t task2 e"), at=ANY, interrupting=False),
        ["task1", "task2", "task3", "task4", "task4"],
        [],
    ),
    "an event sub-process takes either": (
        subscribed(*throws("t", signal("S2")), on=ANY),
        ["task1", "task3", "task4"],
        [],
    ),
    "an event sub-process takes either, without interrupting": (
        subscribed(*throws("t", signal("S2")), on=ANY, interrupting=False),
        ["task1", "task2", "task3", "task4"],
        [],
    ),
    "a start takes either": (run(start(ANY), task(1), flows("start task1")), ["task1"], []),
    "an event-based gateway leads to one": (
        run(
            start(),
            gateway("eventBased", "g"),
            catch("a", signal() + SOON),
            catch("b", timer(duration="PT20S")),
            task(1),
            task(2),
            flows("start g a task1", "g b task2"),
        ),
        ["task1"],
        [],
    ),
}

DEFINED = "".join(
    (
        event("timer", element("timeDuration", "PT5S"), id="DT"),
        event("signal", id="DS", signalRef="S1"),
        event("message", id="DM", messageRef="M1"),
        event("error", id="DE", errorRef="E1"),
        event("escalation", id="DX", escalationRef="X1"),
        event("conditional", element("condition", "true"), id="DC"),
        event("compensate", id="DU"),
        event("cancel", id="DN"),
        event("terminate", id="DZ"),
    )
)


def of(name: str) -> str:
    return refers(name)


REFERENCES: dict[str, Case] = {
    "a timer's event": (straight(catch("it", of("DT")), roots=DEFINED), ["task1", "task2"], []),
    "a timer's boundary": (inside(*WAITS, at=of("DT"), roots=DEFINED), ["task4"], []),
    "a timer's event sub-process": (subscribed(*WAITS, on=of("DT"), roots=DEFINED), ["task3", "task4"], []),
    "a signal": (beside(of("DS"), catch("it", of("DS")), roots=DEFINED), ["task1", "task2"], []),
    "a signal's boundary": (
        inside(*throws("t", of("DS")), at=of("DS"), roots=DEFINED),
        ["task1", "task4"],
        [],
    ),
    "a message": (beside(of("DM"), catch("it", of("DM")), roots=DEFINED), ["task1", "task2"], []),
    "an error": (
        inside(task(1), end(of("DE"), name="x"), flows("s task1 x"), at=of("DE"), roots=DEFINED),
        ["task1", "task4"],
        [],
    ),
    "an escalation": (inside(*throws("t", of("DX")), at=of("DX"), roots=DEFINED), ["task1", "task4"], []),
    "a condition": (straight(catch("it", of("DC")), roots=DEFINED), ["task1", "task2"], []),
    "a compensation": (
        run(
            start(),
            task(1),
            end(of("DU")),
            boundary("b", "task1", of("DU")),
            task(5, isForCompensation=True),
            element("association", id="tie", sourceRef="b", targetRef="task5"),
            flows("start task1 end"),
            roots=DEFINED,
        ),
        ["task1", "task5"],
        [],
    ),
    "a cancellation": (
        run(
            start(),
            sub(
                "sub",
                start(name="s"),
                task(1),
                end(of("DN"), name="e"),
                flows("s task1 e"),
                tag="transaction",
            ),
            boundary("at", "sub", of("DN")),
            task(2),
            task(3),
            flows("start sub task3", "at task2"),
            roots=DEFINED,
        ),
        ["task1", "task2"],
        [],
    ),
    "a termination": (
        run(
            start(),
            task(1),
            end(of("DZ")),
            SLOW,
            task(2),
            flows("start task1 end", "start wait task2"),
            roots=DEFINED,
        ),
        ["task1"],
        [],
    ),
    "several": (
        run(
            start(),
            task(1),
            catch("it", of("DS") + of("DT")),
            task(2),
            flows("start task1 it task2"),
            roots=DEFINED,
        ),
        ["task1", "task2"],
        [],
    ),
    "to nothing is refused": (straight(catch("it", of("nothing"))), [], REFUSED),
}

ALL = {
    f"{group}: {name}": case
    for group, cases in {
        "error": ERRORS,
        "escalation": ESCALATIONS,
        "compensation": COMPENSATION,
        "link": LINK,
        "terminate": TERMINATE,
        "multiple": MULTIPLE,
        "reference": REFERENCES,
    }.items()
    for name, case in cases.items()
}


@pytest.mark.parametrize("name", ALL)
def test_what_is_thrown_has_the_effect_that_the_standard_says(name: str) -> None:
    document, trace, asserts = ALL[name]
    assert judge(document, "Model", {"input": "", "trace": trace, "asserts": asserts}) == ""
