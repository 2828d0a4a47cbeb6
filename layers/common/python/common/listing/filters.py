"""Filters: ``credit_limit ge 1000 and (currency eq "EUR" or name co "café")``.

The grammar of SCIM (RFC 7644, section 3.4.2.2) without its value paths: ``eq ne co sw ew gt ge lt le``
compare a field with a JSON value, ``pr`` asks whether it has one; ``and``, ``or``, ``not (...)`` and
parentheses combine. ``attributes.<name>`` reaches into the attributes. Keywords ignore case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import msgspec

from common.listing.errors import LanguageError

MAX_LENGTH = 2000
MAX_COMPARISONS = 50
MAX_DEPTH = 20

Operator = Literal["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]
Value = str | Decimal | bool | None


@dataclass(frozen=True)
class Comparison:
    """A field against a value."""

    field: str
    operator: Operator
    value: Value


@dataclass(frozen=True)
class Present:
    """A field that has a value."""

    field: str


@dataclass(frozen=True)
class Not:
    """What does not hold."""

    term: Filter


@dataclass(frozen=True)
class All:
    """Each of the terms holds."""

    terms: tuple[Filter, ...]


@dataclass(frozen=True)
class Any:
    """One of the terms holds, or several."""

    terms: tuple[Filter, ...]


Filter = Comparison | Present | Not | All | Any

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?(?![\w.]))
      | (?P<word>[A-Za-z_][\w-]*(?:\.[\w-]+)*)
      | (?P<mark>[()])
    )""",
    re.VERBOSE,
)
_OPERATORS = frozenset(("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"))
_LITERALS: dict[str, Value] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int

    @property
    def keyword(self) -> str:
        return self.text.lower() if self.kind == "word" else ""


def parse(source: str) -> Filter:
    """The filter that ``source`` says; :class:`LanguageError` tells what is wrong and where."""
    if len(source) > MAX_LENGTH:
        raise LanguageError(f"A filter has at most {MAX_LENGTH} characters.")
    parser = _Parser(source)
    found = parser.either(0)
    parser.end()
    return found


class _Parser:
    def __init__(self, source: str) -> None:
        self._tokens = list(_tokens(source))
        self._next = 0
        self._comparisons = 0

    def either(self, depth: int) -> Filter:
        if depth > MAX_DEPTH:
            raise LanguageError(f"A filter nests at most {MAX_DEPTH} deep.")
        terms = [self._every(depth)]
        while self._take("or"):
            terms.append(self._every(depth))
        return terms[0] if len(terms) == 1 else Any(tuple(terms))

    def _every(self, depth: int) -> Filter:
        terms = [self._term(depth)]
        while self._take("and"):
            terms.append(self._term(depth))
        return terms[0] if len(terms) == 1 else All(tuple(terms))

    def _term(self, depth: int) -> Filter:
        if self._peek.keyword == "not" and self._tokens[self._next + 1].text == "(":
            self._next += 1
            return Not(self._group(depth))
        return self._group(depth) if self._peek.text == "(" else self._comparison()

    def _group(self, depth: int) -> Filter:
        self._next += 1
        inner = self.either(depth + 1)
        if self._peek.text != ")":
            raise self._expected("and, or, or )")
        self._next += 1
        return inner

    def _comparison(self) -> Filter:
        field = self._advance("a field", "word").text
        self._comparisons += 1
        if self._comparisons > MAX_COMPARISONS:
            raise LanguageError(f"A filter has at most {MAX_COMPARISONS} comparisons.")
        if self._take("pr"):
            return Present(field)
        operator = self._peek.keyword
        if operator not in _OPERATORS:
            raise self._expected(f"pr or one of {' '.join(sorted(_OPERATORS))}")
        self._next += 1
        return Comparison(field, operator, self._value())  # type: ignore[arg-type]

    def _value(self) -> Value:
        token = self._peek
        if token.kind == "string":
            self._next += 1
            try:
                return msgspec.json.decode(token.text, type=str)
            except msgspec.DecodeError as error:
                raise LanguageError(f"The string at {token.at} is no JSON string.") from error
        if token.kind == "number":
            self._next += 1
            return Decimal(token.text)
        if token.kind == "word" and token.text in _LITERALS:
            self._next += 1
            return _LITERALS[token.text]
        raise self._expected('a JSON value, such as "EUR", 10, true or null')

    def end(self) -> None:
        if self._peek.kind != "end":
            raise self._expected("and, or, or the end")

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self, keyword: str) -> bool:
        taken = self._peek.keyword == keyword
        self._next += taken
        return taken

    def _advance(self, wanted: str, kind: str) -> _Token:
        token = self._peek
        if token.kind != kind:
            raise self._expected(wanted)
        self._next += 1
        return token

    def _expected(self, wanted: str) -> LanguageError:
        token = self._peek
        found = f"{token.text!r} at {token.at}" if token.kind != "end" else "the end"
        return LanguageError(f"The filter cannot be read: expected {wanted}, found {found}.")


def _tokens(source: str) -> list[_Token]:
    found, at = [], 0
    end = len(source.rstrip())
    while at < end:
        match = _TOKEN.match(source, at)
        if match is None:
            raise LanguageError(f"The filter cannot be read at {at}: {source[at : at + 20]!r}.")
        kind = str(match.lastgroup)
        found.append(_Token(kind, match[kind], match.start(kind)))
        at = match.end()
    return [*found, _Token("end", "", end)]
