"""Source text to tokens.

Source: the CEL language definition, "Syntax" (lexis). A token is (kind, text, offset): the kind of an
operator is the operator itself, other kinds are `ident`, `quoted` (a field name between backticks), `int`,
`double`, `string`, `end`.
"""

import re
from functools import cache

from common.cel.errors import CelSyntaxError

Token = tuple[str, str, int]

RESERVED = frozenset(
    """
    as break const continue else for function if import let loop package namespace return var void while
    """.split()  # noqa: SIM905
)
KEYWORDS = frozenset({"true", "false", "null", "in"})

_EXPONENT = "[eE][+-]?[0-9]+"
_DOUBLE = rf"[0-9]+[.][0-9]+(?:{_EXPONENT})?|[0-9]+{_EXPONENT}|[.][0-9]+(?:{_EXPONENT})?"
_INT = "(?:0x[0-9a-fA-F]+|[0-9]+)[uU]?"
_RAW = r"""[rR](?:\"{3}[\s\S]*?\"{3}|'{3}[\s\S]*?'{3}|"[^"\r\n]*"|'[^'\r\n]*')"""
_TRIPLE = r"""\"{3}(?:[^\\"]|\\[\s\S]|"(?!""))*\"{3}|'{3}(?:[^\\']|\\[\s\S]|'(?!''))*'{3}"""
_SINGLE = r""""(?:[^"\\\r\n]|\\[^\r\n])*"|'(?:[^'\\\r\n]|\\[^\r\n])*'"""
_QUOTED = "`[A-Za-z0-9_.\\-/ ]+`"
_OPERATOR = r"[=!<>]=|&&|\|\||[-+*/%<>!?:.,()\[\]{}]"

_INSTEAD = {"=": "compare with ==", "&": "write &&", "|": "write ||"}


@cache
def _token() -> re.Pattern[str]:
    return re.compile(
        r"(?P<blank>[ \t\n\f\r]+|//[^\n]*)"
        rf"|(?P<string>[bB]?(?:{_RAW}|{_TRIPLE}|{_SINGLE}))|(?P<double>{_DOUBLE})|(?P<int>{_INT})"
        rf"|(?P<ident>[_a-zA-Z][_a-zA-Z0-9]*)|(?P<quoted>{_QUOTED})|(?P<operator>{_OPERATOR})"
    )


def tokenize(source: str) -> list[Token]:
    """The tokens of a source, ended by one of kind `end`; CelSyntaxError at what is no token."""
    tokens: list[Token] = []
    match_at = _token().match
    offset, end = 0, len(source)
    while offset < end:
        match = match_at(source, offset)
        if match is None:
            raise CelSyntaxError(_complaint(source, offset), offset)
        kind = match.lastgroup or ""
        text = match[0]
        if kind == "operator":
            tokens.append((text, text, offset))
        elif kind != "blank":
            tokens.append((kind, text, offset))
        offset = match.end()
    tokens.append(("end", "", end))
    return tokens


def _complaint(source: str, offset: int) -> str:
    character = source[offset]
    if character in "'\"":
        return (
            "the string is not closed: add the same quote that opens it, or three for a text of several lines"
        )
    if character == "`":
        return "a quoted field name is `name`: letters, digits, space, and the signs . _ - /"
    instead = _INSTEAD.get(character)
    return f"unexpected {character!r}" + (f": {instead}" if instead else "")
