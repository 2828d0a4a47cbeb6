"""Forms: what fits a schema, what does not and where, and which schemas are none."""

from __future__ import annotations

from typing import Any

import pytest

from workflow import forms

ADDRESS = {
    "type": "object",
    "required": ["city"],
    "properties": {"city": {"type": "string", "minLength": 2}, "zip": {"pattern": "^[0-9]{5}$"}},
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, {"anything": 1}),
        (True, None),
        ({"type": ["integer", "null"]}, None),
        ({"type": "integer"}, 3.0),
        ({"enum": ["a", 1]}, 1),
        ({"type": "array", "items": ADDRESS, "maxItems": 1}, [{"city": "Ulm", "zip": "89073"}]),
        ({"format": "date"}, "2026-02-28"),
        ({"format": "date-time"}, "2026-02-28T08:00:00Z"),
        ({"format": "email"}, "a@b.example"),
        ({"multipleOf": 0.01}, 19.99),
        ({"oneOf": [{"type": "string"}, {"minimum": 3}]}, 4),
        ({"not": {"const": "no"}}, "yes"),
        ({"title": "An annotation"}, 1),
    ],
)
def test_what_fits_has_no_errors(schema: Any, value: Any) -> None:
    assert forms.check(schema, value) == []


@pytest.mark.parametrize(
    ("schema", "value", "pointer"),
    [
        (False, 1, ""),
        ({"type": "integer"}, 3.5, ""),
        ({"type": "integer"}, True, ""),
        ({"type": "number"}, "3", ""),
        ({"enum": [1]}, True, ""),
        ({"const": False}, 0, ""),
        (ADDRESS, {}, "/city"),
        (ADDRESS, {"city": "U"}, "/city"),
        (ADDRESS, {"city": "Ulm", "zip": "x"}, "/zip"),
        (ADDRESS, {"city": "Ulm", "a/b": 1}, "/a~1b"),
        ({"items": ADDRESS}, [{"city": "Ulm"}, {}], "/1/city"),
        ({"minItems": 1}, [], ""),
        ({"uniqueItems": True}, [1, 2, 1.0], ""),
        ({"maxLength": 1}, "ab", ""),
        ({"format": "date"}, "2026-02-30", ""),
        ({"format": "date-time"}, "2026-02-28T08:00:00", ""),
        ({"format": "uuid"}, "seven", ""),
        ({"exclusiveMinimum": 3}, 3, ""),
        ({"exclusiveMaximum": 3}, 3, ""),
        ({"maximum": 3}, 4, ""),
        ({"multipleOf": 0.01}, 19.999, ""),
        ({"anyOf": [{"type": "string"}]}, 1, ""),
        ({"oneOf": [{"minimum": 1}, {"minimum": 2}]}, 3, ""),
        ({"allOf": [{"minimum": 1}, {"minimum": 9}]}, 3, ""),
        ({"not": {}}, 1, ""),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(schema: Any, value: Any, pointer: str) -> None:
    [(place, reason)] = forms.check(schema, value)
    assert place == pointer
    assert reason.endswith(".")


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"$ref": "#/x"}, "/$ref"),
        ({"minLength": "2"}, "/minLength"),
        ({"minItems": -1}, "/minItems"),
        ({"maximum": "9"}, "/maximum"),
        ({"multipleOf": 0}, "/multipleOf"),
        ({"required": "a"}, "/required"),
        ({"properties": {"a": {"pattern": "("}}}, "/properties/a/pattern"),
        ({"anyOf": [{}, {"type": 3}]}, "/anyOf/1/type"),
        ({"items": 3}, "/items"),
    ],
)
def test_a_schema_that_is_none_is_told_before_it_is_used(schema: Any, pointer: str) -> None:
    assert [place for place, _ in forms.faults(schema)] == [pointer]


def test_a_sound_schema_has_no_faults() -> None:
    assert list(forms.faults(ADDRESS)) == []


def test_a_pattern_cannot_hang() -> None:
    schema = {"pattern": "^(a+)+$"}
    assert forms.check(schema, "a" * 40_000 + "b") != []
