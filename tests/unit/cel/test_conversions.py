import math

import pytest
from hypothesis import given

from common import cel
from common.cel import Duration, Timestamp, Uint
from tests.unit.cel.expressions import doubles, edge_ints, edge_uints, evaluate, moments, spans, texts


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("int(1)", 1),
        ("int(1u)", 1),
        ("int(11.9)", 11),
        ("int(-11.9)", -11),
        ("int(-0.5)", 0),
        ("int(9223372036854774784.0)", 9223372036854774784),
        ("int(-9223372036854774784.0)", -9223372036854774784),
        ("int('-42')", -42),
        ("int('+42')", 42),
        ("int('007')", 7),
        ("int('-9223372036854775808')", -(2**63)),
        ("int(timestamp('2009-02-13T23:31:30.9Z'))", 1234567890),
        ("int(timestamp('1969-12-31T23:59:59.5Z'))", -1),
        ("uint(1)", Uint(1)),
        ("uint(1u)", Uint(1)),
        ("uint(25.9)", Uint(25)),
        ("uint('300')", Uint(300)),
        ("uint(18446744073709549568.0)", Uint(18446744073709549568)),
        ("double(1)", 1.0),
        ("double(1u)", 1.0),
        ("double(1.5)", 1.5),
        ("double('1.5')", 1.5),
        ("double('-1e-3')", -0.001),
        ("double('5')", 5.0),
        ("double('1.')", 1.0),
        ("double('Infinity')", math.inf),
        ("double('-inf')", -math.inf),
        ("double('1e999')", math.inf),
        ("double(9223372036854775807)", 2.0**63),
        ("string('a')", "a"),
        ("string(true)", "true"),
        ("string(false)", "false"),
        ("string(-5)", "-5"),
        ("string(5u)", "5"),
        ("string(b'\\303\\277')", "ÿ"),
        ("string(timestamp('2009-02-13T23:31:30.50+01:00'))", "2009-02-13T22:31:30.5Z"),
        ("string(duration('1h30m'))", "5400s"),
        ("string(duration('-1500ms'))", "-1.5s"),
        ("bytes('ÿ')", b"\xc3\xbf"),
        ("bytes(b'a')", b"a"),
        ("bool('TRUE')", True),
        ("bool('1')", True),
        ("bool('F')", False),
        ("bool(true)", True),
        ("timestamp(0)", Timestamp(0)),
        ("timestamp(timestamp(0))", Timestamp(0)),
        ("duration(duration('1s'))", Duration(10**9)),
        ("dyn(1)", 1),
    ],
)
def test_conversions_that_exist(source, value):
    actual = evaluate(source)
    assert actual == value
    assert type(actual) is type(value)


@pytest.mark.parametrize(
    "source",
    [
        "int(9223372036854775808u)",
        "int(9223372036854775807.0)",
        "int(-9223372036854775808.0)",
        "int(1e99)",
        "int(0.0/0.0)",
        "int(1.0/0.0)",
        "int('9223372036854775808')",
        "int('1.5')",
        "int('0x1')",
        "int('')",
        "int(' 1')",
        "int('1_0')",
        "int('\u0661')",
        "int(true)",
        "int(null)",
        "int(b'1')",
        "int([1])",
        "uint(-1)",
        "uint(-0.5)",
        "uint(18446744073709551615.0)",
        "uint(0.0/0.0)",
        "uint('-1')",
        "uint('18446744073709551616')",
        "uint(true)",
        "uint(timestamp(0))",
        "double('')",
        "double('1,5')",
        "double('1_0')",
        "double(' 1')",
        "double('0x1')",
        "double(true)",
        "string(b'\\xff')",
        "string(null)",
        "string([1])",
        "string({})",
        "string(int)",
        "bytes(1)",
        "bool('yes')",
        "bool('tRUE')",
        "bool('')",
        "bool(1)",
        "timestamp(253402300800)",
        "timestamp(-62135596801)",
        "timestamp(1.0)",
        "timestamp('2009-02-13')",
        "duration(1)",
        "duration('1')",
        "duration('1 s')",
        "duration('1d')",
        "int()",
        "int(1, 2)",
        "x.int()",
    ],
)
def test_conversions_that_do_not_exist_or_do_not_fit(source):
    with pytest.raises(cel.CelEvaluationError):
        evaluate(source, {"x": "1"})


@given(edge_ints)
def test_int_text_reads_back(number):
    assert evaluate("int(string(n))", {"n": number}) == number


@given(edge_uints)
def test_uint_text_reads_back(number):
    assert evaluate("uint(string(n))", {"n": number}) == number


@given(doubles)
def test_double_text_reads_back(number):
    assert repr(evaluate("double(string(n))", {"n": number})) == repr(number)


@given(texts)
def test_text_and_its_bytes_convert_both_ways(text):
    assert evaluate("string(bytes(s))", {"s": text}) == text
    assert evaluate("size(bytes(s))", {"s": text}) == len(text.encode())


@given(moments, spans)
def test_times_read_back_from_their_text(moment, span):
    assert evaluate("timestamp(string(t))", {"t": moment}) == moment
    assert evaluate("duration(string(d))", {"d": span}) == span


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"),
        (-0.0, "-0"),
        (123.456, "123.456"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (-4.5e-3, "-0.0045"),
        (1e15, "1000000000000000"),
        (1e16, "10000000000000000"),
        (1.5e16, "15000000000000000"),
        (123456789012345680000.0, "123456789012345680000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (1e-300, "1e-300"),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
    ],
)
def test_doubles_are_written_as_short_as_they_can_be(number, text):
    assert evaluate("string(n)", {"n": number}) == text


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("type(1)", "int"),
        ("type(1u)", "uint"),
        ("type(1.0)", "double"),
        ("type('')", "string"),
        ("type(b'')", "bytes"),
        ("type(true)", "bool"),
        ("type(null)", "null_type"),
        ("type([])", "list"),
        ("type({})", "map"),
        ("type(m)", "map"),
        ("type(t)", "list"),
        ("type(timestamp(0))", "google.protobuf.Timestamp"),
        ("type(duration('0s'))", "google.protobuf.Duration"),
        ("type(int)", "type"),
        ("type(type(1))", "type"),
        ("null_type", "null_type"),
        ("type", "type"),
        ("map", "map"),
        ("google.protobuf.Timestamp", "google.protobuf.Timestamp"),
    ],
)
def test_types_are_values_with_names(source, name):
    assert evaluate(source, {"m": {"a": 1}, "t": (1, 2)}).name == name


@pytest.mark.parametrize("source", ["dyn", "timestamp", "google.protobuf", "google.protobuf.Any", "int.x"])
def test_what_denotes_no_type_is_an_unknown_name(source):
    with pytest.raises(cel.CelMissingError):
        evaluate(source)


def test_types_compare_with_each_other():
    assert evaluate(
        "type(x) == type(1) && type([1]) == list && type({1: 2}) == map && type(1) != uint", {"x": 2}
    )
    assert evaluate("type(timestamp(0)) == google.protobuf.Timestamp && type(type) == type")
