"""Events that come from outside or from time, as BPMN 2.0.2 describes them, in every place they may stand."""

from __future__ import annotations

import pytest

from tests.conformance.bpmn_models import (
    REFUSED,
    SLOW,
    SOON,
    WAITS,
    Case,
    beside,
    boundary,
    catch,
    condition,
    element,
    end,
    event,
    flows,
    gateway,
    inside,
    marker,
    message,
    process,
    run,
    signal,
    start,
    straight,
    subscribed,
    task,
    throw,
    throws,
    timer,
)
from tests.conformance.bpmn_suite import judge

PAST, LATER = "2014-01-01T00:00:00Z", "2026-01-05T08:00:07Z"
NONE: dict[str, Case] = {
    "an intermediate event": (straight(throw("it")), ["task1", "task2"], []),
    "a process without events": (run(task(1), task(2), flows("task1 task2")), ["task1", "task2"], []),
    "two ends": (
        run(start(), task(1), end(), end(name="e2"), task(2), flows("start task1 end", "start task2 e2")),
        ["task1", "task2"],
        [],
    ),
    "a flow into a start is refused": (run(start(), task(1), flows("start task1 start")), [], REFUSED),
    "a flow out of an end is refused": (
        run(start(), task(1), end(), task(2), flows("start task1 end task2")),
        [],
        REFUSED,
    ),
    "a flow into a boundary event is refused": (
        run(start(), task(1), boundary("b", "task1", signal()), flows("start task1", "start b")),
        [],
        REFUSED,
    ),
    "a boundary event without an event is refused": (
        run(start(), task(1), boundary("b", "task1"), flows("start task1")),
        [],
        REFUSED,
    ),
    "a boundary event at nothing is refused": (
        run(start(), task(1), boundary("b", "nobody", signal()), flows("start task1")),
        [],
        REFUSED,
    ),
    "a boundary event at an event is refused": (
        run(start(), task(1), boundary("b", "start", signal()), flows("start task1")),
        [],
        REFUSED,
    ),
}

CYCLE = timer(cycle="R3/PT5S")
TIMER: dict[str, Case] = {
    "a duration": (straight(catch("it", SOON)), ["task1", "task2"], []),
    "a date to come": (straight(catch("it", timer(date=LATER))), ["task1", "task2"], []),
    "a date gone by": (straight(catch("it", timer(date=PAST))), ["task1", "task2"], []),
    "a cycle": (straight(catch("it", CYCLE)), ["task1", "task2", "task2", "task2"], []),
    "a boundary, in time": (inside(*WAITS, at=SOON), ["task4"], []),
    "a boundary, too late": (inside(*WAITS, at=timer(duration="PT1M")), ["task2", "task3"], []),
    "a boundary that does not interrupt": (
        inside(*WAITS, at=SOON, interrupting=False),
        ["task2", "task3", "task4"],
        [],
    ),
    "a boundary that does not interrupt, by cycle": (
        inside(*WAITS, at=CYCLE, interrupting=False),
        ["task2", "task3", "task4", "task4", "task4"],
        [],
    ),
    "a boundary with an endless cycle, as long as the activity": (
        inside(*WAITS, at=timer(cycle="R/PT8S"), interrupting=False),
        ["task2", "task3", "task4", "task4"],
        [],
    ),
    "a boundary by date": (inside(*WAITS, at=timer(date=LATER)), ["task4"], []),
    "an interrupting boundary by cycle, once": (inside(*WAITS, at=CYCLE), ["task4"], []),
    "an event sub-process": (subscribed(*WAITS, on=SOON), ["task3", "task4"], []),
    "an event sub-process that does not interrupt": (
        subscribed(*WAITS, on=SOON, interrupting=False),
        ["task2", "task3", "task4"],
        [],
    ),
    "an event sub-process of the process": (subscribed(*WAITS, on=SOON, top=True), ["task4"], []),
    "an event sub-process by date": (
        subscribed(*WAITS, on=timer(date=LATER), interrupting=False),
        ["task2", "task3", "task4"],
        [],
    ),
    "a process that starts by time": (run(start(SOON), task(1), flows("start task1")), ["task1"], []),
    "no time is refused": (straight(catch("it", event("timer"))), [], REFUSED),
    "a time that is none is refused": (straight(catch("it", timer(duration="five"))), [], REFUSED),
    "thrown is refused": (straight(throw("it", SOON)), [], REFUSED),
}

RECEIVER = process(
    "Other", start(message(), name="os"), marker("CREATE_MARKER_FILE", name="om"), flows("os om")
)
MESSAGE: dict[str, Case] = {
    "an end starts a process": (
        run(start(), task(1), end(message()), flows("start task1 end"), others=RECEIVER),
        ["task1"],
        ["assertMarkerExists"],
    ),
    "an intermediate event starts a process": (
        straight(throw("it", message()), others=RECEIVER),
        ["task1", "task2"],
        ["assertMarkerExists"],
    ),
    "a send task starts a process": (
        straight(element("sendTask", id="it", messageRef="M1"), others=RECEIVER),
        ["task1", "task2"],
        ["assertMarkerExists"],
    ),
    "a receive task waits": (
        beside(message(), element("receiveTask", id="it", messageRef="M1")),
        ["task1", "task2"],
        [],
    ),
    "a catching event waits": (beside(message(), catch("it", message())), ["task1", "task2"], []),
    "another message does not count": (beside(message("M2"), catch("it", message())), ["task1"], []),
    "a boundary": (inside(*throws("t", message()), at=message()), ["task1", "task4"], []),
    "a boundary that does not interrupt": (
        inside(*throws("t", message()), at=message(), interrupting=False),
        ["task1", "task2", "task3", "task4"],
        [],
    ),
    "an event sub-process": (
        subscribed(*throws("t", message()), on=message()),
        ["task1", "task3", "task4"],
        [],
    ),
    "an event sub-process that does not interrupt": (
        subscribed(*throws("t", message()), on=message(), interrupting=False),
        ["task1", "task2", "task3", "task4"],
        [],
    ),
    "a receive task that begins the process": (
        run(element("receiveTask", id="in", messageRef="M1", instantiate=True), task(1), flows("in task1")),
        ["task1"],
        [],
    ),
    "a receive task without a message is refused": (straight(element("receiveTask", id="it")), [], REFUSED),
}

HEARD = process("Other", start(signal(), name="os"), marker("CREATE_MARKER_FILE", name="om"), flows("os om"))
SIGNALS: dict[str, Case] = {
    "an end starts a process": (
        run(start(), task(1), end(signal()), flows("start task1 end"), others=HEARD),
        ["task1"],
        ["assertMarkerExists"],
    ),
    "an intermediate event starts a process": (
        straight(throw("it", signal()), others=HEARD),
        ["task1", "task2"],
        ["assertMarkerExists"],
    ),
    "a catching event": (beside(signal(), catch("it", signal())), ["task1", "task2"], []),
    "another signal does not count": (beside(signal("S2"), catch("it", signal())), ["task1"], []),
    "a boundary": (inside(*throws("t", signal()), at=signal()), ["task1", "task4"], []),
    "a boundary at a task": (
        run(
            start(),
            gateway("parallel", "fork"),
            throw("threw", signal()),
            element("userTask", id="it"),
            boundary("at", "it", signal()),
            task(1),
            task(2),
            end(),
            flows("start fork it task1", "fork threw end", "at task2"),
        ),
        ["task2"],
        [],
    ),
    "an event sub-process": (
        subscribed(*throws("t", signal()), on=signal()),
        ["task1", "task3", "task4"],
        [],
    ),
    "an event sub-process of the process": (
        subscribed(*throws("t", signal()), on=signal(), top=True),
        ["task1", "task4"],
        [],
    ),
    "an event sub-process that does not interrupt": (
        subscribed(*throws("t", signal()), on=signal(), interrupting=False),
        ["task1", "task2", "task3", "task4"],
        [],
    ),
    "an end heard by an event sub-process": (
        subscribed(task(1), end(signal(), name="told"), flows("s task1 told"), on=signal()),
        ["task1", "task3", "task4"],
        [],
    ),
    "two who wait both hear it": (
        run(
            start(),
            gateway("parallel", "fork"),
            catch("a", signal()),
            catch("b", signal()),
            task(1),
            task(2),
            throw("threw", signal()),
            flows("start fork a task1", "fork b task2", "fork threw"),
        ),
        ["task1", "task2"],
        [],
    ),
}

SET = marker("INCREMENT_INTEGER_VARIABLE", name="set")
GROWS = condition("integerVariable > 0")
CONDITIONAL: dict[str, Case] = {
    "a catching event that holds": (straight(catch("it", condition("true"))), ["task1", "task2"], []),
    "a catching event that comes to hold": (
        run(
            start(),
            gateway("parallel", "fork"),
            SET,
            catch("it", condition("integerVariable > 3")),
            task(1),
            flows("start fork set", "fork it task1"),
        ),
        ["task1"],
        ["setIntegerVariable"],
    ),
    "a catching event that never holds": (straight(catch("it", condition("false"))), ["task1"], []),
    "a boundary": (
        inside(SET, SLOW, flows("s set wait task2 e"), at=condition("integerVariable > 3")),
        ["task4"],
        ["setIntegerVariable"],
    ),
    "a boundary that does not interrupt": (
        inside(
            SET, SLOW, flows("s set wait task2 e"), at=condition("integerVariable > 3"), interrupting=False
        ),
        ["task2", "task3", "task4"],
        ["setIntegerVariable"],
    ),
    "an event sub-process": (
        subscribed(SET, SLOW, flows("s set wait task2 e"), on=condition("integerVariable > 3")),
        ["task3", "task4"],
        ["setIntegerVariable"],
    ),
    "an event sub-process that does not interrupt": (
        subscribed(
            SET, SLOW, flows("s set wait task2 e"), on=condition("integerVariable > 3"), interrupting=False
        ),
        ["task2", "task3", "task4"],
        ["setIntegerVariable"],
    ),
    "no condition is refused": (straight(catch("it", event("conditional"))), [], REFUSED),
    "a condition that is none is refused": (
        straight(catch("it", condition("integerVariable >"))),
        [],
        REFUSED,
    ),
}

ALL = {
    f"{group}: {name}": case
    for group, cases in {
        "none": NONE,
        "timer": TIMER,
        "message": MESSAGE,
        "signal": SIGNALS,
        "conditional": CONDITIONAL,
    }.items()
    for name, case in cases.items()
}


@pytest.mark.parametrize("name", ALL)
def test_an_event_happens_as_the_standard_says(name: str) -> None:
    document, trace, asserts = ALL[name]
    assert judge(document, "Model", {"input": "", "trace": trace, "asserts": asserts}) == ""
