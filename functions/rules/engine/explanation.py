"""What an explanation says: each condition with the fact's value and how it stood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from rules.engine.values import written

Standing = Literal["true", "false", "missing", "error"]


class ConditionExplanation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One node of a rule's condition tree.

    ``test`` is the row as it reads (``amount gt 100``), ``all``, ``any``, ``not`` or the expression. ``fact``
    is the value that a row saw; in a fresh :class:`Explanation` it stands once for all rules, in ``facts``.
    """

    place: str
    test: str
    verdict: Standing
    field: str = ""
    fact: Any = msgspec.UNSET
    reason: str = ""
    of: tuple[ConditionExplanation, ...] = ()

    def with_facts(self, facts: Mapping[str, Any]) -> ConditionExplanation:
        """The same with each row's value beside it; null for a missing fact."""
        return msgspec.structs.replace(
            self,
            fact=written(facts.get(self.field)) if self.field else msgspec.UNSET,
            of=tuple(below.with_facts(facts) for below in self.of),
        )


class RuleExplanation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a rule held or did not. ``stopped_by`` are the leaves that kept it from holding, empty when it
    held.
    """

    rule: str
    verdict: Standing
    fired: bool
    condition: ConditionExplanation
    stopped_by: tuple[ConditionExplanation, ...] = ()
    reason: str = ""

    def with_facts(self, facts: Mapping[str, Any]) -> RuleExplanation:
        """The same with each row's value beside it."""
        return msgspec.structs.replace(
            self,
            condition=self.condition.with_facts(facts),
            stopped_by=tuple(leaf.with_facts(facts) for leaf in self.stopped_by),
        )


class Explanation(msgspec.Struct, frozen=True):
    """The rules that fired, explained; any other is explained on request by the matcher's ``why``."""

    facts: dict[str, Any]
    """What the rules' fields were, by field."""
    fired: tuple[RuleExplanation, ...]
    held: tuple[str, ...] = ()
    """Rules that held too, and did not fire because the hit policy chose another or a rule said ``stop``."""

    def rules(self) -> list[RuleExplanation]:
        """The rules that fired with each condition's value beside it, as people read them."""
        return [rule.with_facts(self.facts) for rule in self.fired]
