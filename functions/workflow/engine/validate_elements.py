"""What each kind of element must have, and must not."""

from __future__ import annotations

import re

from .model import (
    MAX_NAME,
    Activity,
    AnyElement,
    AnyEvent,
    BoundaryEvent,
    BusinessRuleTask,
    CallActivity,
    CancelEvent,
    CatchEvent,
    CompensationEvent,
    ComplexGateway,
    ConditionalEvent,
    EndEvent,
    ErrorEvent,
    EscalationEvent,
    Event,
    Job,
    LinkEvent,
    MessageEvent,
    MultiInstance,
    ReceiveTask,
    ScriptTask,
    SendTask,
    SignalEvent,
    Sla,
    StandardLoop,
    StartEvent,
    SubProcess,
    TerminateEvent,
    ThrowEvent,
    TimerEvent,
    UserTask,
    parse_priority,
)
from .validate_findings import Findings, Place

_STARTS = (MessageEvent, TimerEvent, ConditionalEvent, SignalEvent)
_EVENT_SUBPROCESS_STARTS = (*_STARTS, EscalationEvent, ErrorEvent, CompensationEvent)
_CATCHES = (*_STARTS, LinkEvent)
_THROWS = (MessageEvent, EscalationEvent, CompensationEvent, LinkEvent, SignalEvent)
_BOUNDARIES = (*_STARTS, EscalationEvent, ErrorEvent, CancelEvent, CompensationEvent)
_ENDS = (
    MessageEvent,
    EscalationEvent,
    ErrorEvent,
    CancelEvent,
    CompensationEvent,
    SignalEvent,
    TerminateEvent,
)
_OFFSET = re.compile(r"(?:Z|[+-]\d\d:?\d\d)$", re.IGNORECASE)
MAX_QUANTITY = 1_000
"""The most tokens that begin an activity together, or leave it."""
MAX_VERSION = 2**31 - 1
_BEHAVIORS = ("all", "one", "none", "complex")


def check_element(findings: Findings, place: Place, element: AnyElement) -> None:
    """One element by itself, in the place it stands."""
    if isinstance(element, Event):
        _event(findings, place, element)
    elif isinstance(element, Activity):
        _activity(findings, element)
    elif isinstance(element, ComplexGateway) and element.activation:
        findings.expression(element.id, "activation condition", element.activation)


# -- events ------------------------------------------------------------------------------------------------


def _event(findings: Findings, place: Place, element: Event) -> None:
    for event in element.events:
        if not isinstance(event, _allowed(place, element)):
            name = type(event).__name__.removesuffix("Event").lower()
            message = f"A {name} event cannot stand here as {_position(place, element)}."
            findings.error(element.id, "event_position", message)
        else:
            _definition(findings, place, element, event)
    if isinstance(element, BoundaryEvent):
        _boundary(findings, place, element)


def _allowed(place: Place, element: Event) -> tuple[type[AnyEvent], ...]:
    """The kinds of events that BPMN 2.0.2 (table 10.93) has at this position."""
    match element:
        case StartEvent():
            if place.subprocess is None:
                return _STARTS
            return _EVENT_SUBPROCESS_STARTS if place.subprocess.event else ()
        case CatchEvent():
            return _CATCHES
        case ThrowEvent():
            return _THROWS
        case BoundaryEvent():
            return _BOUNDARIES
        case _:
            return _ENDS


def _position(place: Place, element: Event) -> str:
    if not isinstance(element, StartEvent):
        return {
            CatchEvent: "an intermediate catching event",
            ThrowEvent: "an intermediate throwing event",
            BoundaryEvent: "a boundary event",
            EndEvent: "an end event",
        }[type(element)]
    if place.subprocess is None:
        return "the start of a process"
    return "the start of a sub-process" if not place.subprocess.event else "the start of an event sub-process"


def _definition(findings: Findings, place: Place, element: Event, event: AnyEvent) -> None:
    throws = isinstance(element, (ThrowEvent, EndEvent))
    match event:
        case TimerEvent():
            _timer(findings, element, event)
        case MessageEvent():
            check_message(findings, element.id, event)
        case SignalEvent():
            _named(findings, element.id, "signal", event.name)
            for name, source in event.payload.items():
                findings.expression(element.id, f"payload {name}", source)
        case ConditionalEvent():
            findings.expression(element.id, "condition", event.condition)
            if isinstance(element, StartEvent) and place.subprocess is None:
                message = "No condition is watched before a process exists: it starts here only by hand."
                findings.warning(element.id, "conditional_start", message)
        case ErrorEvent() if throws:
            _named(findings, element.id, "error", event.code)
        case EscalationEvent():
            findings.text(element.id, "escalation code", event.code)
        case CompensationEvent() if throws and event.activity:
            _compensated(findings, place, element, event.activity)
        case CancelEvent():
            _cancel(findings, place, element)
        case LinkEvent():
            _link(findings, place, element, event)
        case _:
            pass


def _named(findings: Findings, element: str, what: str, name: str) -> None:
    if not name:
        findings.error(element, "no_name", f"Its {what} has no name or code; give it one.")
    elif len(name) > MAX_NAME and not name.startswith("="):
        message = f"The name of its {what} has {len(name)} characters; {MAX_NAME} are the most."
        findings.error(element, "too_long", message)
    findings.text(element, f"{what} name", name)


def check_message(findings: Findings, element: str, event: MessageEvent) -> None:
    """A message needs a name; its key and payload are expressions or literals."""
    _named(findings, element, "message", event.name)
    findings.text(element, "correlation key", event.key)
    for name, source in event.payload.items():
        findings.expression(element, f"payload {name}", source)


def _timer(findings: Findings, element: Event, event: TimerEvent) -> None:
    given = [name for name in ("date", "duration", "cycle") if getattr(event, name)]
    if len(given) != 1:
        message = "A timer has exactly one of a date, a duration and a cycle."
        findings.error(element.id, "timer", message)
        return
    check = {"date": findings.instant, "duration": findings.duration, "cycle": findings.cycle}[given[0]]
    check(element.id, f"timer {given[0]}", getattr(event, given[0]))
    if event.date and not event.date.startswith("=") and not _OFFSET.search(event.date):
        message = "The date does not say its offset from UTC and is read as UTC; append Z or an offset."
        findings.warning(element.id, "timer", message)
    if event.calendar and event.date:
        findings.warning(element.id, "timer", "A date is a moment; the calendar has no effect on it.")
    if event.calendar and event.cycle.count("/") > 1:
        message = "In a calendar the cycle begins when the timer is set; the date in it has no effect."
        findings.warning(element.id, "timer", message)


def _compensated(findings: Findings, place: Place, element: Event, activity: str) -> None:
    """A compensation event may name an activity beside it, or around it from an event sub-process."""
    known = {each.id for each in place.elements}
    if place.subprocess is not None and place.subprocess.event:
        known |= _all_ids(findings)
    if activity not in known:
        message = f"It compensates {activity!r}, which is not an activity beside it."
        findings.error(element.id, "compensation", message)


def _all_ids(findings: Findings) -> set[str]:
    found: set[str] = set()
    pending = list(findings.process.elements)
    while pending:
        element = pending.pop()
        found.add(element.id)
        if isinstance(element, SubProcess):
            pending += element.elements
    return found


def _cancel(findings: Findings, place: Place, element: Event) -> None:
    if isinstance(element, BoundaryEvent):
        attached = place.element(element.attached_to)
        inside = isinstance(attached, SubProcess) and attached.transaction
    else:
        inside = place.subprocess is not None and place.subprocess.transaction
        if inside and not any(True for _ in _cancel_boundaries(findings, place)):
            message = "Nothing follows the cancellation: the transaction has no cancel boundary event."
            findings.warning(element.id, "cancel", message)
    if not inside:
        findings.error(element.id, "cancel", "A cancel event belongs to a transaction.")


def _cancel_boundaries(findings: Findings, place: Place) -> list[BoundaryEvent]:
    assert place.subprocess is not None
    pending, found = list(findings.process.elements), []
    while pending:
        element = pending.pop()
        if isinstance(element, SubProcess):
            pending += element.elements
        if isinstance(element, BoundaryEvent) and element.attached_to == place.subprocess.id:
            found += [element for event in element.events if isinstance(event, CancelEvent)]
    return found


def _link(findings: Findings, place: Place, element: Event, event: LinkEvent) -> None:
    if not event.name:
        findings.error(element.id, "link", "A link needs a name, the same at both ends.")
        return
    kind = ThrowEvent if isinstance(element, CatchEvent) else CatchEvent
    others = [
        other
        for other in place.elements
        if isinstance(other, kind)
        and any(isinstance(each, LinkEvent) and each.name == event.name for each in other.events)
    ]
    if not others:
        where = "throwing" if kind is ThrowEvent else "catching"
        message = f"There is no {where} link {event.name!r} beside it."
        findings.error(element.id, "link", message)
    elif kind is CatchEvent and len(others) > 1:
        message = f"Several catching links are named {event.name!r}; there can be only one."
        findings.error(element.id, "link", message)
    if len(element.events) > 1:
        findings.error(element.id, "link", "A link cannot be combined with other events.")


def _boundary(findings: Findings, place: Place, element: BoundaryEvent) -> None:
    if not element.events:
        findings.error(element.id, "no_event", "A boundary event needs an event to wait for.")
    if not any(isinstance(event, CompensationEvent) for event in element.events):
        return
    handler = place.element(element.handler)
    if not isinstance(handler, Activity) or not handler.for_compensation:
        message = (
            "A compensation boundary event needs a handler beside it: an activity marked for compensation, "
            "tied to it by an association."
        )
        findings.error(element.id, "no_handler", message)


# -- activities --------------------------------------------------------------------------------------------


def _activity(findings: Findings, element: Activity) -> None:
    for what, quantity in (("start", element.start_quantity), ("completion", element.completion_quantity)):
        if not 1 <= quantity <= MAX_QUANTITY:
            message = f"Its {what} quantity is {quantity}; it takes from 1 to {MAX_QUANTITY} tokens."
            findings.error(element.id, "quantity", message)
    for name, source in (*element.inputs.items(), *element.outputs.items()):
        findings.expression(element.id, f"mapping of {name!r}", source)
    if isinstance(element.loop, StandardLoop):
        _loop(findings, element.id, element.loop)
    elif isinstance(element.loop, MultiInstance):
        _multi_instance(findings, element.id, element.loop)
    if element.sla is not None:
        check_sla(findings, element.id, element.sla)
    _kind(findings, element)


def check_sla(findings: Findings, element: str, sla: Sla) -> None:
    """A service level's times and what a breach does."""
    findings.duration(element, "service level", sla.target)
    if sla.warning:
        findings.duration(element, "service level's warning", sla.warning)
    findings.text(element, "service level's escalation", sla.escalation)


def _loop(findings: Findings, element: str, loop: StandardLoop) -> None:
    if loop.condition:
        findings.expression(element, "loop condition", loop.condition)
    elif loop.maximum is None:
        message = "Its loop never ends: give it a condition or a maximum."
        findings.error(element, "loop", message)
    if loop.maximum is not None and loop.maximum < 0:
        findings.error(element, "loop", f"Its loop maximum is {loop.maximum}; it cannot be negative.")


def _multi_instance(findings: Findings, element: str, loop: MultiInstance) -> None:
    if bool(loop.cardinality) == bool(loop.collection):
        message = "A multi-instance activity has either a number of instances or a collection."
        findings.error(element, "multi_instance", message)
    for what, source in (
        ("number of instances", loop.cardinality),
        ("collection", loop.collection),
        ("completion condition", loop.completion),
        ("output", loop.output),
    ):
        if source:
            findings.expression(element, what, source)
    if loop.cardinality.strip().startswith("-") and loop.cardinality.strip()[1:].isdigit():
        message = f"The number of instances {loop.cardinality} is negative."
        findings.error(element, "multi_instance", message)
    if bool(loop.output) != bool(loop.output_collection):
        message = "An output needs a variable to be gathered in, and that needs an output."
        findings.error(element, "multi_instance", message)
    _behavior(findings, element, loop)


def _behavior(findings: Findings, element: str, loop: MultiInstance) -> None:
    if loop.behavior not in _BEHAVIORS:
        message = f"The behavior {loop.behavior!r} is not one of {', '.join(_BEHAVIORS)}."
        findings.error(element, "multi_instance", message)
    if loop.behavior == "complex" and not loop.complex:
        findings.error(element, "multi_instance", "The behavior complex needs a definition of it.")
    events = [loop.event, *(rule.event for rule in loop.complex)]
    for rule in loop.complex:
        findings.expression(element, "complex behavior's condition", rule.condition)
    for event in events:
        if event is not None and not isinstance(event, (SignalEvent, MessageEvent, EscalationEvent)):
            message = "An instance that completes can throw a signal, a message or an escalation only."
            findings.error(element, "multi_instance", message)


def _kind(findings: Findings, element: Activity) -> None:
    match element:
        case UserTask():
            _user_task(findings, element)
        case ScriptTask():
            _script(findings, element)
        case ReceiveTask():
            check_message(findings, element.id, element.message or MessageEvent())
        case SendTask(message=MessageEvent() as sent):
            check_message(findings, element.id, sent)
        case BusinessRuleTask():
            if not element.rules:
                message = "It names no rule set; say which one decides (rules)."
                findings.error(element.id, "no_rules", message)
            findings.text(element.id, "rule set", element.rules)
        case CallActivity():
            if not element.process:
                findings.error(element.id, "no_called_element", "It names no process to call.")
            if not 0 <= element.version <= MAX_VERSION:
                findings.error(
                    element.id, "version", f"There is no version {element.version}; 0 is the latest."
                )
            findings.text(element.id, "called process", element.process)
        case SubProcess():
            _subprocess(findings, element)
        case _:
            pass
    if isinstance(element, Job):
        _job(findings, element)


def _user_task(findings: Findings, element: UserTask) -> None:
    texts = {"name": element.name, "assignee": element.assignee, "priority": element.priority}
    for what, source in texts.items():
        findings.text(element.id, what, source)
    for source in (*element.candidate_users, *element.candidate_roles):
        findings.text(element.id, "candidate", source)
    if element.priority and not element.priority.startswith("="):
        try:
            parse_priority(element.priority)
        except ValueError as error:
            findings.error(element.id, "priority", f"Correct it: {error}.")
    if element.due.startswith("P"):
        findings.duration(element.id, "due date", element.due)
    elif element.due:
        findings.instant(element.id, "due date", element.due)


def _script(findings: Findings, element: ScriptTask) -> None:
    if element.format == "cel":
        if element.script:
            findings.expression(element.id, "script", element.script)
        return
    language = element.format or "an unnamed language"
    message = (
        f"Its script is in {language}, not cel: a worker has to take jobs of type {element.job or 'script'}."
    )
    findings.warning(element.id, "script_by_worker", message)


def _job(findings: Findings, element: Job) -> None:
    findings.text(element.id, "job type", element.job)
    findings.text(element.id, "setting", element.settings)
    findings.duration(element.id, "backoff", element.backoff)
    if element.retries < 0:
        findings.error(
            element.id, "retries", f"It is retried {element.retries} times; that cannot be negative."
        )


def _subprocess(findings: Findings, element: SubProcess) -> None:
    if element.ad_hoc is not None:
        if element.ad_hoc.completion:
            findings.expression(element.id, "completion condition", element.ad_hoc.completion)
        if any(isinstance(inner, (StartEvent, EndEvent)) for inner in element.elements):
            message = "In BPMN an ad-hoc sub-process has no start and end events; remove them."
            findings.warning(element.id, "ad_hoc", message)
    if element.event and element.loop is not None:
        findings.error(element.id, "event_subprocess", "An event sub-process cannot be repeated by a marker.")
