import pytest
from hypothesis import given, settings

from common import cel
from common.cel.parser import parse
from common.cel.syntax import Binary, Ident, Literal, Logical, Node
from common.cel.unparse import unparse
from tests.unit.cel.expressions import evaluate, trees


@settings(max_examples=300)
@given(trees)
def test_an_unparsed_tree_parses_to_an_equal_tree(tree):
    assert parse(unparse(tree)) == tree


@pytest.mark.parametrize(
    ("source", "same_as"),
    [
        ("1 + 2 * 3", "1 + (2 * 3)"),
        ("1 - 2 - 3", "(1 - 2) - 3"),
        ("a || b && c", "a || (b && c)"),
        ("a == b || c", "(a == b) || c"),
        ("a < b == c", "(a < b) == c"),
        ("!a.b", "!(a.b)"),
        ("-a[0]", "-(a[0])"),
        ("a ? b : c ? d : e", "a ? b : (c ? d : e)"),
        ("a ? b || c : d", "a ? (b || c) : d"),
        ("a in b + c", "a in (b + c)"),
        ("a && (b && c) && d", "a && b && c && d"),
        ("[1, 2,]", "[1, 2]"),
        ("{1: 2,}", "{1: 2}"),
        ("[,]", "[]"),
        ("a.`b`", "a.b"),
        ("a // one\n + // two\n b", "a + b"),
        ("\ta\f\r\n+ b ", "a + b"),
    ],
)
def test_operators_bind_as_the_grammar_says(source, same_as):
    assert parse(source) == parse(same_as)


@given(trees)
def test_children_are_the_nodes_among_a_nodes_parts(tree):
    def nodes(value):
        if isinstance(value, Node):
            return [value]
        return [node for part in value for node in nodes(part)] if isinstance(value, tuple) else []

    assert list(tree.children()) == nodes(tuple(getattr(tree, part) for part in tree.parts))


def test_only_needed_parentheses_are_written():
    assert unparse(parse("((a) + (b)) * ((c))")) == "(a + b) * c"
    assert unparse(parse("a.exists_one(x, (x > 1))")) == "a.exists_one(x, x > 1)"
    assert unparse(parse("has(a.`b-c`) ? -(1) : - 1")) == "has(a.`b-c`) ? -(1) : -1"


def test_a_chain_of_one_logical_operator_is_one_node():
    tree = parse("a && b && c || d")
    assert isinstance(tree, Logical)
    assert [type(term) for term in tree.terms] == [Logical, Ident]


def test_nodes_know_where_they_stand():
    tree = parse("a +\n  bc")
    assert isinstance(tree, Binary)
    assert (tree.left.at, tree.at, tree.right.at) == (0, 2, 6)
    assert tree == Binary("+", Ident("a"), Ident("bc"))
    assert hash(tree) == hash(Binary("+", Ident("a"), Ident("bc")))


def test_literals_of_different_types_are_different_nodes():
    assert len({Literal(1), Literal(1.0), Literal(True), Literal(cel.Uint(1))}) == 4


@pytest.mark.parametrize(
    ("source", "complaint", "line", "column"),
    [
        ("", "a value is missing: the expression ends here", 1, 1),
        ("1 +", "a value is missing: the expression ends here", 1, 4),
        ("a\n  b", "an operator is missing, but here is 'b'", 2, 3),
        ("a = b", "unexpected '=': compare with ==", 1, 3),
        ("a & b", "unexpected '&': write &&", 1, 3),
        ("a | b", "unexpected '|': write ||", 1, 3),
        ("a ~ b", "unexpected '~'", 1, 3),
        ("'abc", "the string is not closed", 1, 1),
        ("'a\nb'", "the string is not closed", 1, 1),
        ("a.`b", "a quoted field name is `name`", 1, 3),
        ("(a", "a ')' is missing", 1, 3),
        ("f(a", "arguments are separated by ','", 1, 2),
        ("f(a,)", "a value is missing, but here is ')'", 1, 5),
        ("[a b]", "the parts are separated by ','", 1, 4),
        ("[a", "the parts are separated by ','", 1, 3),
        ("{a}", "a map's key and value are separated by ':'", 1, 3),
        ("{a: 1", "the parts are separated by ','", 1, 6),
        ("[,a]", "']' is missing", 1, 3),
        ("a[1", "an index ends with ']'", 1, 4),
        ("a ? b", "the two choices of '?'", 1, 6),
        ("a ? b ? c : d : e", "the two choices of '?'", 1, 7),
        ("a.", "a field name is missing after '.'", 1, 3),
        ("a.in", "a field name is missing after '.', but here is 'in'", 1, 3),
        ("a.1", "an operator is missing", 1, 2),
        ("while", "'while' is a reserved word", 1, 1),
        ("for(a)", "'for' is a reserved word", 1, 1),
        (".true", "'true' is a reserved word", 1, 1),
        ("has(a)", "has() asks for a field", 1, 5),
        ("a.all(b.c, true)", "the first argument of all() is a simple name", 1, 8),
        ("a.map(.b, true)", "the first argument of map() is a simple name", 1, 7),
        ("1.0.0", "an operator is missing", 1, 4),
        ("1{}", "a '{' cannot stand here", 1, 2),
        ("'\\q'", "there is no escape", 1, 2),
        ("'ab\\u12'", "there is no escape", 1, 4),
        ("'\\ud800'", "is no Unicode code point", 1, 2),
        ("'\\U00110000'", "is no Unicode code point", 1, 2),
        ("b'\\u0041'", "bytes have no Unicode escape", 1, 3),
        ("b'\\z'", "there is no escape", 1, 3),
        ("'\\400'", "there is no escape", 1, 2),
        ("9223372036854775808", "int literal out of range", 1, 1),
        ("-9223372036854775809", "int literal out of range: -9223372036854775809", 1, 1),
        ("0x8000000000000000", "int literal out of range", 1, 1),
        ("18446744073709551616u", "uint literal out of range", 1, 1),
        ("-1u", "uint literal out of range", 1, 1),
        ("1" * 5000, "int literal out of range", 1, 1),
        ("1e309", "double literal out of range", 1, 1),
        ("'\ud800'", "half a surrogate pair", 1, 2),
        ("\v1", "unexpected '\\x0b'", 1, 1),
    ],
)
def test_what_is_no_cel_is_refused_where_it_stands(source, complaint, line, column):
    with pytest.raises(cel.CelSyntaxError) as refusal:
        cel.compile(source)
    assert complaint in refusal.value.message
    assert (refusal.value.line, refusal.value.column) == (line, column)
    assert str(refusal.value) == f"{refusal.value.message} (line {line}, column {column})"


def test_an_error_without_a_known_place_says_only_what_is_wrong():
    error = cel.CelError("it is wrong", 3)
    assert (str(error), error.line, error.column) == ("it is wrong", None, None)
    error.locate("ab\ncd")
    error.locate("something else")
    assert (str(error), error.line, error.column) == ("it is wrong (line 2, column 1)", 2, 1)
    with pytest.raises(TypeError, match="not a syntax tree"):
        unparse(Node())


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("google.protobuf.Int32Value{value: 1}", "google.protobuf.Int32Value{...}"),
        (".a.B{}", "a.B{...}"),
        ("a.?b", "optional values"),
        ("a[?0]", "optional values"),
        ("[?a]", "optional values"),
        ("{?'a': b}", "optional values"),
    ],
)
def test_what_is_not_supported_is_refused_by_name(source, name):
    with pytest.raises(cel.CelCheckError, match="not supported") as refusal:
        cel.compile(source)
    assert name in refusal.value.message


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("''", ""),
        ('"\\a\\b\\f\\n\\r\\t\\v\\\\\\?\\"\\\'\\`"', "\a\b\f\n\r\t\v\\?\"'`"),
        (r"'\x41\X42\103D\U0001F431'", "ABC" + "D\U0001f431"),
        (r"'\377'", "\xff"),
        (r"b'\377'", b"\xff"),
        (r"b'\xff\XFE\000'", b"\xff\xfe\x00"),
        ("b'ÿ'", b"\xc3\xbf"),
        (r"B'\n'", b"\n"),
        (r"r'\n'", "\\n"),
        (r'R"\""', None),
        (r"br'\x41'", b"\\x41"),
        ("r'''a'b''c'''", "a'b''c"),
        ("'''a'b''c'''", "a'b''c"),
        ('"""a"b""c"""', 'a"b""c'),
        ("''''a'''", "'a"),
        ("'''a\nb'''", "a\nb"),
        ("'''a\r\nb\rc'''", "a\nb\nc"),
        ("r'''a\r\nb\rc'''", "a\nb\nc"),
        ("b'''a\r\nb'''", b"a\nb"),
        (r"'''a\r\nb'''", "a\r\nb"),
        ("'a\\\nb'", None),
        (r"'''\'''", None),
        (r"rb'a'", None),
        ("'a' 'b'", None),
    ],
)
def test_strings_and_bytes_mean_what_they_spell(source, value):
    if value is None:
        with pytest.raises(cel.CelSyntaxError):
            cel.compile(source)
    else:
        assert evaluate(source) == value


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("0x7fffffffffffffff", 2**63 - 1),
        ("-0x8000000000000000", -(2**63)),
        ("-9223372036854775808", -(2**63)),
        ("- 5", -5),
        ("--5", 5),
        ("007", 7),
        ("0xFFu", cel.Uint(255)),
        ("18446744073709551615U", cel.Uint(2**64 - 1)),
        ("-0u", cel.Uint(0)),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("1.5E-3", 0.0015),
        ("-2.5", -2.5),
        ("1e-400", 0.0),
    ],
)
def test_numbers_mean_what_they_spell(source, value):
    actual = evaluate(source)
    assert actual == value
    assert type(actual) is type(value)


@pytest.mark.parametrize(
    "word", ["as", "break", "const", "continue", "else", "for", "function", "if", "import"]
)
def test_reserved_words_are_fields_and_methods_but_no_variables(word):
    assert evaluate(f"{{'{word}': 1}}.{word}") == 1
    assert evaluate(f"a.{word}() || true") is True
    with pytest.raises(cel.CelSyntaxError, match="reserved word"):
        cel.compile(word)


def test_names_that_begin_like_keywords_are_names():
    assert (
        evaluate("index + inner + trueish + nullable", {"index": 1, "inner": 2, "trueish": 3, "nullable": 4})
        == 10
    )
