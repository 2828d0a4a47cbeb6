"""Analysis: overlaps, conflicts, shadowed rules and gaps, by set algebra on the rules' boxes.

Boxes say all about a rule whose condition is rows with an order; of others they say what is necessary. So a
finding is reported only with witness facts that the interpreter confirms, and what cannot be confirmed is
listed as undecided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from rules.engine.actions import Performance, same_outputs
from rules.engine.bound import BoundRule
from rules.engine.compile import boxes_of, compile_rules
from rules.engine.coverage import Budget, Region, TooMany, meets, uncovered
from rules.engine.domain import domain, listed, normal, readable
from rules.engine.evaluate import Matcher
from rules.engine.fields import MOMENT
from rules.engine.findings import Analysis, Conflict, Gap, Overlap, Shadowed, Undecided, Witness
from rules.engine.limits import LIMITS, Limits
from rules.engine.model import Kind, RuleSet, Set
from rules.engine.notation import unary_tests
from rules.engine.sets import PRESENT
from rules.engine.witness import Witnesses


def analyse(rule_set: RuleSet, limits: Limits = LIMITS) -> Analysis:
    """Analyse a rule set that has passed the check."""
    return _Analyst(compile_rules(rule_set, limits), limits).analysis()


class _Box(msgspec.Struct, frozen=True):
    """One alternative of a rule within the facts' domain; ``exact`` when nothing else needs to hold."""

    place: int
    region: Region
    exact: bool


class _Neighbours:
    """Boxes grouped by the values of the one field that lists its values most often, so that few need
    comparing.
    """

    def __init__(self, boxes: list[_Box], kind_of: Callable[[int], Kind]) -> None:
        self._kind_of = kind_of
        counts: dict[int, int] = {}
        for box in boxes:
            for slot, values in box.region.items():
                counts[slot] = counts.get(slot, 0) + (listed(kind_of(slot), values) is not None)
        self._slot = max(counts, key=lambda slot: counts[slot], default=None)
        self._boxes = boxes
        self._groups: dict[Any, list[_Box]] = {}
        self._everywhere: list[_Box] = []
        for box in boxes:
            points = self._listed(box)
            for value in points or ():
                self._groups.setdefault(value, []).append(box)
            if points is None:
                self._everywhere.append(box)

    def _listed(self, box: _Box) -> list[Any] | None:
        if self._slot is None or self._slot not in box.region:
            return None
        return listed(self._kind_of(self._slot), box.region[self._slot])

    def near(self, box: _Box) -> Iterator[_Box]:
        """The boxes that may share something with a box, each once."""
        values = self._listed(box)
        if values is None:
            yield from self._boxes
            return
        yield from self._everywhere
        if len(values) == 1:
            yield from self._groups.get(values[0], ())
            return
        found = {id(other): other for value in values for other in self._groups.get(value, ())}
        yield from found.values()


class _Analyst:
    def __init__(self, matcher: Matcher, limits: Limits) -> None:
        self._bound = bound = matcher.bound
        self._limits = limits
        self._budget = Budget(limits.analysis_steps)
        allows_absence = bound.rule_set.missing == "skip"
        self._domain: Region = {
            slot: domain(field.fact, allows_absence=allows_absence)
            for slot, field in enumerate(bound.fields.fields)
        }
        if bound.is_timed:
            self._domain[MOMENT] = PRESENT
        self._boxes = [self._boxes_of(place, rule) for place, rule in enumerate(bound.rules)]
        self._witnesses = Witnesses(matcher)
        self._undecided: list[Undecided] = []
        self._is_complete = True

    def _boxes_of(self, place: int, rule: BoundRule) -> list[_Box]:
        found = []
        for box in boxes_of(rule, self._limits):
            region = {slot: normal(self._kind(slot), values) for slot, values in box.sets.items()}
            within = meets(self._domain, region)
            if within is not None:
                found.append(_Box(place, {slot: within[slot] for slot in region}, not box.residual))
        return found

    def analysis(self) -> Analysis:
        overlaps: list[Overlap] = []
        conflicts: list[Conflict] = []
        for overlap, found in self._within_limits(self._overlaps()):
            overlaps.append(overlap)
            conflicts += found
        shadowed = list(self._within_limits(self._shadowed()))
        gaps = list(self._within_limits(self._gaps()))
        return Analysis(
            overlaps=overlaps,
            conflicts=conflicts[: self._limits.findings],
            shadowed=shadowed,
            gaps=gaps,
            never=[
                rule.rule.id for rule, boxes in zip(self._bound.rules, self._boxes, strict=True) if not boxes
            ],
            undecided=self._undecided[: self._limits.findings],
            complete=self._is_complete,
        )

    def _within_limits(self, findings: Iterator[Any]) -> Iterator[Any]:
        """Findings until there are too many or they take too many steps."""
        self._budget = Budget(self._limits.analysis_steps)
        try:
            for count, finding in enumerate(findings):
                if count == self._limits.findings:
                    self._is_complete = False
                    return
                yield finding
        except TooMany:
            self._is_complete = False

    def _kind(self, slot: int) -> Kind:
        return "timestamp" if slot == MOMENT else self._bound.fields.fields[slot].fact.type

    def _id(self, place: int) -> str:
        return self._bound.rules[place].rule.id

    def _overlaps(self) -> Iterator[tuple[Overlap, list[Conflict]]]:
        decided: set[tuple[int, int]] = set()
        doubtful: dict[tuple[int, int], None] = {}
        for first, second in self._pairs():
            pair = (first.place, second.place)
            self._budget.spend()
            shared = None if pair in decided else meets(first.region, second.region)
            if shared is None:
                continue
            witness = self._witnesses.together(self._domain | shared, shared.keys(), pair)
            if witness is None:
                doubtful[pair] = None
                continue
            decided.add(pair)
            overlap = Overlap((self._id(pair[0]), self._id(pair[1])), witness)
            yield overlap, self._conflicts(pair, witness)
        for pair in doubtful.keys() - decided:
            self._undecided.append(Undecided("overlap", (self._id(pair[0]), self._id(pair[1]))))

    def _pairs(self) -> Iterator[tuple[_Box, _Box]]:
        """Boxes of different rules that may share something, the earlier rule's first."""
        boxes = [box for found in self._boxes for box in found]
        neighbours = _Neighbours(boxes, self._kind)
        for box in boxes:
            for other in neighbours.near(box):
                if other.place > box.place:
                    yield box, other

    def _conflicts(self, pair: tuple[int, int], witness: Witness) -> list[Conflict]:
        """The outputs that two rules would set differently over the witness."""
        first, second = (self._set_by(place, witness) for place in pair)
        rules = (self._id(pair[0]), self._id(pair[1]))
        return [
            Conflict(rules, name, (first[name], second[name]), witness)
            for name in first
            if name in second and not same_outputs({name: first[name]}, {name: second[name]})
        ]

    def _set_by(self, place: int, witness: Witness) -> dict[str, Any]:
        performer = self._bound.rules[place].performer
        names = {action.output for action in performer.rule.actions if isinstance(action, Set)}
        own = performer.perform(Performance(self._bound.binder.bind(witness.facts), []))
        return {name: value for name, value in own.items() if name in names}

    def _shadowed(self) -> Iterator[Shadowed]:
        ending = [
            box
            for boxes in self._boxes
            for box in boxes
            if box.exact and (self._bound.takes_first or self._bound.rules[box.place].performer.stops)
        ]
        neighbours = _Neighbours(ending, self._kind)
        for place, boxes in enumerate(self._boxes):
            if boxes and ending:
                yield from self._shadowed_rule(place, boxes, neighbours)

    def _shadowed_rule(self, place: int, boxes: list[_Box], ending: _Neighbours) -> Iterator[Shadowed]:
        by: dict[int, None] = {}
        for box in boxes:
            near = []
            for other in ending.near(box):
                self._budget.spend()
                if other.place < place and meets(box.region, other.region) is not None:
                    near.append(other)
            regions = [other.region for other in near]
            if (
                not regions
                or next(uncovered(self._domain | box.region, regions, self._budget), None) is not None
            ):
                return
            by |= dict.fromkeys(other.place for other in near)
        region = self._domain | boxes[0].region
        witness = self._witnesses.beaten(region, boxes[0].region.keys(), place, list(by)[:4])
        if witness is None:
            self._undecided.append(Undecided("shadowed", (self._id(place),)))
        else:
            yield Shadowed(self._id(place), tuple(self._id(other) for other in by), witness)

    def _gaps(self) -> Iterator[Gap]:
        exact = [box.region for boxes in self._boxes for box in boxes if box.exact]
        doubtful = any(not box.exact for boxes in self._boxes for box in boxes)
        for region in uncovered(self._domain, exact, self._budget):
            named = [slot for slot in region if region[slot] != self._domain[slot]]
            witness = self._witnesses.unmatched(region, named)
            if witness is not None:
                yield Gap(self._described(region, named), witness)
            elif doubtful:
                self._undecided.append(Undecided("gap", ()))

    def _described(self, region: Region, named: list[int]) -> dict[str, str]:
        names = {MOMENT: "moment"} | {
            slot: field.name for slot, field in enumerate(self._bound.fields.fields)
        }
        return {names[slot]: unary_tests(readable(self._kind(slot), region[slot])) for slot in named}
