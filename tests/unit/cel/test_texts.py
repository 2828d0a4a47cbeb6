import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import cel
from tests.unit.cel.expressions import evaluate, texts


@given(texts, texts)
def test_text_functions_are_those_of_code_points(text, part):
    bindings = {"s": text, "p": part}
    assert evaluate("s.contains(p)", bindings) is (part in text)
    assert evaluate("s.startsWith(p)", bindings) is text.startswith(part)
    assert evaluate("s.endsWith(p)", bindings) is text.endswith(part)
    assert evaluate("s + p", bindings) == text + part
    assert evaluate("size(s) + p.size()", bindings) == len(text) + len(part)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("size('')", 0),
        ("size('🐱ÿ')", 2),
        ("'🐱'.size()", 1),
        ("size(b'\\xff\\x00')", 2),
        ("b'ÿ'.size()", 2),
        ("size([1, 2])", 2),
        ("[].size()", 0),
        ("size({1: 2})", 1),
        ("{'a': 1, 'b': 2}.size()", 2),
        ("size(t)", 3),
    ],
)
def test_size_counts_code_points_bytes_elements_and_entries(source, value):
    assert evaluate(source, {"t": (1, 2, 3)}) == value


@pytest.mark.parametrize(
    ("source", "verdict"),
    [
        ("'hubba'.matches('ubb')", True),
        ("matches('hubba', 'ubb')", True),
        ("'hubba'.matches('^ubb')", False),
        ("'hubba'.matches('^hubba$')", True),
        ("''.matches('')", True),
        ("'a\\nb'.matches('a.b')", False),
        ("'a\\nb'.matches('(?s)a.b')", True),
        ("'ABC'.matches('(?i)abc')", True),
        ("'mañana'.matches('a+ñ+a+')", True),
        ("'🐱😀'.matches('^..$')", True),
        ("'abc123'.matches('^[[:alpha:]]+\\\\d+$')", True),
        ("'Ω'.matches('\\\\p{Greek}')", True),
        ("s.matches(p)", True),
    ],
)
def test_matches_searches_with_re2(source, verdict):
    assert evaluate(source, {"s": "order-17", "p": "^order-[0-9]+$"}) is verdict


@settings(max_examples=50)
@given(st.text("ab", max_size=8), st.sampled_from(["a", "^a*b*$", "(ab)+", "a?b{2}", "^$", "[^a]"]))
def test_matches_agrees_with_another_engine_on_simple_patterns(text, pattern):
    assert evaluate("s.matches(p)", {"s": text, "p": pattern}) is bool(re.search(pattern, text))


def test_without_re2_matches_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "re2", None)
    with pytest.raises(cel.CelEvaluationError, match="needs the package google-re2"):
        evaluate("'a'.matches('a pattern that no other test has compiled')")


def test_many_patterns_do_not_pile_up():
    patterns = [f"^x{n}$" for n in range(600)]
    assert evaluate("ps.exists_one(p, 'x7'.matches(p))", {"ps": patterns}) is True


@pytest.mark.parametrize(
    "source",
    [
        "1.contains('a')",
        "'a'.contains(1)",
        "b'a'.contains(b'a')",
        "'a'.startsWith(1)",
        "b'a'.endsWith('a')",
        "'a'.matches(1)",
        "matches(1, 'a')",
        "'a'.matches('[')",
        "'a'.matches('\\\\1')",
        "s.matches('a')",
        "bytes(s)",
        "size(1)",
        "size(null)",
        "size()",
        "size('a', 'b')",
        "contains('a', 'a')",
        "startsWith('a', 'a')",
        "'a'.startsWith()",
        "'a'.lower()",
        "nothing('a')",
        "'a'.nothing()",
    ],
)
def test_calls_that_do_not_fit_are_evaluation_errors(source):
    with pytest.raises(cel.CelEvaluationError):
        evaluate(source, {"s": "half \ud800 pair"})
    assert evaluate(f"{source} == 1 || true", {"s": "half \ud800 pair"}) is True


def test_a_leading_dot_calls_the_same_function():
    assert evaluate(".size('abc') + .int('1')") == 4
    assert evaluate(".size('abc')", container="a.b") == 3
