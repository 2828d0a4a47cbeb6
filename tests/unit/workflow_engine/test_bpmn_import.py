"""BPMN 2.0 XML in: what is read, what is refused by name, and what can't harm us."""

from __future__ import annotations

from typing import Any

import pytest

from workflow.engine.bpmn import process_of, read_bpmn
from workflow.engine.faults import errors
from workflow.engine.model import (
    AdHoc,
    BoundaryEvent,
    BusinessRuleTask,
    CallActivity,
    CatchEvent,
    CompensationEvent,
    ComplexGateway,
    EndEvent,
    ErrorEvent,
    EscalationEvent,
    EventBasedGateway,
    LinkEvent,
    MessageEvent,
    MultiInstance,
    ReceiveTask,
    ScriptTask,
    SendTask,
    ServiceTask,
    SignalEvent,
    Sla,
    StandardLoop,
    StartEvent,
    SubProcess,
    TerminateEvent,
    ThrowEvent,
    TimerEvent,
    UserTask,
)
from workflow.engine.xml_document import MAX_BYTES, MAX_DEPTH, XmlRefused, parse

NAMESPACES = (
    'xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:gw="urn:groundwork:workflow" xmlns:vendor="urn:vendor" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:bpmndi="http://www.omg.org/spec/BPMN/20100524/DI" '
    'xmlns:dc="http://www.omg.org/spec/DD/20100524/DC" '
    'xmlns:di="http://www.omg.org/spec/DD/20100524/DI"'
)


def document(content: str, root: str = "") -> bytes:
    return (
        f'<definitions {NAMESPACES} id="d" targetNamespace="t">{root}'
        f'<process id="p" isExecutable="true">{content}</process></definitions>'
    ).encode()


def read(content: str, root: str = "") -> dict[str, Any]:
    result = read_bpmn(document(content, root))
    assert errors(result.faults) == []
    return {element.id: element for element in result.processes[0].elements}


def faults(content: str, root: str = "") -> list[tuple[str, str, str]]:
    return [(row.element, row.code, row.severity) for row in read_bpmn(document(content, root)).faults]


# -- elements ----------------------------------------------------------------------------------------------


def test_the_kinds_of_events_and_where_their_names_come_from():
    root = """
        <message id="m1" name="order placed"/><signal id="s1" name="go"/>
        <error id="e1" errorCode="E-1" name="error"/><escalation id="x1" escalationCode="X-1"/>
        <timerEventDefinition id="shared"><timeDuration>PT1H</timeDuration></timerEventDefinition>"""
    found = read(
        """
        <startEvent id="start"><messageEventDefinition messageRef="t:m1"/></startEvent>
        <intermediateCatchEvent id="wait"><eventDefinitionRef>shared</eventDefinitionRef>
          </intermediateCatchEvent>
        <intermediateCatchEvent id="cycle">
          <timerEventDefinition gw:calendar="office"><timeCycle>R3/PT1H</timeCycle>
          </timerEventDefinition></intermediateCatchEvent>
        <intermediateThrowEvent id="throw" gw:key="=order"><messageEventDefinition messageRef="m1"/>
          <signalEventDefinition signalRef="s1"/></intermediateThrowEvent>
        <intermediateThrowEvent id="link" name="L"><linkEventDefinition name="L"/></intermediateThrowEvent>
        <intermediateThrowEvent id="off"><linkEventDefinition><target>t:on_it</target></linkEventDefinition>
          </intermediateThrowEvent>
        <intermediateCatchEvent id="on"><linkEventDefinition id="on_it"/></intermediateCatchEvent>
        <endEvent id="bad"><errorEventDefinition errorRef="e1"/></endEvent>
        <endEvent id="up"><escalationEventDefinition escalationRef="x1"/></endEvent>
        <endEvent id="stop"><terminateEventDefinition/></endEvent>
        <endEvent id="undo"><compensateEventDefinition activityRef="a" waitForCompletion="false"/></endEvent>
        <task id="a"/>""",
        root,
    )
    assert found["start"] == StartEvent("start", events=[MessageEvent("order placed")])
    assert found["wait"] == CatchEvent("wait", events=[TimerEvent(duration="PT1H")])
    assert found["cycle"] == CatchEvent("cycle", events=[TimerEvent(cycle="R3/PT1H", calendar="office")])
    assert found["throw"] == ThrowEvent(
        "throw", events=[MessageEvent("order placed", "=order"), SignalEvent("go")]
    )
    assert found["off"].events == found["on"].events == [LinkEvent("on")]
    assert found["link"] == ThrowEvent("link", name="L", events=[LinkEvent("L")])
    assert found["bad"] == EndEvent("bad", events=[ErrorEvent("E-1")])
    assert found["up"] == EndEvent("up", events=[EscalationEvent("X-1")])
    assert found["stop"] == EndEvent("stop", events=[TerminateEvent()])
    assert found["undo"] == EndEvent("undo", events=[CompensationEvent("a", wait=False)])


def test_boundary_events_and_their_handlers():
    found = read("""
        <task id="a"/><task id="undo" isForCompensation="true"/>
        <boundaryEvent id="b" attachedToRef="a" cancelActivity="false" parallelMultiple="true">
          <signalEventDefinition/>
          <conditionalEventDefinition><condition>x &gt; 1</condition></conditionalEventDefinition>
        </boundaryEvent>
        <boundaryEvent id="c" attachedToRef="a"><compensateEventDefinition/></boundaryEvent>
        <association id="as" sourceRef="c" targetRef="undo"/>""")
    boundary = found["b"]
    assert isinstance(boundary, BoundaryEvent)
    assert (boundary.attached_to, boundary.interrupting, boundary.parallel) == ("a", False, True)
    assert found["c"] == BoundaryEvent("c", attached_to="a", events=[CompensationEvent()], handler="undo")


def test_tasks_with_what_the_engine_needs_to_know():
    root = '<message id="m1" name="m"/><resource id="r1" name="clerks"/>'
    found = read(
        """
        <userTask id="u" name="Check" gw:assignee="=boss" gw:candidateUsers="ann, bob"
            gw:candidateRoles="=roles"
            gw:priority="50" gw:due="P1D">
          <extensionElements><gw:form>{"type": "object"}</gw:form>
            <gw:sla target="PT4H" warning="PT3H" calendar="office" escalation="late"
              reassignTo="boss, owner"/>
            <gw:input name="x" value="a + 1"/><gw:output name="y" value="b"/>
            <gw:variable name="note">"none"</gw:variable></extensionElements>
          <potentialOwner id="po"><resourceRef>r1</resourceRef></potentialOwner>
        </userTask>
        <serviceTask id="s" gw:job="http" gw:retries="5" gw:backoff="PT1M">
          <extensionElements><gw:settings>{"url": "=link"}</gw:settings></extensionElements></serviceTask>
        <sendTask id="sm" messageRef="m1"/>
        <receiveTask id="rm" messageRef="m1" instantiate="true" gw:key="=id"/>
        <scriptTask id="sc" scriptFormat="text/x-cel" gw:result="z"><script> 1 + 1 </script></scriptTask>
        <scriptTask id="js" scriptFormat="javascript"><script>1</script></scriptTask>
        <businessRuleTask id="br" gw:rules="discounts" gw:result="d"/>
        <callActivity id="ca" calledElement="t:other" gw:version="3"/>""",
        root,
    )
    assert found["u"] == UserTask(
        "u",
        name="Check",
        assignee="=boss",
        candidate_users=["ann", "bob"],
        candidate_roles=["=roles", "clerks"],
        priority="50",
        due="P1D",
        form={"type": "object"},
        sla=Sla("PT4H", "PT3H", "office", "late", ["boss", "owner"]),
        inputs={"x": "a + 1"},
        outputs={"y": "b"},
        variables={"note": "none"},
    )
    assert found["s"] == ServiceTask("s", job="http", settings={"url": "=link"}, retries=5, backoff="PT1M")
    assert found["sm"] == SendTask("sm", message=MessageEvent("m"))
    assert found["rm"] == ReceiveTask("rm", message=MessageEvent("m", "=id"), instantiate=True)
    assert found["sc"] == ScriptTask("sc", script="1 + 1", result="z")
    assert found["js"] == ScriptTask("js", script="1", format="javascript")
    assert found["br"] == BusinessRuleTask("br", rules="discounts", result="d")
    assert found["ca"] == CallActivity("ca", process="other", version=3)


def test_markers_quantities_and_subprocesses():
    found = read("""
        <task id="l" startQuantity="2" completionQuantity="3">
          <standardLoopCharacteristics testBefore="true" loopMaximum="3">
            <loopCondition>n &lt; 3</loopCondition></standardLoopCharacteristics></task>
        <task id="m">
          <multiInstanceLoopCharacteristics isSequential="true" behavior="One" oneBehaviorEventRef="sig">
          <loopCardinality>3</loopCardinality><completionCondition>done</completionCondition></multiInstanceLoopCharacteristics></task>
        <adHocSubProcess id="ad" ordering="Sequential" cancelRemainingInstances="false">
          <task id="x"/><completionCondition>enough</completionCondition></adHocSubProcess>
        <transaction id="tx"><task id="y"/></transaction>
        <subProcess id="ev" triggeredByEvent="true"><startEvent id="es" isInterrupting="false">
          <signalEventDefinition id="sig"/></startEvent></subProcess>
        <eventBasedGateway id="g" instantiate="true" eventGatewayType="Parallel"/>
        <complexGateway id="cg"><activationCondition>activationCount > 1</activationCondition>
          </complexGateway>""")
    assert found["l"].loop == StandardLoop("n < 3", test_before=True, maximum=3)
    assert (found["l"].start_quantity, found["l"].completion_quantity) == (2, 3)
    assert found["m"].loop == MultiInstance(
        sequential=True, cardinality="3", completion="done", behavior="one", event=SignalEvent()
    )
    assert isinstance(found["ad"], SubProcess)
    assert found["ad"].ad_hoc == AdHoc(sequential=True, completion="enough", cancel_remaining=False)
    assert found["tx"].transaction
    assert found["ev"].event
    assert not found["ev"].elements[0].interrupting
    assert found["g"] == EventBasedGateway("g", instantiate=True, parallel=True)
    assert found["cg"] == ComplexGateway("cg", activation="activationCount > 1")


def test_data_associations_become_inputs_outputs_and_collections():
    content = """
        <dataObject id="do" name="order"/><dataObjectReference id="ref" dataObjectRef="do"/>
        <property id="prop"/><dataObject id="list" name="the lines"/>
        <task id="a">
          <ioSpecification><dataInput id="in" name="current order"/><dataOutput id="out" name="result"/>
            <inputSet/><outputSet/></ioSpecification>
          <dataInputAssociation id="ia"><sourceRef>ref</sourceRef><targetRef>in</targetRef>
            </dataInputAssociation>
          <dataOutputAssociation id="oa"><sourceRef>out</sourceRef><targetRef>prop</targetRef>
            <transformation>result * 2</transformation></dataOutputAssociation>
        </task>
        <task id="m">
          <ioSpecification><dataInput id="items"/><inputSet/><outputSet/></ioSpecification>
          <dataInputAssociation id="im"><sourceRef>list</sourceRef><targetRef>items</targetRef>
            </dataInputAssociation>
          <multiInstanceLoopCharacteristics><loopDataInputRef>items</loopDataInputRef>
            <inputDataItem id="item" name="line"/></multiInstanceLoopCharacteristics>
        </task>"""
    result = read_bpmn(document(content))
    assert result.faults == []
    process = result.processes[0]
    assert process.variables == {"order": None, "prop": None, "list": None}
    found: dict[str, Any] = {element.id: element for element in process.elements}
    assert found["a"].inputs == {"in": "order"}
    assert found["a"].outputs == {"prop": "result * 2"}
    assert found["m"].loop == MultiInstance(collection="list", item="line")
    assert found["m"].inputs == {}


def test_the_data_of_a_process_itself_are_variables():
    content = """
        <ioSpecification><dataInput id="request"/><inputSet/><outputSet/></ioSpecification>
        <task id="a"><ioSpecification><dataInput id="in"/><inputSet/><outputSet/></ioSpecification>
          <dataInputAssociation id="ia"><sourceRef>request</sourceRef><targetRef>in</targetRef>
            </dataInputAssociation></task>"""
    process = read_bpmn(document(content)).processes[0]
    assert process.variables == {"request": None}
    assert [element.id for element in process.elements] == ["a"]


def test_a_document_can_hold_several_processes_and_global_tasks():
    other = '<process id="q" isExecutable="false"><task id="b"/></process>'
    task = '<globalScriptTask id="g" scriptLanguage="x"><script>1</script></globalScriptTask>'
    result = read_bpmn(document('<task id="a"/>', other + task))
    assert [(row.key, row.executable) for row in result.processes] == [("q", False), ("p", True), ("g", True)]
    for key, found in (("", "p"), ("q", "q")):
        process = process_of(result, key)
        assert process is not None
        assert process.key == found
    assert process_of(result, "zz") is None
    assert [element.id for element in result.processes[2].elements] == ["g_start", "g_task", "g_end"]


def test_lanes_pools_notes_and_the_drawing_are_kept():
    content = """
        <laneSet><lane id="l1" name="Office"><flowNodeRef>a</flowNodeRef></lane></laneSet>
        <task id="a"/><task id="b"/><sequenceFlow id="f" sourceRef="a" targetRef="b"/>
        <textAnnotation id="n"><text>Mind this</text></textAnnotation>
        <association id="as" sourceRef="a" targetRef="n"/>"""
    root = """
        <collaboration id="c"><participant id="pool" name="Us" processRef="p"/></collaboration>
        <bpmndi:BPMNDiagram><bpmndi:BPMNPlane bpmnElement="c">
          <bpmndi:BPMNShape bpmnElement="a"><dc:Bounds x="1" y="2" width="9" height="8"/></bpmndi:BPMNShape>
          <bpmndi:BPMNShape bpmnElement="b"><dc:Bounds x="21" y="2" width="nan" height="8"/>
            </bpmndi:BPMNShape>
          <bpmndi:BPMNShape bpmnElement="pool" isHorizontal="false">
            <dc:Bounds x="0" y="0" width="400" height="200"/>
            <bpmndi:BPMNLabel><dc:Bounds x="0" y="0" width="40" height="20"/></bpmndi:BPMNLabel>
          </bpmndi:BPMNShape>
          <bpmndi:BPMNEdge bpmnElement="f"><di:waypoint x="10" y="4"/><di:waypoint x="20" y="4"/>
            </bpmndi:BPMNEdge>
          <bpmndi:BPMNEdge bpmnElement="zz"><di:waypoint x="0" y="0"/><di:waypoint x="1" y="1"/>
            </bpmndi:BPMNEdge>
        </bpmndi:BPMNPlane></bpmndi:BPMNDiagram>"""
    process = read_bpmn(document(content, root)).processes[0]
    assert process.name == "Us"
    assert [(lane.id, lane.name, lane.elements, lane.pool) for lane in process.lanes] == [
        ("pool", "Us", [], True),
        ("l1", "Office", ["a"], False),
    ]
    assert [(note.text, note.about) for note in process.notes] == [("Mind this", ["a"])]
    diagram = process.diagram
    assert diagram is not None
    assert set(diagram.shapes) == {"a", "pool"}
    assert not diagram.shapes["pool"].horizontal
    assert diagram.edges["f"].points == [(10, 4), (20, 4)]
    assert set(diagram.edges) == {"f"}


# -- refusals ----------------------------------------------------------------------------------------------


def start(content: str) -> str:
    return f'<startEvent id="x">{content}</startEvent>'


def extended(content: str, kind: str = "task") -> str:
    return f'<{kind} id="x"><extensionElements>{content}</extensionElements></{kind}>'


@pytest.mark.parametrize(
    ("content", "element", "code"),
    [
        ('<choreographyTask id="x"/>', "x", "unsupported"),
        ('<correlationSubscription id="x"/>', "x", "unsupported"),
        ('<newThing id="x"/>', "x", "unsupported"),
        ('<vendor:step id="x"/>', "p", "unsupported"),
        ('<sequenceFlow id="x" sourceRef="a" targetRef="a" isImmediate="false"/>', "x", "unsupported"),
        (start("<fancyEventDefinition/>"), "x", "unsupported"),
        (start("<loopThing/>"), "x", "unsupported"),
        (start("<dataOutputAssociation/>"), "x", "unsupported"),
        (start('<messageEventDefinition messageRef="zz"/>'), "x", "dangling_reference"),
        (start("<eventDefinitionRef>zz</eventDefinitionRef>"), "x", "dangling_reference"),
        ('<task id="x" startQuantity="many"/>', "x", "not_a_number"),
        ('<task id="x" gw:assignee="me"/>', "x", "unknown_extension"),
        (extended("<gw:magic/>"), "x", "unknown_extension"),
        (extended("<gw:form>[</gw:form>", "userTask"), "x", "not_json"),
        (extended('<gw:variable name="v">{</gw:variable>'), "x", "not_json"),
        (
            """<task id="x"><dataInputAssociation><sourceRef>zz</sourceRef><targetRef>i</targetRef>
            </dataInputAssociation></task>""",
            "x",
            "data_reference",
        ),
        ('<task id="x"/><task id="x"/>', "x", "duplicate_id"),
    ],
)
def test_what_is_not_supported_is_refused_with_its_element(content, element, code):
    assert (element, code, "error") in faults(content)


@pytest.mark.parametrize(
    "root",
    ['<choreography id="x"/>', '<extension definition="vendor:x" mustUnderstand="true"/>'],
)
def test_what_is_not_supported_is_refused_at_the_top_too(root):
    assert "unsupported" in [code for _, code, _ in faults('<task id="a"/>', root)]


def test_what_belongs_to_another_engine_is_a_warning():
    content = '<task id="x" vendor:class="X"><extensionElements><vendor:y/></extensionElements></task>'
    assert faults(content) == [("x", "foreign_extension", "warning")] * 2
    language = """<task id="a"/><task id="b"/><sequenceFlow id="f" sourceRef="a" targetRef="b">
        <conditionExpression id="e" language="http://www.w3.org/1999/XPath">1</conditionExpression></sequenceFlow>"""
    assert faults(language) == [("e", "expression_language", "warning")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"", "xml"),
        (b"<definitions>", "xml"),
        (b'<?xml version="1.0" encoding="no-such"?><definitions/>', "xml"),
        (b'<?xml version="1.0" encoding="utf-7"?><definitions/>', "xml"),
        (b"{}", "xml"),
        (b"<html/>", "not_bpmn"),
        (b'<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"/>', "no_process"),
    ],
)
def test_what_is_no_bpmn_is_refused(text, code):
    result = read_bpmn(text)
    assert result.processes == []
    assert [row.code for row in result.faults] == [code]


# -- hostile documents -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>',
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>',
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>',
        b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://example.org/x.dtd"> %p;]><x/>',
    ],
)
def test_document_types_and_entities_are_refused(text):
    with pytest.raises(XmlRefused, match="document type"):
        parse(text)


def test_a_document_is_bounded_in_size_depth_and_attributes():
    with pytest.raises(XmlRefused, match="larger"):
        parse(b" " * (MAX_BYTES + 1))
    with pytest.raises(XmlRefused, match="nests"):
        parse(b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1))
    with pytest.raises(XmlRefused, match="attributes"):
        parse(b"<a " + b" ".join(b'b%d=""' % number for number in range(300)) + b"/>")
    with pytest.raises(XmlRefused, match="not well-formed"):
        parse(b"<a>&nothing;</a>")


def test_names_keep_their_namespace():
    root = parse(b'<a xmlns="urn:x" xmlns:y="urn:y" y:b="1" c="2"><y:d>text</y:d></a>')
    assert root.tag == "{urn:x}a"
    assert root.attrib == {"{urn:y}b": "1", "c": "2"}
    assert (root[0].tag, root[0].text) == ("{urn:y}d", "text")
