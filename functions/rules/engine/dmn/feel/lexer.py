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
        self._odd: dict[str, tuple[str, ...]] = {}
        """By what they begin with, the names of several parts, longer ones first."""
        self._add([*names, *BUILT_IN])

    def _add(self, names: Iterable[str]) -> None:
        for name in map(normal, names):
            if name and not _WORD.fullmatch(name):
                others = self._odd.get(beginning(name, 0), ())
                if name not in others:
                    self._odd[beginning(name, 0)] = (*sorted((*others, name), key=len, reverse=True),)

    def with_names(self, names: Iterable[str]) -> Vocabulary:
        """This one and more names; itself where it can read them already."""
        odd = [name for name in names if not _WORD.fullmatch(name)]
        if not odd:
            return self
        wider = Vocabulary.__new__(Vocabulary)
        wider._odd = self._odd.copy()
        wider._add(odd)
        return wider

    def match(self, source: str, start: int) -> tuple[str, int] | None:
        """The longest known name of several parts that stands here, and where it ends."""
        for name in self._odd.get(beginning(source, start), ()):
            end = _end_of(name, source, start)
            if end is not None:
                return name, end
        return None


def normal(name: str) -> str:
    """A name with one space where it has any white space."""
    return " ".join(name.split())


def beginning(text: str, start: int) -> str:
    """What a name that begins here begins with: its first word, or a sign."""
    word = _WORD.match(text, start)
    return text[start] if word is None else word[0]


def _end_of(name: str, source: str, start: int) -> int | None:
    """Where a name ends that stands at the start, with any white space for a space; None if it does not."""
    place = start
    for part in name.split(" "):
        if place > start:
            blank = _BLANK.match(source, place)
            if blank is None:
                return None
            place = blank.end()
        if not source.startswith(part, place):
            return None
        place += len(part)
    is_cut = _INNER.match(source, place) is not None and _INNER.match(name, len(name) - 1) is not None
    return None if is_cut else place


_WORD = re.compile(r"[^\W\d][\w']*")
_INNER = re.compile(r"\w")
_BLANK = re.compile(r"\s+")
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
