"""Evaluation: the facts through the index, the tests that remain, and the decision."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rules.engine import interpret
from rules.engine.actions import RuleError
from rules.engine.bind import Verdict
from rules.engine.bound import BoundRuleSet
from rules.engine.closures import compile_tests
from rules.engine.conclude import Concluder, Evaluation
from rules.engine.explain import Explainer
from rules.engine.explanation import RuleExplanation
from rules.engine.faults import MomentRequired
from rules.engine.index import Hits, Node
from rules.engine.normal import Box


class Matcher:
    """A compiled rule set. It is immutable and may be shared between threads and kept for a container's
    life.
    """

    def __init__(self, bound: BoundRuleSet, boxes: Sequence[Box], rule_of: Sequence[int], root: Node) -> None:
        self.bound = bound
        self._tests = [compile_tests(box.residual, bound.binder) for box in boxes]
        self._rule_of = rule_of
        self.index = root
        self._search = root.search
        self._take = bound.fields.taker()
        self._conclude = Concluder(bound).conclude
        self._takes_first = bound.takes_first
        self._explainer = Explainer(bound)
        self._refuses_missing = bound.rule_set.missing == "error"
        self._is_direct = (
            not any(self._tests)
            and list(rule_of) == list(range(len(bound.rules)))
            and not (bound.is_timed or self._refuses_missing)
        )
        """Whether boxes and rules are one, and the index decides all."""
        self._count = len(bound.fields.fields)

    @property
    def version(self) -> str:
        return self.bound.rule_set.version

    def evaluate(
        self, facts: Mapping[str, Any], *, moment: datetime | None = None, explained: bool = False
    ) -> Evaluation:
        """Decide. ``moment`` is needed when rules have validity periods.

        :class:`~rules.engine.faults.InvalidFacts` for a fact of another type than declared,
        :class:`~rules.engine.faults.MissingFact` by the set's ``missing`` policy. What fails inside a rule is
        recorded in the evaluation's ``errors``.
        """
        values = self._take(facts, moment)
        if self._is_direct:
            hits = self._search(values)
            errors: list[RuleError] = []
            if self._takes_first:
                hits = hits[:1]
        else:
            hits, errors = self._hits(facts, moment, values)
        evaluation = self._conclude(hits, values, errors)
        if explained:
            evaluation.explanation = self._explainer.explain(facts, moment, hits, evaluation.fired)
        return evaluation

    def hits(self, facts: Mapping[str, Any], moment: datetime | None = None) -> tuple[Hits, list[RuleError]]:
        """The rules that hold, by their places in the bound set, and what failed; as the interpreter's
        ``hits``.
        """
        return self._hits(facts, moment, self._take(facts, moment))

    def why(self, rule: str, facts: Mapping[str, Any], *, moment: datetime | None = None) -> RuleExplanation:
        """Why one rule fires over these facts, or what stops it; ``KeyError`` for a rule the set does not
        have.
        """
        (explained,) = self.explain([rule], facts, self.evaluate(facts, moment=moment).fired, moment=moment)
        return explained

    def explain(
        self,
        rules: Iterable[str],
        facts: Mapping[str, Any],
        fired: Container[str],
        *,
        moment: datetime | None = None,
    ) -> list[RuleExplanation]:
        """Why each of some rules fired over these facts or did not, given which of the set's rules fired.

        ``KeyError`` for a rule the set does not have.
        """
        return self._explainer.why(rules, facts, moment, fired)

    def _hits(
        self, facts: Mapping[str, Any], moment: datetime | None, values: list[Any]
    ) -> tuple[Hits, list[RuleError]]:
        if self.bound.is_timed and moment is None:
            raise MomentRequired(
                "The rule set has rules with a validity period: say for which moment to evaluate."
            )
        if self._refuses_missing and None in values[: self._count]:
            return interpret.hits(self.bound, facts, moment)
        return self._tested(self._search(values), facts, moment)

    def _tested(
        self, boxes: Hits, facts: Mapping[str, Any], moment: datetime | None
    ) -> tuple[Hits, list[RuleError]]:
        """The rules of the boxes that pass their remaining tests, in order, and what failed in those that do
        not.
        """
        bound = self.bound
        hits: list[int] = []
        errors: list[RuleError] = []
        failed: dict[int, list[RuleError]] = {}
        exact: list[Any] | None = None
        for box in boxes:
            rule = self._rule_of[box]
            if hits and hits[-1] == rule:
                continue
            test = self._tests[box]
            if test is not None:
                if exact is None:
                    exact = bound.fields.take_exactly(facts, moment)
                found = test(exact)
                if found is Verdict.ERROR and rule not in failed:
                    failed[rule] = interpret.rule_errors(bound.rules[rule], exact, bound)
                if found is not Verdict.TRUE:
                    continue
            hits.append(rule)
            if bound.takes_first:
                break
        for rule in sorted(failed.keys() - set(hits)):
            errors += failed[rule]
        return tuple(hits), errors
