"""Published versions, compiled and kept by set and number: a published version never changes."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, select

from common.work import Work
from rules import metrics
from rules.engine.compile import compile_rules
from rules.engine.evaluate import Matcher
from rules.engine.fields import Admission
from rules.engine.model import Expression, RuleSet, walk
from rules.engine.model import Row as Test
from rules.errors import NotPublished
from rules.tables import rule_set_versions

KEPT = 32
"""Compiled versions that a container keeps."""


class Compiled:
    """A published version, ready to decide."""

    def __init__(self, set_id: UUID, number: int, rule_set: RuleSet) -> None:
        self.set_id = set_id
        self.number = number
        self.rule_set = rule_set
        self.matcher: Matcher = compile_rules(rule_set)
        self.admission = Admission(rule_set.facts)
        self.conditions = sum(
            isinstance(node, Test | Expression)
            for rule in rule_set.rules
            if rule.enabled
            for node, _, _ in walk(rule.condition)
        )
        """Conditions that one evaluation decides, most of them by the index."""
        self.action_types = {
            rule.id: [str(action.__struct_config__.tag) for action in rule.actions] for rule in rule_set.rules
        }


_kept: OrderedDict[tuple[UUID, int], Compiled] = OrderedDict()


def current(work: Work, owner: Row[Any], number: int | None = None) -> Compiled:
    """A set's version, the current one unless another is asked for; 404 where there is none."""
    wanted = number or owner.published
    if wanted is None:
        raise NotPublished("The rule set was never published; publish it first.")
    if (found := _kept.get((owner.id, wanted))) is not None:
        _kept.move_to_end((owner.id, wanted))
        metrics.cache_hits_total.inc()
        return found
    document = work.execute(
        select(rule_set_versions.c.document).where(
            rule_set_versions.c.tenant_id == work.tenant,
            rule_set_versions.c.set_id == owner.id,
            rule_set_versions.c.number == wanted,
        )
    ).scalar_one_or_none()
    if document is None:
        raise NotPublished(f"The rule set has no version {wanted}.")
    metrics.cache_misses_total.inc()
    made = Compiled(owner.id, wanted, msgspec.convert(document, RuleSet))
    _kept[owner.id, wanted] = made
    if len(_kept) > KEPT:
        _kept.popitem(last=False)
    return made
