"""The values of literals: numbers and their ranges, strings and bytes with their escapes.

Source: the CEL language definition, "Numeric values" and "String and bytes values".
"""

import re
from functools import cache

from common.cel.errors import CelSyntaxError
from common.cel.values import INT_MAX, INT_MIN, UINT_MAX, Uint, unchecked_uint

_MEANINGS = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    "?": "?",
    '"': '"',
    "'": "'",
    "`": "`",
}


def read_int(text: str, negative: bool, at: int) -> int | Uint:
    """An int in decimal or `0x` hexadecimal, with the suffix `u` a uint; CelSyntaxError out of range."""
    digits = text.rstrip("uU")
    # Longer than any number in range, and than what Python converts; leading zeros are legal.
    significant = digits.removeprefix("0x").lstrip("0") or "0"
    number = int(significant[:25], 16 if digits.startswith("0x") else 10)
    if negative:
        number = -number
    if digits != text:
        if not 0 <= number <= UINT_MAX:
            raise CelSyntaxError(f"uint literal out of range: {text[:40]} does not fit in 64 bits", at)
        return unchecked_uint(number)
    if not INT_MIN <= number <= INT_MAX:
        sign = "-" if negative else ""
        raise CelSyntaxError(f"int literal out of range: {sign}{text[:40]} does not fit in 64 bits", at)
    return number


def read_double(text: str, at: int) -> float:
    """A double literal; CelSyntaxError where it is too large to be finite."""
    number = float(text)
    if number == float("inf"):
        raise CelSyntaxError(f"double literal out of range: {text[:40]}", at)
    return number


def read_string(text: str, at: int) -> str | bytes:
    r"""A string literal, or with the prefix `b` bytes; CelSyntaxError at an escape that does not exist.

    Line ends inside a literal of three quotes are all read as a line feed. In bytes, `\x` and octal escapes
    are single bytes, other characters are their UTF-8; in strings, both escapes are code points.
    """
    is_bytes = text[0] in "bB"
    body = text[1:] if is_bytes else text
    raw = body[0] in "rR"
    body = body[1:] if raw else body
    quotes = 3 if body[:3] in ('"""', "'''") else 1
    start = at + is_bytes + raw + quotes
    content = body[quotes:-quotes]
    if "\r" in content:
        content = content.replace("\r\n", "\n").replace("\r", "\n")
    if raw or "\\" not in content:
        return content.encode() if is_bytes else content
    return _unescape_bytes(content, start) if is_bytes else _unescape(content, start)


@cache
def _escape() -> re.Pattern[str]:
    return re.compile(
        r"""\\(?:([abfnrtv\\?"'`])|[xX]([0-9a-fA-F]{2})|([0-3][0-7]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|)"""
    )


def _unescape(content: str, start: int) -> str:
    def meaning(match: re.Match[str]) -> str:
        simple, byte, octal, short, long = match.groups()
        if simple:
            return _MEANINGS[simple]
        if octal:
            return chr(int(octal, 8))
        digits = byte or short or long
        if not digits:
            raise _no_escape(content, match, start)
        code = int(digits, 16)
        if code > 0x10FFFF or 0xD800 <= code <= 0xDFFF:
            raise CelSyntaxError(f"{match[0]} is no Unicode code point", start + match.start())
        return chr(code)

    return _escape().sub(meaning, content)


def _unescape_bytes(content: str, start: int) -> bytes:
    pieces: list[bytes] = []
    position = 0
    for match in _escape().finditer(content):
        pieces.append(content[position : match.start()].encode())
        position = match.end()
        simple, byte, octal, short, long = match.groups()
        if simple:
            pieces.append(_MEANINGS[simple].encode())
        elif byte or octal:
            pieces.append(bytes([int(byte, 16) if byte else int(octal, 8)]))
        elif short or long:
            raise CelSyntaxError(
                f"bytes have no Unicode escape {match[0]}: write the bytes with \\x", start + match.start()
            )
        else:
            raise _no_escape(content, match, start)
    pieces.append(content[position:].encode())
    return b"".join(pieces)


def _no_escape(content: str, match: re.Match[str], start: int) -> CelSyntaxError:
    shown = content[match.start() : match.start() + 2]
    return CelSyntaxError(
        f"there is no escape {shown!r}: write \\\\ for a backslash, or a raw string r'...'",
        start + match.start(),
    )
