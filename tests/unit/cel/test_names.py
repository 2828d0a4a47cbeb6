import pytest

from common import cel
from common.cel.types import DOUBLE, INT, STRING, list_of, object_of
from tests.unit.cel.expressions import evaluate


@pytest.mark.parametrize(
    ("source", "container", "bindings", "value"),
    [
        ("y", "", {"y": 1}, 1),
        ("y", "a.b", {"y": 1, "a.y": 2, "a.b.y": 3}, 3),
        ("y", "a.b", {"y": 1, "a.y": 2}, 2),
        ("y", "a.b", {"y": 1}, 1),
        (".y", "a.b", {"y": 1, "a.y": 2, "a.b.y": 3}, 1),
        ("x.y", "", {"x.y": 1, "x": {"y": 2}}, 1),
        ("x.y", "", {"x": {"y": 2}}, 2),
        ("x.y.z", "", {"x.y": {"z": 1}, "x": {"y": {"z": 2}}}, 1),
        ("x.y.z", "", {"x.y.z": 0, "x.y": {"z": 1}, "x": {"y": {"z": 2}}}, 0),
        ("x.y", "c", {"c.x": {"y": 1}, "x.y": 2}, 2),
        ("x.y", "c", {"c.x.y": 1, "x.y": 2}, 1),
        (".x.y", "c", {"c.x.y": 1, "x.y": 2}, 2),
        ("x.y", "c", {"c.x": {"y": 1}, "x": {"y": 2}}, 1),
        ("[0].exists(y, y == 0)", "c", {"c.y": 1}, True),
        ("[0].exists(y, .y == 1)", "c", {"c.y": 2, "y": 1}, True),
        ("[{'z': 0}].exists(y, y.z == 0)", "", {"y.z": 1}, True),
        ("[0].exists(z, y.z == 0)", "", {"y.z": 0}, True),
        ("has(x.y)", "", {"x": {"y": 1}}, True),
        ("Timestamp == type(timestamp(0))", "google.protobuf", {}, True),
        ("int == 1", "", {"int": 1}, True),
        ("int(int)", "", {"int": 1}, 1),
        ("size(size)", "", {"size": "abc"}, 3),
        ("x.size()", "", {"x": "abc"}, 3),
    ],
)
def test_a_name_is_the_longest_and_innermost_that_is_bound(source, container, bindings, value):
    assert evaluate(source, bindings, container) == value


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("x", "x"),
        ("x.y", "x"),
        ("m.x", "m.x"),
        ("m.n.x", "m.n.x"),
        ("m.n.x.y", "m.n.x"),
        ("m['x']", "x"),
        ("m.list[0].x", "x"),
        ("m.list.map(e, e.x.z)", "x"),
        ("[m].map(e, e.n.x)", "n.x"),
    ],
)
def test_what_is_missing_is_named(source, path):
    with pytest.raises(cel.CelMissingError) as error:
        evaluate(source, {"m": {"n": {"a": 1}, "list": [{"b": 1}]}})
    assert error.value.path == path
    assert f"'{path}'" in error.value.message


@pytest.mark.parametrize(
    ("source", "references", "paths"),
    [
        ("1 + 2", set(), set()),
        ("a", {"a"}, {"a"}),
        ("a.b.c > 1 && a.d == b", {"a", "b"}, {"a.b.c", "a.d", "b"}),
        ("has(a.b)", {"a"}, {"a.b"}),
        ("a['b'].c[0].d", {"a"}, {"a.b.c"}),
        ("a[b].c", {"a", "b"}, {"a", "b"}),
        ("a.list.exists(x, x.price > limit)", {"a", "limit"}, {"a.list", "limit"}),
        ("a.map(a, a.b).filter(b, b == a)", {"a"}, {"a"}),
        ("[1].map(x, .x + x)", {"x"}, {"x"}),
        ("type(a) == int && b.c", {"a", "b"}, {"a", "b.c"}),
        ("size(a.b) + a.c.size()", {"a"}, {"a.b", "a.c"}),
        ("google.protobuf.Timestamp == type(t)", {"t"}, {"t"}),
        ("{'k': a}.k", {"a"}, {"a"}),
        ("a ? b : c", {"a", "b", "c"}, {"a", "b", "c"}),
    ],
)
def test_a_program_knows_what_it_reads(source, references, paths):
    program = cel.compile(source)
    assert program.references == references
    assert program.paths == paths


def test_a_checked_program_knows_which_declared_variables_it_reads():
    declarations = {
        "c.order": object_of({"total": DOUBLE, "lines": list_of(object_of({"sku": STRING}))}),
        "n": INT,
    }
    program = cel.compile(
        "order.total > 1.0 && order.lines.all(n, n.sku != '') && n > 1",
        declarations=declarations,
        container="c",
    )
    assert program.references == {"c.order", "n"}
    assert program.paths == {"c.order.total", "c.order.lines", "n"}
    facts = {"c.order": {"total": 2.0, "lines": [{"sku": "a"}]}, "n": 2}
    assert program.evaluate(facts) is True
