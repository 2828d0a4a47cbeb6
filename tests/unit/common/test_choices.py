"""A value that is none of a few is told with those that there are."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
import pytest

from common.binding import invalid


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Paint(msgspec.Struct, tag="paint"):
    colour: Colour
    coats: Annotated[Literal[1, 2] | None, msgspec.Meta(description="")] = None


class Paper(msgspec.Struct, tag="paper", rename="camel"):
    pattern_kind: Literal["dots", "lines"]


class Room(msgspec.Struct):
    walls: list[Paint | Paper] = []
    doors: dict[str, Paint] = {}
    ceiling: Paint | None = None


@pytest.mark.parametrize(
    ("body", "pointer", "allowed"),
    [
        ({"walls": [{"type": "paint", "colour": "green"}]}, "/walls/0/colour", "red, blue"),
        ({"walls": [{"type": "paint", "colour": "red", "coats": 3}]}, "/walls/0/coats", "1, 2"),
        ({"walls": [{"type": "paper", "patternKind": "x"}]}, "/walls/0/patternKind", "dots, lines"),
        ({"doors": {"front": {"type": "paint", "colour": "x"}}}, "/doors/.../colour", "red, blue"),
        ({"ceiling": {"type": "paint", "colour": "x"}}, "/ceiling/colour", "red, blue"),
    ],
)
def test_the_choices_are_found_where_the_value_stands(body: Any, pointer: str, allowed: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(body, Room)
    problem = invalid(refused.value, Room)
    (error,) = problem.members["errors"]
    assert error["pointer"] == pointer
    assert error["detail"].endswith(f"; there are {allowed}")


def test_other_faults_are_told_as_they_are() -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert({"walls": 1}, Room)
    assert "there are" not in str(invalid(refused.value, Room).members)
