"""The rule set as it is written, stored and sent: structs with one JSON form.

A condition is a tree. Leaves are rows (``field operator value``) and CEL expressions; ``all``, ``any`` and
``not`` combine them to any depth. Every struct refuses members it does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, TypeAlias

import msgspec

from rules.engine.faults import Fault, InvalidRuleSet

Kind: TypeAlias = Literal[
    "string", "integer", "number", "boolean", "date", "timestamp", "duration", "list", "object"
]
"""The types of a fact. A boolean is no number. Dates are RFC 3339 full-dates, timestamps RFC 3339 with an
offset, durations ISO 8601 days and time (``P1DT2H``)."""


class Operator(StrEnum):
    """What a row asks of its field."""

    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LE = "le"
    GT = "gt"
    GE = "ge"
    IN = "in"
    NOT_IN = "not_in"
    BETWEEN = "between"
    """Both ends included: ``[low, high]``."""
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    CONTAINS = "contains"
    """A string holds a substring, or a list an element."""
    MATCHES = "matches"
    """An RE2 expression is found anywhere in the string; anchor it with ``^`` and ``$``."""
    EXISTS = "exists"
    """The fact is there and is not null. Takes no value."""


class HitPolicy(StrEnum):
    """Which of the rules that hold decide (DMN 1.3, 8.2.8)."""

    UNIQUE = "unique"
    """At most one may hold; more is an error."""
    ANY = "any"
    """Several may hold if they agree on every output."""
    FIRST = "first"
    PRIORITY = "priority"
    """The rule whose outputs stand first among the declared output values, then by the rule's priority."""
    COLLECT = "collect"
    RULE_ORDER = "rule_order"
    OUTPUT_ORDER = "output_order"
    """All of them, ranked as ``priority`` ranks."""


class Aggregation(StrEnum):
    """How ``collect`` makes one value of each output's values."""

    SUM = "sum"
    MIN = "min"
    MAX = "max"
    COUNT = "count"


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    pass


class Fact(_Strict, frozen=True):
    """The declared type of one field, and what values it can take.

    ``values``, ``minimum`` and ``maximum`` bound the analysis: a gap outside them is no gap. Facts outside
    them are refused.
    """

    type: Kind
    items: Kind | None = None
    """Of a list: the type of its elements."""
    required: bool = False
    values: tuple[Any, ...] | None = None
    minimum: Any = None
    maximum: Any = None
    description: str = ""


class Output(_Strict, frozen=True):
    """One output: its type, its allowed values in order of priority, its value when no rule sets it."""

    type: Kind
    items: Kind | None = None
    values: tuple[Any, ...] | None = None
    default: Any = msgspec.UNSET
    description: str = ""


class Row(_Strict, frozen=True, tag_field="kind", tag="row"):
    """``field operator value``; ``field`` is a dotted path into the facts."""

    field: str
    operator: Operator
    value: Any = None


class Expression(_Strict, frozen=True, tag_field="kind", tag="expression"):
    """A condition in CEL over the facts; it must yield a boolean."""

    cel: str


class All(_Strict, frozen=True, tag_field="kind", tag="all"):
    """Every one of them; of none, true."""

    of: tuple[Condition, ...]


class AnyOf(_Strict, frozen=True, tag_field="kind", tag="any"):
    """At least one of them; of none, false."""

    of: tuple[Condition, ...]


class Not(_Strict, frozen=True, tag_field="kind", tag="not"):
    """The opposite. A missing fact is neither true nor false, and so is its opposite."""

    of: Condition


Condition: TypeAlias = Row | Expression | All | AnyOf | Not


class Set(_Strict, frozen=True, tag_field="type", tag="set"):
    """Give an output a value: a literal, or what a CEL expression over the facts yields."""

    output: str
    value: Any = msgspec.UNSET
    cel: str | None = None


class Add(_Strict, frozen=True, tag_field="type", tag="add"):
    """Add to a number, or append to a list, across all the rules that fire in one evaluation."""

    output: str
    value: Any = msgspec.UNSET
    cel: str | None = None


class Emit(_Strict, frozen=True, tag_field="type", tag="emit"):
    """Publish an event; ``computed`` holds members of the payload that CEL computes."""

    event: str
    payload: dict[str, Any] = {}
    computed: dict[str, str] = {}


class Call(_Strict, frozen=True, tag_field="type", tag="call"):
    """Ask for a webhook or a Lambda to be called, through the outbox and never inline."""

    via: Literal["webhook", "lambda"]
    target: str
    payload: dict[str, Any] = {}
    computed: dict[str, str] = {}


class Stop(_Strict, frozen=True, tag_field="type", tag="stop"):
    """No rule after this one fires in this evaluation."""


Action: TypeAlias = Set | Add | Emit | Call | Stop


class Rule(_Strict, frozen=True):
    """One rule. Higher ``priority`` goes first, then the place in the set.

    It holds from ``valid_from`` until, but not at, ``valid_until``. Without a condition it always holds.
    """

    id: str
    actions: tuple[Action, ...] = ()
    condition: Condition | None = None
    name: str = ""
    description: str = ""
    priority: int = 0
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    enabled: bool = True


class RuleSet(_Strict, frozen=True):
    """Rules over one fact schema, with the policy that makes one decision of them.

    ``missing`` says what a row over an absent or null fact does: ``skip`` keeps its rule from firing,
    ``error`` ends the evaluation with the rule and the field, unless the rule is decided without it.
    """

    facts: dict[str, Fact]
    rules: tuple[Rule, ...]
    name: str = ""
    version: str = ""
    outputs: dict[str, Output] = {}
    hit_policy: HitPolicy = HitPolicy.FIRST
    aggregation: Aggregation | None = None
    missing: Literal["skip", "error"] = "skip"
    chaining: bool = False
    """Outputs become facts, until nothing changes."""
    chain_rounds: int = 100


def rule_set_from_json(document: bytes | str) -> RuleSet:
    """Read a rule set; :class:`InvalidRuleSet` names the member that does not fit."""
    try:
        return msgspec.json.decode(document, type=RuleSet)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRuleSet([Fault("malformed", str(error))]) from error
    except RecursionError as error:
        raise InvalidRuleSet([Fault("too_deep", "the document is nested too deeply to read")]) from error


def rule_set_to_json(rule_set: RuleSet) -> bytes:
    """Write a rule set; what :func:`rule_set_from_json` reads back is equal to it."""
    return msgspec.json.Encoder(decimal_format="number").encode(rule_set)


def walk(condition: Condition | None, place: str = "/condition") -> Iterator[tuple[Condition, str, int]]:
    """Each node of a condition tree with its JSON pointer and depth, without recursion."""
    pending = [] if condition is None else [(condition, place, 1)]
    while pending:
        node, at, depth = pending.pop()
        yield node, at, depth
        if isinstance(node, Not):
            pending.append((node.of, f"{at}/of", depth + 1))
        elif isinstance(node, All | AnyOf):
            pending.extend(
                (child, f"{at}/of/{i}", depth + 1) for i, child in reversed(list(enumerate(node.of)))
            )
