"""Activities out of BPMN 2.0 XML: tasks, their markers, their data and the people who do them."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from .bpmn_events import event_definition, message
from .bpmn_source import BPMN, Source, identifier, local, reference, strip, text, words
from .model import (
    AdHoc,
    AnyElement,
    BusinessRuleTask,
    CallActivity,
    ComplexBehavior,
    ManualTask,
    MessageEvent,
    MultiInstance,
    ReceiveTask,
    ScriptTask,
    SendTask,
    ServiceTask,
    StandardLoop,
    SubProcess,
    Task,
    UserTask,
)

_ATTRIBUTES = {
    "userTask": {"assignee", "candidateUsers", "candidateRoles", "priority", "due"},
    "serviceTask": {"job", "retries", "backoff"},
    "sendTask": {"job", "retries", "backoff", "key"},
    "receiveTask": {"key"},
    "scriptTask": {"job", "retries", "backoff", "result"},
    "businessRuleTask": {"rules", "result"},
    "callActivity": {"version"},
}
_PEOPLE = ("humanPerformer", "potentialOwner", "performer", "resourceRole")


def read_activity(source: Source, element: Element) -> AnyElement:
    """A task, call activity or sub-process (without its content)."""
    name = strip(element.tag)
    source.extensions(element, _ATTRIBUTES.get(name, set()))
    common = _common(source, element)
    match name:
        case "task":
            return Task(**common)
        case "manualTask":
            return ManualTask(**common)
        case "userTask":
            return _user_task(source, element, common)
        case "serviceTask":
            return ServiceTask(**common, **_job(source, element))
        case "sendTask":
            return SendTask(**common, **_job(source, element), message=_message(source, element))
        case "receiveTask":
            instantiate = element.get("instantiate") == "true"
            return ReceiveTask(
                **common, message=_message(source, element) or MessageEvent(), instantiate=instantiate
            )
        case "scriptTask":
            return _script(source, element, common)
        case "businessRuleTask":
            rules, result = source.own(element, "rules"), source.own(element, "result")
            return BusinessRuleTask(**common, rules=rules, result=result)
        case "callActivity":
            version = source.number(element, "version", source.own(element, "version"), 0)
            return CallActivity(**common, process=reference(element.get("calledElement")), version=version)
        case _:
            return SubProcess(
                **common,
                event=element.get("triggeredByEvent") == "true",
                transaction=name == "transaction",
                ad_hoc=_ad_hoc(source, element) if name == "adHocSubProcess" else None,
            )


def _common(source: Source, element: Element) -> dict[str, Any]:
    inputs, outputs = _data(source, element)
    return {
        "id": element.get("id", ""),
        "name": element.get("name", ""),
        "documentation": source.documentation(element),
        "default": element.get("default", ""),
        "loop": _loop(source, element),
        "for_compensation": element.get("isForCompensation") == "true",
        "start_quantity": source.number(element, "startQuantity", element.get("startQuantity", ""), 1),
        "completion_quantity": source.number(
            element, "completionQuantity", element.get("completionQuantity", ""), 1
        ),
        "inputs": inputs,
        "outputs": outputs,
        "variables": source.variables(element),
        "sla": source.sla(element),
    }


def _user_task(source: Source, element: Element, common: dict[str, Any]) -> UserTask:
    assignee = source.own(element, "assignee")
    roles = words(source.own(element, "candidateRoles"))
    for child in element:
        if child.tag.startswith(BPMN) and strip(child.tag) in _PEOPLE:
            who = _resource(source, child)
            if strip(child.tag) in ("humanPerformer", "performer"):
                assignee = assignee or who
            elif who:
                roles.append(who)
    return UserTask(
        **common,
        assignee=assignee,
        candidate_users=words(source.own(element, "candidateUsers")),
        candidate_roles=roles,
        priority=source.own(element, "priority"),
        due=source.own(element, "due"),
        form=source.json(element, "form"),
    )


def _resource(source: Source, element: Element) -> str:
    """Who a performer is: an expression, or the name of the resource it refers to."""
    assignment = element.find(f"{BPMN}resourceAssignmentExpression")
    if assignment is not None:
        return text(assignment)
    found = source.by_id.get(reference(element.findtext(f"{BPMN}resourceRef")))
    return (found.get("name") or found.get("id") or "") if found is not None else element.get("name", "")


def _job(source: Source, element: Element) -> dict[str, Any]:
    return {
        "job": source.own(element, "job"),
        "settings": source.json(element, "settings"),
        "retries": source.number(element, "retries", source.own(element, "retries"), 3),
        "backoff": source.own(element, "backoff", "PT10S"),
    }


def _script(source: Source, element: Element, common: dict[str, Any]) -> ScriptTask:
    """A script; BPMN wants its format said, so one that does not say CEL is left to a worker."""
    script = element.find(f"{BPMN}script")
    language = element.get("scriptFormat", "")
    return ScriptTask(
        **common,
        **_job(source, element),
        script=text(script) if script is not None else "",
        format="cel" if language.lower().rsplit("/", 1)[-1] in ("cel", "x-cel") else language,
        result=source.own(element, "result"),
    )


def _message(source: Source, element: Element) -> MessageEvent | None:
    if element.get("messageRef") or element.get("operationRef"):
        return message(source, element, element)
    return None


def _ad_hoc(source: Source, element: Element) -> AdHoc:
    return AdHoc(
        sequential=element.get("ordering") == "Sequential",
        completion=source.expression(element.find(f"{BPMN}completionCondition")),
        cancel_remaining=element.get("cancelRemainingInstances", "true") != "false",
    )


def _loop(source: Source, element: Element) -> StandardLoop | MultiInstance | None:
    for child in element:
        if local(child, "standardLoopCharacteristics"):
            return StandardLoop(
                condition=source.expression(child.find(f"{BPMN}loopCondition")),
                test_before=child.get("testBefore") == "true",
                maximum=_maximum(source, element, child.get("loopMaximum", "")),
            )
        if local(child, "multiInstanceLoopCharacteristics"):
            return _multi_instance(source, element, child)
    return None


def _maximum(source: Source, element: Element, value: str) -> int | None:
    return source.number(element, "loopMaximum", value, 0) if value else None


def _multi_instance(source: Source, element: Element, marker: Element) -> MultiInstance:
    behavior = marker.get("behavior", "All").lower()
    item, output = marker.find(f"{BPMN}inputDataItem"), marker.find(f"{BPMN}outputDataItem")
    return MultiInstance(
        sequential=marker.get("isSequential") == "true",
        cardinality=source.expression(marker.find(f"{BPMN}loopCardinality")),
        collection=_collection(source, element, marker, "loopDataInputRef"),
        item=identifier(item) if item is not None else "",
        output=identifier(output) if output is not None else "",
        output_collection=_collection(source, element, marker, "loopDataOutputRef"),
        completion=source.expression(marker.find(f"{BPMN}completionCondition")),
        behavior=behavior,
        event=_behavior_event(source, element, marker.get(f"{behavior}BehaviorEventRef", "")),
        complex=_complex(source, element, marker),
    )


def _behavior_event(source: Source, element: Element, target: str) -> Any:
    if not target:
        return None
    definition = source.by_id.get(reference(target))
    if definition is None:
        source.fault(element, "dangling_reference", f"There is no event definition {target!r}.")
        return None
    found = event_definition(source, definition, element)
    return found[0] if found else None


def _complex(source: Source, element: Element, marker: Element) -> list[ComplexBehavior]:
    rules: list[ComplexBehavior] = []
    for child in marker.findall(f"{BPMN}complexBehaviorDefinition"):
        thrown = child.find(f"{BPMN}event")
        events: list[Any] = []
        for definition in thrown if thrown is not None else ():
            if local(definition, "eventDefinitionRef"):
                events.append(_behavior_event(source, element, definition.text or ""))
            elif strip(definition.tag).endswith("EventDefinition"):
                events += event_definition(source, definition, element)
        condition = source.expression(child.find(f"{BPMN}condition"))
        rules.append(ComplexBehavior(condition, events[0] if events else None))
    return rules


def _collection(source: Source, element: Element, marker: Element, name: str) -> str:
    """The variable that a multi-instance marker iterates over or gathers into.

    The marker refers to an item of the activity's own data; an association ties that to a variable.
    """
    target = reference(marker.findtext(f"{BPMN}{name}"))
    if not target:
        return ""
    for association in element:
        ends = _ends(association)
        if local(association, "dataInputAssociation") and ends[1] == target:
            return source.variable(ends[0], element)
        if local(association, "dataOutputAssociation") and ends[0] == target:
            return source.variable(ends[1], element)
    found = source.by_id.get(target)
    if found is not None and (local(found, "dataInput") or local(found, "dataOutput")):
        return identifier(found)
    return source.variable(target, element)


def _ends(association: Element) -> tuple[str, str]:
    return (
        reference(association.findtext(f"{BPMN}sourceRef")),
        reference(association.findtext(f"{BPMN}targetRef")),
    )


def _data(source: Source, element: Element) -> tuple[dict[str, str], dict[str, str]]:
    """Data associations and our own mappings, as local inputs and kept outputs by expression."""
    iterated = {
        reference(marker.findtext(f"{BPMN}{name}"))
        for marker in element.findall(f"{BPMN}multiInstanceLoopCharacteristics")
        for name in ("loopDataInputRef", "loopDataOutputRef")
    }
    inputs = {child.get("name", ""): child.get("value", "") for child in source.extension(element, "input")}
    outputs = {child.get("name", ""): child.get("value", "") for child in source.extension(element, "output")}
    for child in element:
        start, end = _ends(child)
        if local(child, "dataInputAssociation") and end not in iterated:
            inner = _own_data(source, end, element)
            inputs[inner] = _transformed(source, child) or source.variable(start, element)
        elif local(child, "dataOutputAssociation") and start not in iterated:
            inner = _own_data(source, start, element)
            outputs[source.variable(end, element)] = _transformed(source, child) or inner
    return inputs, outputs


def _transformed(source: Source, association: Element) -> str:
    assignments = association.findall(f"{BPMN}assignment")
    if assignments:
        return source.expression(assignments[0].find(f"{BPMN}from"))
    return source.expression(association.find(f"{BPMN}transformation"))


def _own_data(source: Source, name: str, element: Element) -> str:
    """The name by which an activity knows an item of its own input or output."""
    found = source.by_id.get(name)
    if found is not None and strip(found.tag) in ("dataInput", "dataOutput", "property"):
        return identifier(found)
    source.fault(element, "data_reference", f"The data association refers to {name!r}, which is not there.")
    return name or "_"
