"""How large things are drawn: text, and the elements around it. The unit is the pixel of BPMN DI."""

from __future__ import annotations

import unicodedata

from .model import (
    Activity,
    AnyElement,
    BoundaryEvent,
    Event,
    Gateway,
    SubProcess,
)

FONT = 12.0
LINE = 14.0
EVENT = 36.0
GATEWAY = 50.0
TASK_WIDTH, TASK_HEIGHT = 120.0, 80.0
LABEL_WIDTH = 104.0
FLOW_LABEL_WIDTH = 96.0
BOUNDARY_STEP = 56.0

_NARROW = set("ijlt.,:;|!'()[]{}fIr /\\-")
_BROAD = set("mwMW@%&")


def text_width(text: str, font: float = FONT) -> float:
    """About how wide a text is drawn in the diagram's font."""
    units = 0.0
    for character in text:
        if character in _NARROW:
            units += 0.38
        elif character in _BROAD:
            units += 0.95
        elif unicodedata.east_asian_width(character) in "WF":
            units += 1.05
        else:
            units += 0.7 if character.isupper() else 0.61
    return units * font


def wrap(text: str, width: float, lines: int, font: float = FONT) -> list[str]:
    """The text in at most ``lines`` lines no wider than ``width``; what does not fit ends in an ellipsis."""
    found: list[str] = []
    words = [piece for word in text.split() for piece in _pieces(word, width, font)]
    for word in words:
        if found and text_width(f"{found[-1]} {word}", font) <= width:
            found[-1] = f"{found[-1]} {word}"
        else:
            found.append(word)
    if len(found) > lines:
        last = found[lines - 1]
        while last and text_width(f"{last}…", font) > width:
            last = last[:-1]
        found = [*found[: lines - 1], f"{last.rstrip()}…"]
    return found


def _pieces(word: str, width: float, font: float) -> list[str]:
    """A word, broken where it alone is wider than a line; after an underscore or hyphen if there is one."""
    pieces: list[str] = []
    while text_width(word, font) > width:
        cut = len(word)
        while cut > 1 and text_width(word[:cut], font) > width:
            cut -= 1
        mark = max(word.rfind("_", 1, cut), word.rfind("-", 1, cut), word.rfind(".", 1, cut)) + 1
        cut = mark if mark > 2 else cut
        pieces.append(word[:cut])
        word = word[cut:]
    return [*pieces, word]


def element_size(element: AnyElement, boundaries: list[BoundaryEvent]) -> tuple[float, float]:
    """Width and height of an element; an activity is wide enough for the events on its boundary."""
    if isinstance(element, Event):
        return EVENT, EVENT
    if isinstance(element, Gateway):
        return GATEWAY, GATEWAY
    width = max(TASK_WIDTH, 24 + BOUNDARY_STEP * len(boundaries))
    return width, TASK_HEIGHT


def label_lines(element: AnyElement) -> list[str]:
    """The lines of a label that stands outside of the element: events and gateways have one."""
    if isinstance(element, Activity) or not element.name:
        return []
    return wrap(element.name, LABEL_WIDTH, 3)


def is_placed_apart(element: AnyElement) -> bool:
    """Whether an element stands below the others because no flow can lead to it."""
    return isinstance(element, SubProcess) and element.event
