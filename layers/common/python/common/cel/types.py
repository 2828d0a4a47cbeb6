"""CEL's types: declared for variables, inferred by the checker, and values themselves (`type(1) == int`).

Source: the CEL language definition, "Values".
"""

from collections.abc import Mapping


class CelType:
    """One type. `name` is what CEL calls it, `parameters` are a list's or map's, `fields` an object's.

    Object types describe facts: maps with string keys whose fields are known. At run time they are maps.
    """

    __slots__ = ("fields", "name", "parameters")

    def __init__(
        self,
        name: str,
        parameters: tuple["CelType", ...] = (),
        fields: Mapping[str, "CelType"] | None = None,
    ) -> None:
        self.name = name
        self.parameters = parameters
        self.fields = fields

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CelType):
            return NotImplemented
        return self.name == other.name and self.parameters == other.parameters and self.fields == other.fields

    def __hash__(self) -> int:
        return hash((self.name, self.parameters))

    def __repr__(self) -> str:
        return f"<CEL type {self}>"

    def __str__(self) -> str:
        name = _SHORT_NAMES.get(self.name, self.name)
        if self.parameters and self.parameters != (DYN,) * len(self.parameters):
            return f"{name}({', '.join(map(str, self.parameters))})"
        return name


_SHORT_NAMES = {"google.protobuf.Timestamp": "timestamp", "google.protobuf.Duration": "duration"}

BOOL = CelType("bool")
INT = CelType("int")
UINT = CelType("uint")
DOUBLE = CelType("double")
STRING = CelType("string")
BYTES = CelType("bytes")
NULL = CelType("null_type")
TIMESTAMP = CelType("google.protobuf.Timestamp")
DURATION = CelType("google.protobuf.Duration")
TYPE = CelType("type")
DYN = CelType("dyn")


def list_of(element: CelType) -> CelType:
    """The type of lists whose elements are `element`."""
    return CelType("list", (element,))


def map_of(key: CelType, value: CelType) -> CelType:
    """The type of maps from `key` (bool, int, uint or string) to `value`."""
    if key not in (BOOL, INT, UINT, STRING, DYN):
        raise ValueError(f"a map's keys are bool, int, uint or string, not {key}")
    return CelType("map", (key, value))


def object_of(fields: Mapping[str, CelType]) -> CelType:
    """The type of maps with exactly these fields, each perhaps absent; any other field is a check error."""
    return CelType("object", (), dict(fields))


LIST = list_of(DYN)
MAP = map_of(DYN, DYN)

NAMED_TYPES: Mapping[str, CelType] = {
    kind.name: kind
    for kind in (BOOL, INT, UINT, DOUBLE, STRING, BYTES, NULL, LIST, MAP, TYPE, TIMESTAMP, DURATION)
}
"""The types that an identifier denotes. `dyn` denotes none: no value has it."""

NUMBERS = frozenset({INT, UINT, DOUBLE})


def is_map(kind: CelType) -> bool:
    """Whether values of this type are maps: a map or an object type."""
    return kind.name == "map" or kind.fields is not None


def assignable(target: CelType, actual: CelType) -> bool:
    """Whether a value of the type `actual` may stand where `target` is asked for; dyn fits everywhere."""
    if DYN in (target, actual):
        return True
    if target.fields is not None or actual.fields is not None:
        if target.fields is None:
            return target.name == "map" and assignable(target.parameters[0], STRING)
        if actual.fields is None:
            return actual.name == "map" and assignable(STRING, actual.parameters[0])
        return target == actual
    return (
        target.name == actual.name
        and len(target.parameters) == len(actual.parameters)
        and all(map(assignable, target.parameters, actual.parameters))
    )


def join(first: CelType, second: CelType) -> CelType:
    """The type that covers both: their own where they agree, else dyn, inside lists and maps part by part."""
    if first == second:
        return first
    if first.name == second.name and first.fields is None and second.fields is None and first.parameters:
        return CelType(first.name, tuple(map(join, first.parameters, second.parameters)))
    return DYN
