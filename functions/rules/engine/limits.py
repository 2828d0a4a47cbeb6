"""Bounds on what a rule author or a caller can make the engine do: past each, a named error, never a hang."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """The bounds in force; the defaults suit one Lambda."""

    rules: int = 50_000
    declarations: int = 5_000
    """Facts of one rule set, and outputs."""
    name: int = 500
    """Characters in the name of a fact or an output."""
    conditions_per_rule: int = 1_000
    """Rows and expressions in one rule's condition tree."""
    depth: int = 32
    """Levels of ``all``, ``any`` and ``not`` in one rule, and of nesting in the facts that are walked."""
    actions_per_rule: int = 100
    list_values: int = 10_000
    """Values in one ``in`` or ``not_in`` row."""
    text: int = 65_536
    """Characters in one string of a rule: a literal, a pattern, an expression."""
    pattern_memory: int = 1 << 20
    """Bytes that a compiled regular expression may take (RE2 refuses past it)."""
    fact_items: int = 100_000
    """Elements in one list among the facts."""
    alternatives: int = 16
    """Conjunctions that one rule is spread into for the index; a wider rule keeps closures."""
    faults: int = 100
    """Faults that one check names; those of the rules after them come when these are mended."""
    chain_rounds: int = 1_000
    """The greatest bound that a set may state for forward chaining."""
    findings: int = 1_000
    """Findings of one kind that an analysis lists."""
    analysis_steps: int = 2_000_000
    """Set operations that one analysis may spend before it says that it stopped early."""


LIMITS = Limits()
