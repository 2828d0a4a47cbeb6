"""The string extensions give what their definition says, within bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import cel
from common.cel.types import INT, STRING
from tests.unit.cel.expressions import evaluate


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("'tacocat'.charAt(3)", "o"),
        ("'tacocat'.charAt(7)", ""),
        ("'©βT'.charAt(1)", "β"),
        ("'hello mellow'.indexOf('')", 0),
        ("'hello mellow'.indexOf('ello')", 1),
        ("'hello mellow'.indexOf('jello')", -1),
        ("'hello mellow'.indexOf('', 2)", 2),
        ("'hello mellow'.indexOf('ello', 2)", 7),
        ("'😀a'.indexOf('a')", 1),
        ("'hello mellow'.lastIndexOf('')", 12),
        ("'hello mellow'.lastIndexOf('ello')", 7),
        ("'hello mellow'.lastIndexOf('jello')", -1),
        ("'hello mellow'.lastIndexOf('ello', 6)", 1),
        ("'hello mellow'.lastIndexOf('ello', 7)", 7),
        ("['hello', 'mellow'].join()", "hellomellow"),
        ("['hello', 'mellow'].join(' ')", "hello mellow"),
        ("[].join('/')", ""),
        ("'TacoCat'.lowerAscii()", "tacocat"),
        ("'TacoCÆt Xii'.lowerAscii()", "tacocÆt xii"),
        ("'TacoCÆt xii'.upperAscii()", "TACOCÆT XII"),
        ("'hello hello'.replace('he', 'we')", "wello wello"),
        ("'hello hello'.replace('he', 'we', -1)", "wello wello"),
        ("'hello hello'.replace('he', 'we', 1)", "wello hello"),
        ("'hello hello'.replace('he', 'we', 0)", "hello hello"),
        ("'ab'.replace('', '_')", "_a_b_"),
        ("'hello hello hello'.split(' ')", ["hello", "hello", "hello"]),
        ("'hello hello hello'.split(' ', 0)", []),
        ("'hello hello hello'.split(' ', 1)", ["hello hello hello"]),
        ("'hello hello hello'.split(' ', 2)", ["hello", "hello hello"]),
        ("'hello hello hello'.split(' ', -1)", ["hello", "hello", "hello"]),
        ("'abc'.split('')", ["a", "b", "c"]),
        ("'abc'.split('', 2)", ["a", "bc"]),
        ("'tacocat'.substring(4)", "cat"),
        ("'tacocat'.substring(0, 4)", "taco"),
        ("'ta©o©βT'.substring(2, 6)", "©o©β"),
        ("'abc'.substring(3)", ""),
        ("'  \\ttrim\\n\\u2003 '.trim()", "trim"),
        ("'gums'.reverse()", "smug"),
    ],
)
def test_texts_are_taken_apart_and_put_together(source, expected):
    assert evaluate(source) == expected
    assert cel.compile(source, declarations={}).evaluate({}) == expected


@pytest.mark.parametrize(
    "source",
    [
        "'abc'.charAt(4)",
        "'abc'.charAt(-1)",
        "'abc'.indexOf('a', 4)",
        "'abc'.lastIndexOf('a', -1)",
        "'abc'.substring(4)",
        "'abc'.substring(2, 1)",
        "'abc'.substring(0, 4)",
        "['a', 1].join()",
        "'a'.join()",
        "'abc'.charAt(1u)",
        "'abc'.split(1)",
        "42.trim()",
        "'abc'.replace('a')",
        "lowerAscii('A')",
    ],
)
def test_what_has_no_answer_is_an_error(source):
    with pytest.raises(cel.CelError):
        evaluate(source)


def test_the_checker_knows_what_they_take_and_give():
    declarations = {"name": STRING, "n": INT}
    assert cel.compile("name.split(',', n)[0].trim()", declarations=declarations).result_type == STRING
    assert cel.compile("name.indexOf('a')", declarations=declarations).result_type == INT
    for wrong in ("n.trim()", "name.charAt(name)", "[n].join()", "name.substring()"):
        with pytest.raises(cel.CelCheckError, match="no such overload"):
            cel.compile(wrong, declarations=declarations)


def test_growth_is_paid_for():
    doubling = "a" + ".replace('', 'xxxxxxxxxxxxxxxx')" * 9
    with pytest.raises(cel.CelLimitError):
        evaluate(doubling, {"a": "abcdefgh" * 8})
    with pytest.raises(cel.CelLimitError):
        evaluate("a.map(x, a.join(b)).size()", {"a": ["y"] * 2_000, "b": "z" * 2_000})


@given(st.text(max_size=12), st.text("ab ", max_size=3))
def test_what_is_split_joins_again(text, separator):
    assert evaluate("text.split(s).join(s)", {"text": text, "s": separator}) == text
