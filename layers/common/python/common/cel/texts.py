"""Functions on strings beyond the standard ones, as CEL's common string extensions have them.

Positions count code points from zero. Source: the strings extension of cel-go and cel-cpp, version 3, without
`format` and `strings.quote`.
"""

from collections.abc import Callable, Mapping
from typing import Any

from common.cel.errors import CelEvaluationError
from common.cel.operators import Frame, charge, no_overload
from common.cel.types import INT, STRING, CelType, list_of
from common.cel.values import admit, is_list

Overload = tuple[tuple[CelType, ...], CelType]
Function = Callable[..., Any]

_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
_LOWER = {upper: code for code, upper in _UPPER.items()}
_BLANK = "".join(
    map(chr, (*range(9, 14), 32, 133, 160, 5760, *range(8192, 8203), 8232, 8233, 8239, 8287, 12288))
)
"""What Unicode calls white space."""


def _outside(name: str, position: int, text: str, at: int) -> CelEvaluationError:
    return CelEvaluationError(f"{name}(): position {position} is outside a string of {len(text)}", at)


def _char_at(frame: Frame, at: int, text: str, position: int) -> str:  # noqa: ARG001
    if not 0 <= position <= len(text):
        raise _outside("charAt", position, text, at)
    return text[position : position + 1]


def _index_of(frame: Frame, at: int, text: str, wanted: str, start: int = 0) -> int:
    if not 0 <= start <= len(text):
        raise _outside("indexOf", start, text, at)
    charge(frame, len(text), at)
    return text.find(wanted, start)


def _last_index_of(frame: Frame, at: int, text: str, wanted: str, last: int | None = None) -> int:
    if last is not None and not 0 <= last <= len(text):
        raise _outside("lastIndexOf", last, text, at)
    charge(frame, len(text), at)
    return text.rfind(wanted) if last is None else text.rfind(wanted, 0, last + len(wanted))


def _substring(frame: Frame, at: int, text: str, start: int, end: int | None = None) -> str:
    stop = len(text) if end is None else end
    if not 0 <= start <= len(text):
        raise _outside("substring", start, text, at)
    if not start <= stop <= len(text):
        raise _outside("substring", stop, text, at)
    charge(frame, stop - start, at)
    return text[start:stop]


def _replace(frame: Frame, at: int, text: str, old: str, new: str, limit: int = -1) -> str:  # noqa: PLR0917  # four are CEL's
    charge(frame, len(text), at)
    found = text.count(old)
    times = found if limit < 0 else min(found, limit)
    charge(frame, len(text) + times * len(new), at)
    return text.replace(old, new, times)


def _split(frame: Frame, at: int, text: str, separator: str, limit: int = -1) -> list[str]:
    charge(frame, 4 * len(text), at)
    if limit == 0:
        return []
    if separator:
        return text.split(separator, -1 if limit < 0 else limit - 1)
    if limit < 0 or limit >= len(text):
        return list(text)
    return [*text[: limit - 1], text[limit - 1 :]]


def _join(frame: Frame, at: int, parts: Any, separator: str = "") -> str:
    charge(frame, 4 * len(parts), at)
    texts = [admit(part, at) for part in parts]
    for text in texts:
        if text.__class__ is not str:
            raise no_overload("join", (text,), at)
    charge(frame, sum(map(len, texts)) + len(separator) * len(texts), at)
    return separator.join(texts)


def _changed(change: Callable[[str], str]) -> Function:
    def run(frame: Frame, at: int, text: str) -> str:
        charge(frame, len(text), at)
        return change(text)

    return run


_TAKES: dict[CelType, Callable[[Any], bool]] = {
    STRING: lambda value: value.__class__ is str,
    INT: lambda value: value.__class__ is int,
    list_of(STRING): is_list,
}


def _checked(name: str, parameters: tuple[CelType, ...], run: Function) -> Function:
    """The function over any operands: `no such overload` for those that it does not take."""
    tests = [_TAKES[kind] for kind in parameters]

    def call(*given: Any) -> Any:
        *operands, frame, at = given
        if not all(test(operand) for test, operand in zip(tests, operands, strict=True)):
            raise no_overload(name, tuple(operands), at)
        return run(frame, at, *operands)

    return call


_LIST = list_of(STRING)
_DECLARED: tuple[tuple[str, tuple[CelType, ...], CelType, Function], ...] = (
    ("charAt", (STRING, INT), STRING, _char_at),
    ("indexOf", (STRING, STRING), INT, _index_of),
    ("indexOf", (STRING, STRING, INT), INT, _index_of),
    ("lastIndexOf", (STRING, STRING), INT, _last_index_of),
    ("lastIndexOf", (STRING, STRING, INT), INT, _last_index_of),
    ("lowerAscii", (STRING,), STRING, _changed(lambda text: text.translate(_LOWER))),
    ("upperAscii", (STRING,), STRING, _changed(lambda text: text.translate(_UPPER))),
    ("trim", (STRING,), STRING, _changed(lambda text: text.strip(_BLANK))),
    ("reverse", (STRING,), STRING, _changed(lambda text: text[::-1])),
    ("replace", (STRING, STRING, STRING), STRING, _replace),
    ("replace", (STRING, STRING, STRING, INT), STRING, _replace),
    ("split", (STRING, STRING), _LIST, _split),
    ("split", (STRING, STRING, INT), _LIST, _split),
    ("substring", (STRING, INT), STRING, _substring),
    ("substring", (STRING, INT, INT), STRING, _substring),
    ("join", (_LIST,), STRING, _join),
    ("join", (_LIST, STRING), STRING, _join),
)

TEXTS: Mapping[tuple[str, bool, int], Function] = {
    (name, True, len(parameters)): _checked(name, parameters, run) for name, parameters, _, run in _DECLARED
}
"""As `functions.FUNCTIONS`: by name, called on a receiver, and number of operands."""

SIGNATURES: Mapping[str, tuple[Overload, ...]] = {
    name: tuple((parameters, result) for other, parameters, result, _ in _DECLARED if other == name)
    for name, *_ in _DECLARED
}
"""What each takes and gives, for the checker."""
