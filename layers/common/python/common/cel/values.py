"""CEL's values as Python objects: which stand for what, and how facts from outside are let in.

CEL's int is int, uint is Uint, double is float, string is str; bytes, bool, null (None), Timestamp, Duration
and CelType are themselves; a list is a list or tuple, a map is any Mapping. Everything else is converted
where it is read, so that large facts of which an expression reads little cost little.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Self

from common.cel import types
from common.cel.durations import Duration
from common.cel.errors import CelEvaluationError
from common.cel.limits import Meter
from common.cel.timestamps import Timestamp
from common.cel.types import CelType

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
UINT_MAX = 2**64 - 1


class Uint(int):
    """CEL's unsigned 64-bit integer; OverflowError outside 0 to 2**64 - 1."""

    __slots__ = ()

    def __new__(cls, value: int) -> Self:
        if not 0 <= value <= UINT_MAX:
            raise OverflowError(f"uint out of range: {value}")
        return int.__new__(cls, value)

    def __repr__(self) -> str:
        return f"Uint({int.__repr__(self)})"

    __str__ = int.__repr__


unchecked_uint: Callable[[int], Uint] = partial(int.__new__, Uint)
"""A Uint of a number that is known to be in range."""


class MixedMap(Mapping[Any, Any]):
    """A map with both booleans and numbers as keys: Python takes `True` and `1` for one key, CEL does not."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Iterable[tuple[Any, Any]]) -> None:
        self._entries = {(key.__class__ is bool, key): (key, value) for key, value in entries}

    def __getitem__(self, key: Any) -> Any:
        return self._entries[key.__class__ is bool, key][1]

    def __iter__(self) -> Iterator[Any]:
        return (key for key, _ in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"MixedMap({list(self._entries.values())!r})"


SCALARS = frozenset({bool, int, Uint, float, str, bytes, type(None), Timestamp, Duration, CelType})
"""The classes of values without parts."""

NATIVE = (SCALARS - {int}) | {list, tuple, dict, MixedMap}
"""The classes that need no conversion when read; an int is checked for its range."""

_TYPES: Mapping[type, CelType] = {
    bool: types.BOOL,
    int: types.INT,
    Uint: types.UINT,
    float: types.DOUBLE,
    str: types.STRING,
    bytes: types.BYTES,
    type(None): types.NULL,
    Timestamp: types.TIMESTAMP,
    Duration: types.DURATION,
    CelType: types.TYPE,
    list: types.LIST,
    tuple: types.LIST,
    dict: types.MAP,
    MixedMap: types.MAP,
}


def type_of(value: object) -> CelType:
    """The run-time type of an admitted value; lists and maps do not know their elements' types."""
    known = _TYPES.get(value.__class__)
    if known is not None:
        return known
    return types.MAP if isinstance(value, Mapping) else types.LIST


def is_list(value: object) -> bool:
    """Whether an admitted value is a CEL list."""
    kind = value.__class__
    return kind is list or kind is tuple or (kind not in _TYPES and isinstance(value, Sequence))


def is_map(value: object) -> bool:
    """Whether an admitted value is a CEL map."""
    return value.__class__ is dict or isinstance(value, Mapping)


def admit(value: Any, at: int) -> Any:
    """The CEL value that a Python object from outside stands for.

    datetime and timedelta become Timestamp and Duration, Decimal becomes a double, subclasses (enumerations)
    become their base. CelEvaluationError for an int outside 64 bits and for a class without counterpart.
    """
    kind = value.__class__
    if kind is int:
        if INT_MIN <= value <= INT_MAX:
            return value
        raise CelEvaluationError("int out of range: the value does not fit in 64 bits", at)
    if kind in NATIVE:
        return value
    return _convert(value, at)


def _convert(value: Any, at: int) -> Any:
    for base in (str, bytes, bytearray, float):
        if isinstance(value, base):
            exact: type = bytes if base is bytearray else base
            return str.__str__(value) if base is str else exact(value)
    if isinstance(value, Uint):
        return unchecked_uint(value)
    if isinstance(value, int):
        return admit(int(value), at)
    if isinstance(value, (Mapping, Sequence)):
        return value
    return _convert_library_value(value, at)


def _convert_library_value(value: Any, at: int) -> Any:
    from datetime import datetime, timedelta
    from decimal import Decimal

    try:
        if isinstance(value, Decimal):
            return float(value)
        if isinstance(value, datetime):
            return Timestamp.from_datetime(value)
        if isinstance(value, timedelta):
            return Duration.from_timedelta(value)
    except (ValueError, OverflowError) as unfit:
        raise CelEvaluationError(str(unfit), at) from unfit
    name = type(value).__qualname__
    raise CelEvaluationError(
        f"a Python {name} is no CEL value: bind a number, str, list, mapping, datetime or timedelta",
        at,
    )


def plain(value: Any, meter: Meter) -> Any:
    """The value as a caller may keep it: lists and maps copied, with their parts admitted.

    Each part costs a unit, since one list may stand many times in another.
    """
    value = admit(value, 0)
    if value.__class__ in SCALARS:
        return value
    meter.spend(len(value), 0)
    if is_map(value):
        entries = [(admit(key, 0), plain(value[key], meter)) for key in value]
        return MixedMap(entries) if isinstance(value, MixedMap) else dict(entries)
    return [plain(element, meter) for element in value]


def shown(value: object) -> str:
    """A value as an error message shows it: on one line and short."""
    text = repr(value) if not isinstance(value, (str, bytes)) or len(value) <= 60 else f"{value[:60]!r}..."
    return text if len(text) <= 100 else f"{text[:100]}..."
