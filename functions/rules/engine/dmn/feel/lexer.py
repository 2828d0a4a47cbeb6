"""FEEL's tokens. Names may hold spaces and operators, so which names exist decides where one ends
(10.3.1.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from common.errors import Invalid

MAX_SOURCE = 65_536


class FeelError(Invalid):
    """An expression that is no FEEL."""

    code, title = "invalid_feel", "The expression cannot be read"

    def __init__(self, message: str, source: str, offset: int) -> None:
        shown = source if len(source) <= 80 else source[:77] + "..."
        super().__init__(f"{message} at character {offset + 1} of {shown!r}")
        self.offset = offset


class Token(NamedTuple):
    """A token: its kind (``number string name operator end``), its text, where it starts and ends."""

    kind: str
    text: str
    start: int
    end: int


class Vocabulary:
    """The names that an expression may use: variables, components, functions.

    Names that are one word need not be known beforehand; a name with spaces or operators in it does.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = frozenset(filter(None, (" ".join(name.split()) for name in names)))
        odd = sorted(
            (name for name in self.names | BUILT_IN if not _WORD.fullmatch(name)), key=len, reverse=True
        )
        self._odd = re.compile("|".join(_flexible(name) for name in odd)) if odd else None

    def with_names(self, names: Iterable[str]) -> Vocabulary:
        """This one and more names; itself where it can read them already."""
        new = {name for name in names if not _WORD.fullmatch(name)} - self.names
        return Vocabulary(self.names | new) if new else self

    def match(self, source: str, start: int) -> tuple[str, int] | None:
        """The longest known name of several parts that stands here, and where it ends."""
        found = self._odd.match(source, start) if self._odd else None
        return None if found is None else (" ".join(found[0].split()), found.end())


_WORD = re.compile(r"[^\W\d][\w']*")
_SPACE = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_NUMBER = re.compile(r"(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_OPERATOR = re.compile(r"\*\*|\.\.|<=|>=|!=|[-+*/<>=()\[\]{},.:?@]")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{6}|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "'": "'"}

BUILT_IN = frozenset(
    {
        "date and time",
        "years and months duration",
        "string length",
        "upper case",
        "lower case",
        "substring before",
        "substring after",
        "starts with",
        "ends with",
        "list contains",
        "insert before",
        "index of",
        "distinct values",
        "round up",
        "round down",
        "round half up",
        "round half down",
        "day of year",
        "day of week",
        "month of year",
        "week of year",
        "string join",
        "time offset",
        "list replace",
        "get value",
        "get entries",
        "context put",
        "context merge",
    }
)
"""Names of several words that FEEL itself has."""


def _flexible(name: str) -> str:
    """The expression for a name, any white space standing for one space, not cut off inside a word."""
    parts = r"\s+".join(re.escape(part) for part in name.split(" "))
    return parts + (r"(?!\w)" if re.match(r"\w", name[-1]) else "")


class Lexer:
    """Tokens one at a time, from any offset."""

    def __init__(self, source: str, vocabulary: Vocabulary) -> None:
        if len(source) > MAX_SOURCE:
            raise FeelError(
                f"The expression has {len(source)} characters; at most {MAX_SOURCE} are read", source, 0
            )
        self.source = source
        self.vocabulary = vocabulary

    def token(self, offset: int) -> Token:
        """The token at or after an offset."""
        source = self.source
        space = _SPACE.match(source, offset)
        start = space.end() if space else offset
        if start == len(source):
            return Token("end", "the end", start, start)
        odd = self.vocabulary.match(source, start)
        word = _WORD.match(source, start)
        if odd is not None and (word is None or odd[1] >= word.end()):
            return Token("name", odd[0], start, odd[1])
        if word is not None:
            return Token("name", word[0], start, word.end())
        for kind, pattern in (("number", _NUMBER), ("string", _STRING), ("operator", _OPERATOR)):
            found = pattern.match(source, start)
            if found is not None:
                return Token(kind, found[0], start, found.end())
        raise FeelError(f"{source[start]!r} is not understood", source, start)


def unquoted(token: Token, source: str) -> str:
    """The string that a string token stands for."""

    def character(found: re.Match[str]) -> str:
        escape = found[1]
        if escape in _ESCAPES:
            return _ESCAPES[escape]
        if escape[0] in "uU" and len(escape) > 1:
            code = int(escape[1:], 16)
            if code <= 0x10FFFF:
                return chr(code)
        raise FeelError(f"\\{escape} is no escape", source, token.start)

    text = _ESCAPE.sub(character, token.text[1:-1])
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
