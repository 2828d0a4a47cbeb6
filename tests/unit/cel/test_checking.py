import pytest
from hypothesis import given, settings

from common import cel
from common.cel import types
from common.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    NULL,
    STRING,
    TIMESTAMP,
    TYPE,
    UINT,
    list_of,
    map_of,
    object_of,
)
from common.cel.unparse import unparse
from tests.unit.cel.expressions import trees

ORDER = object_of(
    {
        "total": DOUBLE,
        "count": INT,
        "country": STRING,
        "created": TIMESTAMP,
        "customer": object_of({"name": STRING, "vip": BOOL}),
        "lines": list_of(object_of({"sku": STRING, "price": DOUBLE})),
        "tags": list_of(STRING),
        "prices": map_of(STRING, DOUBLE),
    }
)
FACTS = {
    "order": ORDER,
    "n": INT,
    "u": UINT,
    "d": DOUBLE,
    "s": STRING,
    "b": BOOL,
    "raw": BYTES,
    "t": TIMESTAMP,
    "span": DURATION,
    "any": DYN,
    "nothing": NULL,
    "by_number": map_of(INT, STRING),
    "ns": list_of(INT),
    "by_text": map_of(STRING, DYN),
}


def checked(source: str) -> cel.Program:
    return cel.compile(source, declarations=FACTS)


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("1", INT),
        ("1u", UINT),
        ("null", NULL),
        ("n + 1", INT),
        ("u * 2u", UINT),
        ("d / 2.0", DOUBLE),
        ("s + 'x'", STRING),
        ("raw + b'x'", BYTES),
        ("t + span", TIMESTAMP),
        ("span + t", TIMESTAMP),
        ("t - t", DURATION),
        ("t - span", TIMESTAMP),
        ("span - span", DURATION),
        ("-n", INT),
        ("-d", DOUBLE),
        ("-any", DYN),
        ("any + 1", INT),
        ("any + any", DYN),
        ("any + span", DYN),
        ("any.x.y", DYN),
        ("any[0]", DYN),
        ("n < d", BOOL),
        ("n == u", BOOL),
        ("d != 1", BOOL),
        ("s == null", BOOL),
        ("any < 1", BOOL),
        ("any < any", BOOL),
        ("b && any", BOOL),
        ("!b", BOOL),
        ("order.total", DOUBLE),
        ("order.customer.name", STRING),
        ("order['total']", DOUBLE),
        ("order[s]", DYN),
        ("order.prices['x']", DOUBLE),
        ("order.prices.x", DOUBLE),
        ("order.lines[0].price", DOUBLE),
        ("has(order.customer.vip)", BOOL),
        ("has(order.prices.x)", BOOL),
        ("order.lines.map(l, l.price)", list_of(DOUBLE)),
        ("order.lines.filter(l, l.price > 1.0)", list_of(object_of({"sku": STRING, "price": DOUBLE}))),
        ("order.lines.all(l, l.sku != '')", BOOL),
        ("order.lines.map(l, l.price > 1.0, l.sku)", list_of(STRING)),
        ("order.prices.map(k, k)", list_of(STRING)),
        ("order.map(k, k)", list_of(STRING)),
        ("any.map(x, x)", list_of(DYN)),
        ("order.tags + ['x']", list_of(STRING)),
        ("order.tags + []", types.LIST),
        ("[1, 2]", list_of(INT)),
        ("[1, 'a']", list_of(DYN)),
        ("[]", list_of(DYN)),
        ("[[1], ['a']]", list_of(list_of(DYN))),
        ("{'a': 1}", map_of(STRING, INT)),
        ("{'a': 1, 2: 'x'}", map_of(DYN, DYN)),
        ("{}", map_of(DYN, DYN)),
        ("b ? 1 : 2", INT),
        ("b ? 1 : 2.5", DYN),
        ("b ? 1 : null", DYN),
        ("b ? 1 : any", DYN),
        ("s in order.tags", BOOL),
        ("'total' in order", BOOL),
        ("1.0 in ns", BOOL),
        ("1u in by_number", BOOL),
        ("by_number[1u]", STRING),
        ("1 in any", BOOL),
        ("size(s) + s.size() + size(ns) + size(by_number) + size(order)", INT),
        ("s.startsWith('a') && matches(s, 'a')", BOOL),
        ("t.getHours() + t.getHours('UTC') + span.getHours()", INT),
        ("int(s)", INT),
        ("string(t)", STRING),
        ("timestamp(n)", TIMESTAMP),
        ("dyn(n)", DYN),
        ("type(n)", TYPE),
        ("type(n) == int", BOOL),
        ("int", TYPE),
        ("ns == [1, 2]", BOOL),
        ("ns == [1.0]", BOOL),
        ("by_text == order", BOOL),
        ("order == {'total': 1.0}", BOOL),
    ],
)
def test_types_are_inferred(source, kind):
    assert checked(source).result_type == kind


@pytest.mark.parametrize(
    ("source", "complaint", "column"),
    [
        ("x", "undeclared reference to 'x'", 1),
        ("x" * 70, f"undeclared reference to '{'x' * 70}'", 1),
        ("1 + ordr.total", "undeclared reference to 'ordr'; did you mean 'order'?", 5),
        ("order.totl", "unknown field 'totl' of 'order'; did you mean 'total'?", 6),
        ("order.customer.nam", "unknown field 'nam' of 'order'; did you mean 'name'?", 15),
        ("order['totl']", "unknown field 'totl' of 'order'; did you mean 'total'?", 6),
        ("has(order.x)", "unknown field 'x' of 'order'", 1),
        ("order.lines.all(l, l.prise > 1.0)", "unknown field 'prise' of 'l'; did you mean 'price'?", 21),
        ("[1].all(e, e > 0) && e > 0", "undeclared reference to 'e'", 22),
        ("s.x", "a value of type string has no field 'x'", 2),
        ("ns.x", "a value of type list(int) has no field 'x'", 3),
        ("by_number.x", "a value of type map(int, string) has no field 'x'", 10),
        ("n + 's'", "no such overload: '+' does not take (int, string)", 3),
        ("n + 1.0", "no such overload: '+' does not take (int, double)", 3),
        ("d % 2.0", "no such overload: '%' does not take (double, double)", 3),
        ("t + t", "no such overload: '+' does not take (timestamp, timestamp)", 3),
        ("any + null", "no such overload: '+'", 5),
        ("-s", "no such overload: '-' does not take (string)", 1),
        ("-u", "no such overload: '-' does not take (uint)", 1),
        ("n < 's'", "no such overload: '<' does not take (int, string)", 3),
        ("ns < ns", "no such overload: '<' does not take (list(int), list(int))", 4),
        ("any < null", "no such overload: '<'", 5),
        ("n == 's'", "no such overload: '==' does not take (int, string)", 3),
        ("t == '2020-01-01T00:00:00Z'", "no such overload: '==' does not take (timestamp, string)", 3),
        ("ns == ['a']", "no such overload: '=='", 4),
        ("order == order.customer", "no such overload: '=='", 7),
        ("s in ns", "no such overload: 'in'", 3),
        ("s in 'abc'", "no such overload: 'in'", 3),
        ("n in order", "no such overload: 'in'", 3),
        ("s in by_number", "no such overload: 'in'", 3),
        ("n && b", "the operands of '&&' are bool, not int", 1),
        ("b || s", "the operands of '||' are bool, not string", 6),
        ("!n", "the operand of '!' is bool, not int", 2),
        ("n ? 1 : 2", "the condition of '?' is bool, not int", 1),
        ("b ? 1 : 's'", "the choices of '?' are int and string", 3),
        ("ns['a']", "a value of type list(int) is not indexed by string", 3),
        ("by_number['a']", "is not indexed by string", 10),
        ("order[1]", "is not indexed by int", 6),
        ("s[0]", "a value of type string is not indexed by int", 2),
        ("{1.5: 2}", "a map's keys are bool, int, uint or string, not double", 2),
        ("n.map(x, x)", "map() goes over a list or a map, not int", 3),
        ("ns.all(x, x)", "the condition of all() is bool, not int", 11),
        ("size(n)", "no such overload: 'size' does not take (int)", 1),
        ("size(s, s)", "no such overload: 'size' does not take (string, string)", 1),
        ("sise(s)", "undeclared reference to function 'sise'; did you mean 'size'?", 1),
        ("s.startWith('a')", "undeclared reference to function 'startWith'; did you mean 'startsWith'?", 3),
        ("startsWith(s, 'a')", "'startsWith' is called as x.startsWith()", 1),
        ("s.int()", "'int' is called as int(x)", 3),
        ("s.matches(1)", "no such overload: 'matches' does not take (string, int)", 3),
        ("span.getFullYear()", "no such overload: 'getFullYear' does not take (duration)", 6),
        ("dyn", "undeclared reference to 'dyn'", 1),
        ("true.x", "a value of type bool has no field 'x'", 5),
        ("int(b)", "no such overload: 'int' does not take (bool)", 1),
    ],
)
def test_what_does_not_fit_is_refused_where_it_stands(source, complaint, column):
    with pytest.raises(cel.CelCheckError) as refusal:
        checked(source)
    assert complaint in refusal.value.message
    assert (refusal.value.line, refusal.value.column) == (1, column)


def test_without_declarations_nothing_is_refused_before_it_is_evaluated():
    program = cel.compile("undeclared + 'a' < 1 || nothing(2) || true")
    assert program.result_type == DYN
    assert program.evaluate({}) is True


@settings(max_examples=200)
@given(trees)
def test_checking_ends_in_a_type_or_a_refusal_and_never_changes_the_value(tree):
    """Whatever checks evaluates as it does unchecked: over dyn variables the checker only infers."""
    source = unparse(tree)
    names = ["a", "b", "x", "order", "_under_score", "type"]
    bindings = {"a": 1, "b": [True, 2.5, "x"], "x": {"a": "x", "total": None}, "order": "text", "type": 3}
    try:
        program = cel.compile(source, declarations=dict.fromkeys(names, DYN))
    except cel.CelCheckError:
        return

    def result(compiled: cel.Program) -> object:
        try:
            return repr(compiled.evaluate(bindings))
        except cel.CelEvaluationError as error:
            return str(error)

    assert result(program) == result(cel.compile(source))


def test_types_print_and_compare_as_cel_writes_them():
    assert str(map_of(STRING, list_of(INT))) == "map(string, list(int))"
    assert str(list_of(DYN)) == "list"
    assert str(TIMESTAMP) == "timestamp"
    assert repr(INT) == "<CEL type int>"
    assert list_of(INT) == list_of(INT) != list_of(UINT)
    assert object_of({"a": INT}) == object_of({"a": INT}) != object_of({"a": UINT})
    assert INT != "int"
    assert len({INT, list_of(INT), list_of(INT)}) == 2
    with pytest.raises(ValueError, match="keys are bool, int, uint or string"):
        map_of(DOUBLE, INT)
