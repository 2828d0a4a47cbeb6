"""A process definition as plain data: the elements of BPMN 2.0 (ISO/IEC 19510) that the engine executes.

The structs are also the project's own JSON form: ``type`` names an element as BPMN does (``userTask``), the
fields are in snake case, and an unknown field is refused. A text that starts with ``=`` where a literal could
stand is an expression (``"=requester"``); conditions, cardinalities and collections always are expressions.
"""

from __future__ import annotations

from math import nan
from typing import Any, Final

import msgspec

ROOT: Final = ""
"""The scope of the process itself; other scopes are named by their sub-process."""
MAX_PRIORITY: Final = 1_000_000
MAX_NAME: Final = 255
"""Characters of a name that something is found by: keys, ids, messages, signals, people, kinds of jobs."""


class Part(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What every part of a definition has in common: immutable, and strict about its fields."""


# -- events (BPMN 2.0.2, 10.5) -----------------------------------------------------------------------------


class EventDefinition(Part, tag_field="type", frozen=True):
    """What makes an event happen, or what it makes happen."""


class TimerEvent(EventDefinition, tag="timer", frozen=True):
    """One of ``date``, ``duration`` and ``cycle`` (ISO 8601). ``calendar`` names a working calendar."""

    date: str = ""
    duration: str = ""
    cycle: str = ""
    calendar: str = ""


class MessageEvent(EventDefinition, tag="message", frozen=True):
    """A message by ``name``; ``key`` is the correlation key, ``payload`` what a throwing event sends."""

    name: str = ""
    key: str = ""
    payload: dict[str, str] = {}


class SignalEvent(EventDefinition, tag="signal", frozen=True):
    """A broadcast by ``name``; ``payload`` is what a throwing event sends along."""

    name: str = ""
    payload: dict[str, str] = {}


class ErrorEvent(EventDefinition, tag="error", frozen=True):
    """An error by ``code``; a catching event without a code catches every error."""

    code: str = ""


class EscalationEvent(EventDefinition, tag="escalation", frozen=True):
    """An escalation by ``code``; a catching event without a code catches every escalation."""

    code: str = ""


class ConditionalEvent(EventDefinition, tag="conditional", frozen=True):
    """Happens when ``condition`` becomes true."""

    condition: str = ""


class CompensationEvent(EventDefinition, tag="compensation", frozen=True):
    """Undoes ``activity``, or everything completed in the scope; ``wait`` until it is undone."""

    activity: str = ""
    wait: bool = True


class CancelEvent(EventDefinition, tag="cancel", frozen=True):
    """Cancels the transaction it stands in, or catches that at its boundary."""


class TerminateEvent(EventDefinition, tag="terminate", frozen=True):
    """Ends the scope it stands in at once."""


class LinkEvent(EventDefinition, tag="link", frozen=True):
    """Continues at the catching link of the same ``name`` in the same scope."""

    name: str = ""


AnyEvent = (
    TimerEvent
    | MessageEvent
    | SignalEvent
    | ErrorEvent
    | EscalationEvent
    | ConditionalEvent
    | CompensationEvent
    | CancelEvent
    | TerminateEvent
    | LinkEvent
)


# -- elements ----------------------------------------------------------------------------------------------


class Element(Part, tag_field="type", frozen=True):
    """A flow node: something a token can be at."""

    id: str
    name: str = ""
    documentation: str = ""


class Event(Element, frozen=True):
    """An event; several ``events`` make it a multiple one, with ``parallel`` all of them must happen."""

    events: list[AnyEvent] = []
    parallel: bool = False


class StartEvent(Event, tag="startEvent", frozen=True):
    """``interrupting`` counts at the start of an event sub-process only."""

    interrupting: bool = True


class CatchEvent(Event, tag="intermediateCatchEvent", frozen=True):
    """Waits for its event."""


class ThrowEvent(Event, tag="intermediateThrowEvent", frozen=True):
    """Throws its events and goes on; without any it only marks a state reached."""


class EndEvent(Event, tag="endEvent", frozen=True):
    """Ends a path, throwing its events."""


class BoundaryEvent(Event, tag="boundaryEvent", frozen=True):
    """Waits while the activity ``attached_to`` runs. A compensation boundary names its ``handler``."""

    attached_to: str = ""
    interrupting: bool = True
    handler: str = ""


class Gateway(Element, frozen=True):
    """A gateway; ``default`` is the flow taken when no condition holds."""

    default: str = ""


class ExclusiveGateway(Gateway, tag="exclusiveGateway", frozen=True):
    """Takes the first flow whose condition holds."""


class InclusiveGateway(Gateway, tag="inclusiveGateway", frozen=True):
    """Takes every flow whose condition holds; joins what can still come."""


class ParallelGateway(Gateway, tag="parallelGateway", frozen=True):
    """Takes every flow; joins all of them."""


class ComplexGateway(Gateway, tag="complexGateway", frozen=True):
    """Joins when ``activation`` holds: an expression over ``activationCount`` and the variables."""

    activation: str = ""


class EventBasedGateway(Gateway, tag="eventBasedGateway", frozen=True):
    """Waits for the events that follow it: for the first, or with ``parallel`` for all of them."""

    instantiate: bool = False
    parallel: bool = False


class StandardLoop(Part, tag_field="type", tag="standard", frozen=True):
    """Repeats while ``condition`` holds, at most ``maximum`` times, tested first with ``test_before``."""

    condition: str = ""
    test_before: bool = False
    maximum: int | None = None


class ComplexBehavior(Part, frozen=True):
    """Once ``condition`` holds the remaining instances are cancelled and ``event`` is thrown."""

    condition: str
    event: AnyEvent | None = None


class MultiInstance(Part, tag_field="type", tag="multi_instance", frozen=True):
    """An instance per item of ``collection``, or ``cardinality`` of them.

    Each sees its item as ``item`` and its place as ``loopCounter`` (from 1). ``output`` is evaluated when an
    instance completes and gathered, in the order of the instances, in the variable ``output_collection``.
    ``behavior`` says which completions throw an event to the boundary (BPMN 2.0.2, table 10.30).
    """

    sequential: bool = False
    cardinality: str = ""
    collection: str = ""
    item: str = ""
    output: str = ""
    output_collection: str = ""
    completion: str = ""
    behavior: str = "all"
    event: AnyEvent | None = None
    complex: list[ComplexBehavior] = []


class Sla(Part, frozen=True):
    """How long it may take: ``target`` and ``warning`` are durations from its start, in working time if a
    ``calendar`` is named. A breach throws ``escalation`` and hands the task to ``reassign_to`` (roles).
    """

    target: str
    warning: str = ""
    calendar: str = ""
    escalation: str = ""
    reassign_to: list[str] = []


class Activity(Element, frozen=True):
    """Work. ``inputs`` are local variables by expression; ``outputs`` say what of its result is kept."""

    default: str = ""
    loop: StandardLoop | MultiInstance | None = None
    for_compensation: bool = False
    start_quantity: int = 1
    completion_quantity: int = 1
    inputs: dict[str, str] = {}
    outputs: dict[str, str] = {}
    variables: dict[str, Any] = {}
    sla: Sla | None = None


class Task(Activity, tag="task", frozen=True):
    """A task that nobody and nothing is told of: it completes at once."""


class ManualTask(Activity, tag="manualTask", frozen=True):
    """Work outside of any system: it completes at once (BPMN 2.0.2, 13.3.3)."""


class UserTask(Activity, tag="userTask", frozen=True):
    """A person's work. ``form`` is the JSON Schema of its result, ``due`` a duration or a date and time.

    ``priority`` is a whole number; tasks with a higher one come first.
    """

    assignee: str = ""
    candidate_users: list[str] = []
    candidate_roles: list[str] = []
    priority: str = ""
    due: str = ""
    form: dict[str, Any] = {}


class Job(Activity, frozen=True):
    """Work done by a worker: ``job`` is its type, ``settings`` what the worker is told besides variables.

    A failure is tried ``retries`` times more, the first time after ``backoff``, then twice as long each time.
    """

    job: str = ""
    settings: dict[str, Any] = {}
    retries: int = 3
    backoff: str = "PT10S"


class ServiceTask(Job, tag="serviceTask", frozen=True):
    """A job for a worker, such as ``http`` and ``lambda``, which are built in."""


class SendTask(Job, tag="sendTask", frozen=True):
    """Sends ``message``; without one it is a job."""

    message: MessageEvent | None = None


class ReceiveTask(Activity, tag="receiveTask", frozen=True):
    """Waits for ``message``; with ``instantiate`` it starts the process."""

    message: MessageEvent | None = None
    instantiate: bool = False


class ScriptTask(Job, tag="scriptTask", frozen=True):
    """Evaluates the expression ``script``; its value goes to the variable ``result``, or is a map of them.

    A script of another ``format`` than ``cel`` is a job of type ``script``, for a worker that knows it.
    """

    script: str = ""
    format: str = "cel"
    result: str = ""


class BusinessRuleTask(Activity, tag="businessRuleTask", frozen=True):
    """Asks the rule set ``rules``; its outputs go to the variable ``result``, or are variables themselves."""

    rules: str = ""
    result: str = ""


class CallActivity(Activity, tag="callActivity", frozen=True):
    """Runs the definition ``process``; ``version`` 0 is the latest published.

    It starts with the ``inputs``, or else with all variables seen here, and leaves the ``outputs``, or else
    all variables that it ends with.
    """

    process: str = ""
    version: int = 0


class AdHoc(Part, frozen=True):
    """Activities without a prescribed order: each runs once, at the same time or one after the other, until
    ``completion`` holds.
    """

    sequential: bool = False
    completion: str = ""
    cancel_remaining: bool = True


class Flow(Part, frozen=True):
    """A sequence flow."""

    id: str
    source: str
    target: str
    name: str = ""
    condition: str = ""


class SubProcess(Activity, tag="subProcess", frozen=True):
    """A process inside. ``event`` makes it an event sub-process, ``transaction`` a transaction."""

    elements: list[AnyElement] = []
    flows: list[Flow] = []
    event: bool = False
    transaction: bool = False
    ad_hoc: AdHoc | None = None


def parse_priority(text: str) -> int:
    """A priority as a whole number, of what comes before a decimal point. ValueError says what is wrong."""
    try:
        number = float(text)
    except ValueError:
        number = nan
    if not abs(number) <= MAX_PRIORITY:
        raise ValueError(f"the priority {text!r} is not a number from -{MAX_PRIORITY} to {MAX_PRIORITY}")
    return int(number)


AnyElement = (
    StartEvent
    | CatchEvent
    | ThrowEvent
    | EndEvent
    | BoundaryEvent
    | ExclusiveGateway
    | InclusiveGateway
    | ParallelGateway
    | ComplexGateway
    | EventBasedGateway
    | Task
    | ManualTask
    | UserTask
    | ServiceTask
    | SendTask
    | ReceiveTask
    | ScriptTask
    | BusinessRuleTask
    | CallActivity
    | SubProcess
)

CATCHING = (CatchEvent, ReceiveTask)
"""What an event-based gateway may lead to."""


# -- pictures ----------------------------------------------------------------------------------------------


class Bounds(Part, frozen=True):
    """A rectangle in the diagram's units (BPMN DI: 1 unit is 1 pixel)."""

    x: float
    y: float
    width: float
    height: float


class Shape(Part, frozen=True):
    """Where an element is drawn."""

    bounds: Bounds
    label: Bounds | None = None
    expanded: bool = True
    horizontal: bool = True


class Edge(Part, frozen=True):
    """The way points of a flow."""

    points: list[tuple[float, float]]
    label: Bounds | None = None


class Lane(Part, frozen=True):
    """A lane or pool: the elements in it."""

    id: str
    name: str = ""
    elements: list[str] = []
    pool: bool = False


class Note(Part, frozen=True):
    """A text annotation, and the elements it is tied to."""

    id: str
    text: str
    about: list[str] = []


class Diagram(Part, frozen=True):
    """The drawing, by element id (BPMN DI)."""

    shapes: dict[str, Shape] = {}
    edges: dict[str, Edge] = {}


class Process(Part, frozen=True):
    """A definition: processes are started by its ``key``; ``variables`` have their first values."""

    key: str
    name: str = ""
    documentation: str = ""
    elements: list[AnyElement] = []
    flows: list[Flow] = []
    variables: dict[str, Any] = {}
    sla: Sla | None = None
    lanes: list[Lane] = []
    notes: list[Note] = []
    diagram: Diagram | None = None
    executable: bool = True
