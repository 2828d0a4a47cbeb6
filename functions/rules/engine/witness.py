"""Facts that show a finding, made from regions of value sets and confirmed by the interpreter."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import chain, islice, product
from typing import Any

from rules.engine import interpret
from rules.engine.bind import Bound, BoundExpression, BoundGroup, BoundNot, BoundRow, Verdict
from rules.engine.coverage import Region
from rules.engine.domain import examples
from rules.engine.evaluate import Matcher
from rules.engine.faults import MissingFact
from rules.engine.fields import MOMENT, overlaps
from rules.engine.findings import Witness
from rules.engine.model import Operator
from rules.engine.values import written

_TRIES = 64
"""Combinations of example values that are tried before a finding stays undecided."""
_MISSING = object()
_OPAQUE = frozenset({Operator.CONTAINS, Operator.ENDS_WITH, Operator.MATCHES, Operator.STARTS_WITH})


class Witnesses:
    """Finds witnesses for one rule set."""

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._bound = bound = matcher.bound
        self._suggested = [self._suggestions(rule.condition) for rule in bound.rules]

    def together(self, region: Region, named: Collection[int], rules: Sequence[int]) -> Witness | None:
        """Facts in a region for which all these rules hold; ``named`` are the slots that the rules
        constrain.
        """
        return next(
            (witness for witness in self._candidates(region, named, rules) if self._all_hold(witness, rules)),
            None,
        )

    def beaten(
        self, region: Region, named: Collection[int], rule: int, others: Sequence[int]
    ) -> Witness | None:
        """Facts for which a rule holds and does not fire, because others do."""
        for witness in self._candidates(region, named, (rule, *others)):
            if self._all_hold(witness, (rule,)) and rule not in self._fired(witness):
                return witness
        return None

    def unmatched(self, region: Region, named: Collection[int]) -> Witness | None:
        """Facts in a region for which no rule holds."""
        return next((w for w in self._candidates(region, named, ()) if self._hits(w) == ()), None)

    def _candidates(self, region: Region, named: Collection[int], rules: Sequence[int]) -> Iterator[Witness]:
        """Witnesses to try: one example for each field, in a few combinations."""
        slots = sorted(region)
        choices = [self._choices(slot, region, slot in named, rules) for slot in slots]
        for values in islice(product(*choices), _TRIES):
            yield self._witness(dict(zip(slots, values, strict=True)))

    def _choices(self, slot: int, region: Region, is_named: bool, rules: Sequence[int]) -> list[Any]:
        found = region[slot]
        if slot == MOMENT:
            return list(islice(examples("timestamp", found), 2))
        kind = self._bound.fields.fields[slot].fact.type
        suggested = [value for rule in rules for value in self._suggested[rule].get(slot, ())]
        if kind == "string":
            suggested += ["".join(map(str, suggested))] if len(suggested) > 1 else []
            suggested = [value for value in suggested if value in found]
        elif kind == "list" and suggested:
            suggested = [suggested]
        read = any(slot in self._suggested[rule] for rule in rules)
        present = list(islice(chain(suggested, examples(kind, found)), 4)) if _has_values(found) else []
        missing = [_MISSING] if found.absent else []
        return present + missing if is_named or read else missing + present

    def _suggestions(self, condition: Bound) -> dict[int, list[Any]]:
        """Values that the rows without value sets ask for, by slot; of expressions, only which slots they
        read.
        """
        found: dict[int, list[Any]] = {}
        pending: list[Bound] = [condition]
        while pending:
            match pending.pop():
                case BoundRow() as row if row.row.operator in _OPAQUE:
                    found.setdefault(row.slot, []).append(row.literal)
                case BoundExpression() as expression:
                    for name, slot in self._bound.fields.slots.items():
                        if any(overlaps(path, name) for path in expression.program.paths):
                            found.setdefault(slot, [])
                case BoundNot() as negation:
                    pending.append(negation.of)
                case BoundGroup() as group:
                    pending.extend(group.of)
        return found

    def _witness(self, values: dict[int, Any]) -> Witness:
        facts: dict[str, Any] = {}
        for slot, value in values.items():
            if slot == MOMENT or value is _MISSING:
                continue
            *parents, last = self._bound.fields.fields[slot].path
            node = facts
            for parent in parents:
                node = node.setdefault(parent, {})
            node[last] = written(value)
        return Witness(facts, values.get(MOMENT))

    def _all_hold(self, witness: Witness, rules: Sequence[int]) -> bool:
        values = self._bound.fields.take_exactly(witness.facts, witness.moment)
        return all(
            self._bound.rules[rule].is_valid_at(witness.moment)
            and interpret.verdict(self._bound.rules[rule].condition, values, self._bound.binder)
            is Verdict.TRUE
            for rule in rules
        )

    def _hits(self, witness: Witness) -> Sequence[int] | None:
        """The rules that hold, None when the evaluation is refused for a missing fact."""
        try:
            return self._matcher.hits(witness.facts, witness.moment)[0]
        except MissingFact:
            return None

    def _fired(self, witness: Witness) -> Sequence[int]:
        hits = self._hits(witness)
        if hits is None:
            return range(len(self._bound.rules))
        for count, hit in enumerate(hits, 1):
            if self._bound.takes_first or self._bound.rules[hit].performer.stops:
                return hits[:count]
        return hits


def _has_values(found: Any) -> bool:
    return bool(found.below or found.cuts)
