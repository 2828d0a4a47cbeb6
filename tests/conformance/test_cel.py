"""The public CEL conformance cases, file by file, against the value or error that each expects."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from common import cel
from common.cel import CelError, CelType, Uint

SUITE = Path(__file__).parents[3] / "shared" / "suites" / "cel" / "cases.json"
CASES = json.loads(SUITE.read_text()) if SUITE.exists() else []

pytestmark = pytest.mark.skipif(not CASES, reason="the conformance cases are not on this machine")

# What is refused by name; a case that needs it must end in that refusal. The suite's visible half needs none
# of it.
REFUSALS = ("protobuf messages are not supported", "optional values (`?`) are not supported")


def contradicts_itself(case: dict) -> bool:
    """Whether a case expects a backslash in bytes from a source that has none: no reading of CEL gives that.

    The suite's `bytes_literals` with unescaped punctuation do: they copy the expectation of the escaped ones.
    """
    return b"\\" in bytes.fromhex(case["expect"].get("bytes", "")) and "\\" not in case["expr"]


def value_of(shape: dict) -> object:
    """The Python value that a case's JSON stands for."""
    ((kind, value),) = shape.items()
    match kind:
        case "uint":
            return Uint(value)
        case "double":
            return float(value)
        case "bytes":
            return bytes.fromhex(value)
        case "list":
            return [value_of(element) for element in value]
        case "map":
            return {value_of(key): value_of(element) for key, element in value}
        case _:
            return value


def agrees(actual: Any, shape: dict) -> bool:
    """Whether a value is the expected one in type, sign of zero and all parts; a map's order is free."""
    ((kind, expected),) = shape.items()
    match kind:
        case "type":
            return isinstance(actual, CelType) and actual.name == expected
        case "double":
            wanted = float(expected)
            if not isinstance(actual, float):
                return False
            if math.isnan(wanted):
                return math.isnan(actual)
            return bool(actual == wanted) and math.copysign(1, actual) == math.copysign(1, wanted)
        case "list":
            return (
                type(actual) is list and len(actual) == len(expected) and all(map(agrees, actual, expected))
            )
        case "map":
            if not hasattr(actual, "items") or len(actual) != len(expected):
                return False
            return all(
                any(agrees(key, wanted) and agrees(value, element) for key, value in actual.items())
                for wanted, element in expected
            )
        case _:
            exact = value_of(shape)
            return bool(type(actual) is type(exact) and actual == exact)


def outcome(case: dict) -> object:
    """The case's value, or the error it ends in."""
    try:
        program = cel.compile(case["expr"], container=case["container"])
        return program.evaluate({name: value_of(shape) for name, shape in case["bindings"].items()})
    except CelError as error:
        return error


def identity(case: dict) -> tuple[str, str, str]:
    return case["file"], case["section"], case["name"]


def described(case: dict, actual: object) -> str:
    return f"{'/'.join(identity(case))}: {case['expr'][:80]!r} gives {actual!r}, not {case['expect']}"


@pytest.mark.parametrize("file", sorted({case["file"] for case in CASES}))
def test_every_case_of_the_file_gives_what_it_expects(file):
    wrong = []
    for case in CASES:
        if case["file"] != file or contradicts_itself(case):
            continue
        actual = outcome(case)
        if isinstance(actual, CelError) and str(actual).startswith(REFUSALS):
            continue
        expects_error = "error" in case["expect"]
        if expects_error != isinstance(actual, CelError) or not (
            expects_error or agrees(actual, case["expect"])
        ):
            wrong.append(described(case, actual))
    assert not wrong, "\n".join(wrong)


def test_no_visible_case_is_refused():
    refused = [
        identity(case)
        for case in CASES
        if isinstance(actual := outcome(case), CelError) and str(actual).startswith(REFUSALS)
    ]
    assert refused == []


def test_cases_that_contradict_themselves_give_what_the_source_spells():
    for case in filter(contradicts_itself, CASES):
        expected = bytes.fromhex(case["expect"]["bytes"])
        assert outcome(case) == expected.replace(b"\\", b""), described(case, outcome(case))
