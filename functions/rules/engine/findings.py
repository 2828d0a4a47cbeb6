"""What an analysis finds. Every finding has a witness: facts that show it when they are evaluated."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec


class Witness(msgspec.Struct, frozen=True, omit_defaults=True):
    """Facts, and the moment when validity periods matter."""

    facts: dict[str, Any]
    moment: datetime | None = None


class Overlap(msgspec.Struct, frozen=True):
    """Two rules that hold together for the witness."""

    rules: tuple[str, str]
    witness: Witness


class Conflict(msgspec.Struct, frozen=True):
    """Two rules that hold together and would give one output different values."""

    rules: tuple[str, str]
    output: str
    values: tuple[Any, Any]
    witness: Witness


class Shadowed(msgspec.Struct, frozen=True):
    """A rule that never fires: whenever it holds, one of those before it ends the search, as for the
    witness.
    """

    rule: str
    by: tuple[str, ...]
    witness: Witness


class Gap(msgspec.Struct, frozen=True):
    """Inputs for which no rule holds: the tests that they pass, by field, and one of them as witness."""

    region: dict[str, str]
    witness: Witness


class Undecided(msgspec.Struct, frozen=True):
    """What could not be decided, because of an expression or a pattern that no set of values expresses."""

    finding: Literal["overlap", "shadowed", "gap"]
    rules: tuple[str, ...]


class Analysis(msgspec.Struct, frozen=True, kw_only=True):
    """All that was found. ``complete`` is false when a limit ended the search early."""

    overlaps: list[Overlap]
    conflicts: list[Conflict]
    shadowed: list[Shadowed]
    gaps: list[Gap]
    never: list[str]
    """Rules whose condition no facts of the schema satisfy."""
    undecided: list[Undecided]
    complete: bool
