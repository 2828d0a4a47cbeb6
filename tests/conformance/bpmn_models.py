"""BPMN 2.0 documents in few words, in the manner of the public execution suite: scripts are markers to log.

``model(start(), task(1), end(), flows("start task1 end"))`` is a document with the process ``Model``.
"""

from __future__ import annotations

from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

_HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="urn:d" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
)


def element(tag: str, *children: str, **attributes: object) -> str:
    """An element; ``_`` in an attribute's name stands for nothing but keeps Python's words apart."""
    texts = {key.rstrip("_"): _text(value) for key, value in attributes.items() if value is not None}
    named = "".join(f" {key}={quoteattr(value)}" for key, value in texts.items())
    return f"<{tag}{named}>{''.join(children)}</{tag}>"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def model(*content: str, roots: str = "", others: str = "", key: str = "Model") -> bytes:
    """A document with the process ``key``; ``roots`` are its definitions, ``others`` further processes."""
    return f"{_HEAD}{roots}{process(key, *content)}{others}</definitions>".encode()


def process(key: str, *content: str) -> str:
    return element("process", *content, id=key, isExecutable=True)


def flows(*paths: str) -> str:
    """``"a b c"`` are the flows ``a_b`` and ``b_c``."""
    ends = [pair for path in paths for pair in pairwise(path.split())]
    return "".join(flow(*pair) for pair in ends)


def flow(source: str, target: str, condition: str = "") -> str:
    inside = element("conditionExpression", escape(condition)) if condition else ""
    return element("sequenceFlow", inside, id=f"{source}_{target}", sourceRef=source, targetRef=target)


# -- activities --------------------------------------------------------------------------------------------


def task(number: int, *children: str, name: str = "", **attributes: object) -> str:
    """A script task ``task<number>`` (or ``name``) that logs its number."""
    return marker(f"SCRIPT_task{number}", *children, name=name or f"task{number}", **attributes)


def marker(text: str, *children: str, name: str, **attributes: object) -> str:
    return element("scriptTask", *children, element("script", text), id=name, **attributes)


def sub(name: str, *content: str, **attributes: object) -> str:
    return element(str(attributes.pop("tag", "subProcess")), *content, id=name, **attributes)


def on_event(name: str, start_event: str, *content: str) -> str:
    """An event sub-process."""
    return sub(name, start_event, *content, triggeredByEvent=True)


def standard_loop(condition: str = "", **attributes: object) -> str:
    inside = element("loopCondition", escape(condition)) if condition else ""
    return element("standardLoopCharacteristics", inside, **attributes)


def instances(cardinality: object, *children: str, **attributes: object) -> str:
    inside = element("loopCardinality", escape(str(cardinality)))
    return element("multiInstanceLoopCharacteristics", inside, *children, **attributes)


# -- events and gateways -----------------------------------------------------------------------------------


def start(*events: str, name: str = "start", **attributes: object) -> str:
    return element("startEvent", *events, id=name, **attributes)


def end(*events: str, name: str = "end") -> str:
    return element("endEvent", *events, id=name)


def catch(name: str, *events: str, **attributes: object) -> str:
    return element("intermediateCatchEvent", *events, id=name, **attributes)


def throw(name: str, *events: str) -> str:
    return element("intermediateThrowEvent", *events, id=name)


def boundary(name: str, at: str, *events: str, **attributes: object) -> str:
    return element("boundaryEvent", *events, id=name, attachedToRef=at, **attributes)


def gateway(kind: str, name: str, *children: str, **attributes: object) -> str:
    return element(f"{kind}Gateway", *children, id=name, **attributes)


def event(kind: str, *children: str, **attributes: object) -> str:
    return element(f"{kind}EventDefinition", *children, **attributes)


def timer(**form: str) -> str:
    """``duration="PT5S"``, ``date=...`` or ``cycle=...``."""
    [(name, text)] = form.items()
    return event("timer", element(f"time{name.capitalize()}", text))


def refers(name: str) -> str:
    """An event's reference to an event definition at the document's root."""
    return element("eventDefinitionRef", name)


SIGNAL = element("signal", id="S1", name="S1") + element("signal", id="S2", name="S2")
MESSAGE = element("message", id="M1", name="M1") + element("message", id="M2", name="M2")
ERROR = "".join(element("error", id=f"E{n}", name=f"E{n}", errorCode=f"E{n}") for n in (1, 2))
ESCALATION = "".join(element("escalation", id=f"X{n}", name=f"X{n}", escalationCode=f"X{n}") for n in (1, 2))
ROOTS = SIGNAL + MESSAGE + ERROR + ESCALATION


def signal(name: str = "S1") -> str:
    return event("signal", signalRef=name)


def message(name: str = "M1") -> str:
    return event("message", messageRef=name)


def error(name: str | None = "E1") -> str:
    return event("error", errorRef=name)


def escalation(name: str | None = "X1") -> str:
    return event("escalation", escalationRef=name)


def condition(text: str) -> str:
    return event("conditional", element("condition", escape(text)))


def undo(activity: str | None = None) -> str:
    return event("compensate", activityRef=activity)


def undone_by(activity: str, handler: str) -> str:
    """The compensation boundary event of an activity, tied to its handler."""
    name = f"undo_{activity}"
    tie = element("association", id=f"tie_{activity}", sourceRef=name, targetRef=handler)
    return boundary(name, activity, undo()) + tie


# -- shapes of documents -----------------------------------------------------------------------------------

Case = tuple[bytes, list[str], list[str]]
"""A document, the trace it must leave, and what the suite would assert."""
REFUSED = ["assertGenericError"]
SOON, SLOW = timer(duration="PT5S"), catch("wait", timer(duration="PT20S"))
WAITS = (SLOW, flows("s wait task2 e"))


def run(*content: str, roots: str = "", others: str = "") -> bytes:
    return model(*content, roots=ROOTS + roots, others=others)


def straight(*middle: str, roots: str = "", others: str = "") -> bytes:
    """start -> task1 -> it -> task2 -> end, where the thing in the middle is ``it``."""
    return run(
        start(),
        task(1),
        *middle,
        task(2),
        end(),
        flows("start task1 it task2 end"),
        roots=roots,
        others=others,
    )


def beside(thrown: str, *caught: str, roots: str = "") -> bytes:
    """One branch throws (and logs task1) while the other waits at ``it`` (and logs task2)."""
    return run(
        start(),
        gateway("parallel", "fork"),
        *caught,
        task(2),
        end(name="e2"),
        throw("threw", thrown),
        task(1),
        end(),
        flows("start fork threw task1 end", "fork it task2 e2"),
        roots=roots,
    )


def inside(*content: str, at: str, interrupting: bool = True, roots: str = "") -> bytes:
    """A sub-process whose content ends at task2; task3 follows it, task4 its boundary event ``at``."""
    return run(
        start(),
        sub("sub", start(name="s"), *content, end(name="e"), task(2)),
        boundary("at", "sub", at, cancelActivity=interrupting),
        task(3),
        end(),
        task(4),
        end(name="caught"),
        flows("start sub task3 end", "at task4 caught"),
        roots=roots,
    )


def subscribed(
    *content: str, on: str, interrupting: bool = True, top: bool = False, roots: str = ""
) -> bytes:
    """A scope (its own content ends at task2) with an event sub-process that logs task4; then task3."""
    handler = on_event(
        "es", start(on, name="x", isInterrupting=interrupting), task(4), end(name="xe"), flows("x task4 xe")
    )
    scope = (start(name="s"), *content, end(name="e"), task(2), handler)
    if top:
        return run(*scope, roots=roots)
    return run(start(), sub("sub", *scope), task(3), end(), flows("start sub task3 end"), roots=roots)


def throws(name: str, thrown: str) -> tuple[str, ...]:
    return (task(1), throw(name, thrown), flows(f"s task1 {name} task2 e"))


END_ERROR = (task(1), end(error(), name="failed"), flows("s task1 failed"))
END_ESCALATION = (task(1), end(escalation(), name="told"), flows("s task1 told"))
