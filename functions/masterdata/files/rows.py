"""Rows of CSV (RFC 4180, as spreadsheets write it) and NDJSON files."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from masterdata.files.errors import FileError
from masterdata.files.lines import MAX_ROW, Line, decode, lines

HEAD = 65_536
"""Bytes at a file's beginning that tell its dialect; the header must end within them."""

_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_DELIMITERS = ",;\t|"
_TOO_LONG = f"The row is longer than {MAX_ROW} bytes, or a quotation mark in it is not closed."


@dataclass(frozen=True)
class Row:
    """A row: its cells or its JSON value, or the fault that makes it neither, and the offset behind it."""

    end: int
    value: Any = None
    fault: str | None = None


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written, found out from its head."""

    delimiter: str
    terminator: bytes
    header: tuple[str, ...]
    start: int
    """The offset of the first row of data."""

    @property
    def decimal_comma(self) -> bool:
        """Whether ``1.234,56`` is a number: spreadsheets that separate cells by ``;`` write it so."""
        return self.delimiter == ";"


def dialect_of(head: bytes, known: Callable[[str], bool]) -> Dialect:
    """The dialect of a CSV file that begins with ``head``; ``known`` tells the names of columns."""
    if head.startswith(_UTF16_BOMS):
        raise FileError("The file is in UTF-16; save it as CSV in UTF-8.")
    start = len(_UTF8_BOM) if head.startswith(_UTF8_BOM) else 0
    terminator = b"\n" if b"\n" in head or b"\r" not in head else b"\r"
    found = lines([head[start:]], start, terminator)
    text, end = _header(found)
    delimiters = _DELIMITERS
    if text.lower().startswith("sep=") and len(text.strip()) == 5:
        delimiters = text.strip()[-1]
        text, end = _header(found)
    if len(head) >= HEAD and end >= len(head):
        raise FileError(f"The header row is longer than {HEAD} bytes.")
    header, delimiter = _likeliest(text, delimiters, known)
    return Dialect(delimiter, terminator, header, end)


def _likeliest(text: str, delimiters: str, known: Callable[[str], bool]) -> tuple[tuple[str, ...], str]:
    """The header by the delimiter that makes the most columns of it that are known, or else the most."""
    readable = []
    for delimiter in delimiters:
        try:
            readable.append((_names(text, delimiter), delimiter))
        except csv.Error:
            continue
    if not readable:
        raise FileError("The header row cannot be read: a quotation mark in it is not closed.")
    return max(readable, key=lambda pair: (sum(map(known, pair[0])), len(pair[0])))


def _header(found: Iterator[Line]) -> tuple[str, int]:
    line = next(found, None)
    if line is None or line.raw is None:
        raise FileError("The file has no header row.")
    return decode(line.raw), line.end


def _names(text: str, delimiter: str) -> tuple[str, ...]:
    cells = next(csv.reader([text], delimiter=delimiter, strict=True), [])
    while cells and not cells[-1].strip():
        cells.pop()
    return tuple(cell.strip().lower().replace(" ", "_").replace("-", "_") for cell in cells)


def csv_rows(chunks: Iterable[bytes], start: int, dialect: Dialect) -> Iterator[Row]:
    """The rows from an offset at which one begins; an empty one has the value None.

    A row whose quotation is never closed would swallow all that follows: it is given up after ``MAX_ROW``
    bytes, and reading goes on with the line after its first.
    """
    source = _Pushback(lines(chunks, start, dialect.terminator))
    while (first := source.peek()) is not None:
        taken: list[Line] = []
        reader = csv.reader(_texts(source, taken), delimiter=dialect.delimiter, strict=True)
        try:
            cells = next(reader)
        except (csv.Error, _TooLongError) as error:
            source.push_back(taken[1:])
            told = _TOO_LONG if isinstance(error, _TooLongError) or len(taken) > 1 else str(error)
            yield Row(first.end, fault=told)
            continue
        yield Row(taken[-1].end, cells if any(cell.strip() for cell in cells) else None)


class _TooLongError(Exception):
    pass


class _Pushback:
    """Lines that can be put back, to be read once more."""

    def __init__(self, source: Iterator[Line]) -> None:
        self._source = source
        self._returned: deque[Line] = deque()

    def peek(self) -> Line | None:
        if not self._returned:
            if (line := next(self._source, None)) is None:
                return None
            self._returned.append(line)
        return self._returned[0]

    def take(self) -> Line | None:
        line = self.peek()
        if line is not None:
            self._returned.popleft()
        return line

    def push_back(self, taken: list[Line]) -> None:
        self._returned.extendleft(reversed(taken))


def _texts(source: _Pushback, taken: list[Line]) -> Iterator[str]:
    size = 0
    while (line := source.take()) is not None:
        taken.append(line)
        size += MAX_ROW + 1 if line.raw is None else len(line.raw)
        if line.raw is None or size > MAX_ROW:
            raise _TooLongError
        yield decode(line.raw)


def json_rows(chunks: Iterable[bytes], start: int) -> Iterator[Row]:
    """The values of an NDJSON file from an offset at which a line begins; an empty line has None."""
    decoder = msgspec.json.Decoder()
    for line in lines(chunks, start):
        if line.raw is None:
            yield Row(line.end, fault=_TOO_LONG)
            continue
        text = line.raw.removeprefix(_UTF8_BOM) if line.end == len(line.raw) else line.raw
        if not text.strip():
            yield Row(line.end)
            continue
        try:
            value = decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            yield Row(line.end, fault=f"The line is not JSON: {error}.")
            continue
        fault = None if isinstance(value, dict) else "The line is no JSON object."
        yield Row(line.end, None if fault else value, fault)
