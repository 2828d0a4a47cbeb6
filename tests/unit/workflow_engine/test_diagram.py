"""Diagrams: well-formed, complete, by the definition's own drawing or laid out so that they can be read."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from tests.unit.workflow_engine.models import process, script, subprocess
from tests.unit.workflow_engine.world import World
from workflow.engine.bpmn import read_bpmn
from workflow.engine.diagram import Overlay, draw, overlay_of
from workflow.engine.layout import lay_out
from workflow.engine.measures import text_width, wrap
from workflow.engine.model import (
    AdHoc,
    AnyElement,
    BoundaryEvent,
    Bounds,
    CallActivity,
    CatchEvent,
    CompensationEvent,
    ConditionalEvent,
    Diagram,
    Edge,
    EndEvent,
    EscalationEvent,
    EventBasedGateway,
    ExclusiveGateway,
    InclusiveGateway,
    Lane,
    LinkEvent,
    ManualTask,
    MessageEvent,
    MultiInstance,
    Note,
    ParallelGateway,
    Process,
    ReceiveTask,
    SendTask,
    Shape,
    SignalEvent,
    StandardLoop,
    StartEvent,
    TimerEvent,
    UserTask,
)

SVG = "{http://www.w3.org/2000/svg}"
SUITE = Path(__file__).parents[3].parent / "shared" / "suites" / "bpmn" / "models"


def parsed(process: Process, overlay: Overlay | None = None) -> ElementTree.Element:
    return ElementTree.fromstring(draw(process, overlay))


def ids(picture: ElementTree.Element) -> set[str]:
    return {element.get("id", "") for element in picture.iter()} - {""}


def everything() -> Process:
    inner = subprocess(
        "sub",
        StartEvent("si"),
        script("in1", "null"),
        EndEvent("ei"),
        flows="si -> in1 -> ei",
        loop=MultiInstance(cardinality="2"),
        transaction=True,
    )
    handler = subprocess(
        "handle",
        StartEvent("hs", events=[MessageEvent("m")], interrupting=False),
        flows="hs -> h",
        event=True,
    )
    elements: list[AnyElement] = [
        ParallelGateway("split"),
        InclusiveGateway("join"),
        ExclusiveGateway("choice", name="Which one?", default="choice.manual"),
        inner,
        handler,
        UserTask("user", name="A task with quite a long name", loop=StandardLoop("true")),
        SendTask("send", message=MessageEvent("m")),
        ReceiveTask("receive", message=MessageEvent("m")),
        ManualTask("manual", for_compensation=False),
        CallActivity("call", process="other"),
        subprocess("adhoc", flows="x1", ad_hoc=AdHoc()),
        BoundaryEvent("late", name="Too late", attached_to="user", events=[TimerEvent(duration="PT1H")]),
        BoundaryEvent("esc", attached_to="user", interrupting=False, events=[EscalationEvent("x")]),
        BoundaryEvent("undo", attached_to="send", events=[CompensationEvent()], handler="undoing"),
        UserTask("undoing", for_compensation=True),
        EventBasedGateway("events"),
        CatchEvent("when", events=[ConditionalEvent("true")]),
        CatchEvent("sig", events=[SignalEvent("g"), MessageEvent("m")], parallel=True),
        CatchEvent("link", name="L", events=[LinkEvent("L")]),
    ]
    flows = """
        s -> split -> user -> join -> choice
        split -> send -> receive -> join
        split -> sub -> join
        choice -> user ? amount > 1000 && region == "north-east"
        choice -> manual -> events -> when -> call -> e
        events -> sig -> adhoc -> e1
        late -> e2
        esc -> e3
        link -> e4"""
    return process(*elements, flows=flows, valid=False)


def test_every_element_and_flow_is_in_the_picture_under_its_id():
    model = everything()
    wanted = (
        {element.id for element in model.elements} | {flow.id for flow in model.flows} | {"si", "in1", "hs"}
    )
    assert wanted <= ids(parsed(model))


def test_names_are_shown_and_escaped():
    model = process(UserTask("a", name='<script>"&'), flows="s -> a", name="</svg>")
    picture = parsed(model)
    texts = ["".join(text.itertext()) for text in picture.iter(f"{SVG}text")]
    assert '<script>"&' in texts
    assert picture.get("aria-label") == "</svg>"


def test_tokens_history_and_incidents_are_on_the_picture():
    model = process(
        ParallelGateway("split"), ParallelGateway("join"), script("x", "1 / 0", result="y"),
        UserTask("m", loop=MultiInstance(cardinality="3")),
        flows="s -> split -> a -> join -> e\nsplit -> b -> join\nsplit -> x -> join\nsplit -> m -> join",
    )  # fmt: skip
    world = World([model])
    p = world.start("p")
    world.complete(p, "a")
    overlay = overlay_of(world.state(p), world.instances[p].history)
    assert overlay.tokens == {"b": 1, "x": 1, "join": 1, "m": 3}
    assert {"s", "split", "a", "s.split", "split.a", "a.join"} <= overlay.visited
    assert "b" not in overlay.visited
    assert overlay.incidents == {"x": 1}
    looks = {element.get("id"): element.get("class") for element in parsed(model, overlay).iter()}
    assert looks["a"] == "done"
    assert looks["b"] == "here"
    assert looks["a.join"] == "flow done"
    assert looks["b.join"] == "flow"


def test_a_complete_drawing_is_kept_and_an_incomplete_one_replaced():
    model = process(flows="s -> a")
    shapes = {
        "s": Shape(Bounds(500, 500, 36, 36)),
        "a": Shape(Bounds(600, 478, 100, 80)),
    }
    drawn = replace(model, diagram=Diagram(shapes, {"s.a": Edge([(536, 518), (600, 518)])}))
    assert 'x="600"' in draw(drawn)
    assert 'x="600"' not in draw(replace(model, diagram=Diagram(shapes)))
    del shapes["a"]
    assert 'x="600"' not in draw(replace(model, diagram=Diagram(shapes, {"s.a": Edge([(0, 0), (1, 1)])})))


def test_what_is_inside_of_a_collapsed_subprocess_is_not_drawn():
    inner = subprocess("sub", StartEvent("si"), flows="si -> i")
    shapes = {"s": Shape(Bounds(0, 20, 36, 36)), "sub": Shape(Bounds(100, 0, 100, 80), expanded=False)}
    model = process(inner, flows="s -> sub", diagram=Diagram(shapes, {"s.sub": Edge([(36, 38), (100, 38)])}))
    assert ids(parsed(model)) & {"sub", "si", "i"} == {"sub"}


# -- layout ------------------------------------------------------------------------------------------------


def test_flows_run_from_left_to_right_and_level_where_they_can():
    shapes = lay_out(process(flows="s -> a -> b -> e")).shapes
    middles = [(b.x, b.y + b.height / 2) for b in (shapes[name].bounds for name in ("s", "a", "b", "e"))]
    assert [x for x, _ in middles] == sorted(x for x, _ in middles)
    assert len({y for _, y in middles}) == 1


def test_lines_have_right_angles_and_end_at_their_elements():
    model = everything()
    diagram = lay_out(model)
    for flow in model.flows:
        points = diagram.edges[flow.id].points
        assert all(a[0] == b[0] or a[1] == b[1] for a, b in pairwise(points)), flow.id
        target = diagram.shapes[flow.target].bounds
        assert points[-1] == (target.x, target.y + target.height / 2)


@pytest.mark.parametrize("model", [everything(), process(flows="s -> a\na -> b -> a\na -> c -> b\na -> e")])
def test_lines_do_not_run_through_elements(model):
    diagram = lay_out(model)
    boxes = {
        element.id: diagram.shapes[element.id].bounds
        for element in model.elements
        if not isinstance(element, BoundaryEvent)
    }
    for flow in model.flows:
        for (x1, y1), (x2, y2) in pairwise(diagram.edges[flow.id].points):
            for name, box in boxes.items():
                crosses_x = min(x1, x2) < box.x + box.width - 1 and max(x1, x2) > box.x + 1
                crosses_y = min(y1, y2) < box.y + box.height - 1 and max(y1, y2) > box.y + 1
                assert not (crosses_x and crosses_y), f"{flow.id} runs through {name}"


def test_boundary_events_sit_on_their_activity():
    shapes = lay_out(everything()).shapes
    activity, event = shapes["user"].bounds, shapes["late"].bounds
    assert event.y + event.height / 2 == activity.y + activity.height
    assert activity.x < event.x < activity.x + activity.width


def test_what_is_in_a_subprocess_is_drawn_within_it():
    shapes = lay_out(everything()).shapes
    outer = shapes["sub"].bounds
    for name in ("si", "in1", "ei"):
        inner = shapes[name].bounds
        assert outer.x < inner.x
        assert inner.x + inner.width < outer.x + outer.width
        assert outer.y < inner.y
        assert inner.y + inner.height < outer.y + outer.height


def test_lanes_hold_their_elements_and_do_not_overlap():
    lanes = [Lane("l1", "One", ["s", "a"]), Lane("l2", "Two", ["b", "c"]), Lane("l3", "Three", ["e"])]
    model = process(
        flows="s -> a -> b -> c -> e",
        lanes=[Lane("pool", "Us", pool=True), *lanes],
        notes=[Note("n", "Hm", ["b"])],
    )
    shapes = lay_out(model).shapes
    for lane in lanes:
        around = shapes[lane.id].bounds
        for name in lane.elements:
            inner = shapes[name].bounds
            assert around.y < inner.y
            assert inner.y + inner.height < around.y + around.height
    for upper, lower in pairwise(lanes):
        assert shapes[upper.id].bounds.y + shapes[upper.id].bounds.height == shapes[lower.id].bounds.y
    assert shapes["n"].bounds.y + shapes["n"].bounds.height <= shapes["pool"].bounds.y
    assert {"l1", "l2", "l3", "pool"} <= ids(parsed(model))


def test_the_same_definition_is_drawn_the_same():
    assert draw(everything()) == draw(everything())


def test_a_definition_without_elements_is_an_empty_picture():
    assert parsed(Process("p")).tag == f"{SVG}svg"


def test_long_texts_are_wrapped_and_cut():
    lines = wrap("a very long name that goes on and on and on for ever", 80, 2)
    assert len(lines) == 2
    assert lines[-1].endswith("…")
    assert all(text_width(line) <= 80 for line in lines)
    assert wrap("Donaudampfschifffahrtsgesellschaft", 80, 9)[0] != "Donaudampfschifffahrtsgesellschaft"
    assert wrap("", 80, 2) == []


@pytest.mark.skipif(not SUITE.exists(), reason="the BPMN suite is not beside the project")
def test_every_model_of_the_public_suite_can_be_drawn():
    for path in sorted(SUITE.glob("*.bpmn")):
        for model in read_bpmn(path.read_bytes()).processes:
            assert {element.id for element in model.elements} <= ids(parsed(model)), path.name
