"""A rule set's own tests: facts, and the decision that is expected of them. They gate publishing."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import delete, select

from common.errors import Invalid, NotFound
from common.identifiers import uuid7
from common.listing.listed import Listing
from common.operation import operation
from common.paging import Page, Selection
from common.work import Work
from rules import sets, storage
from rules.engine.chain import evaluate_set
from rules.engine.check import require_valid
from rules.engine.compile import compile_rules
from rules.engine.evaluate import Matcher
from rules.engine.fields import Admission
from rules.tables import rule_tests

MOST = 1000
"""Tests of one set."""


class NewTest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A test: over these facts the set puts out exactly this, and, if said, by these rules."""

    name: sets.Name
    facts: dict[str, Any]
    outputs: dict[str, Any]
    fired: list[str] | None = None
    moment: datetime | None = None


class RuleTest(Struct, frozen=True, kw_only=True):
    """A test as it is kept."""

    id: UUID
    name: str
    facts: dict[str, Any]
    outputs: dict[str, Any]
    fired: list[str] | None
    moment: datetime | None
    created_at: datetime


class TestOutcome(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a test went, and what was put out instead of what was expected."""

    __test__ = False
    id: UUID
    name: str
    passed: bool
    outputs: dict[str, Any] = {}
    fired: list[str] = []
    error: str = ""


class TestRun(Struct, frozen=True):
    """How all tests of a set's draft went."""

    __test__ = False
    passed: int
    failed: int
    outcomes: list[TestOutcome]


@operation("POST /rules/sets/{id}/tests", permission="rules.test.create", status=201, idempotent=True)
def create(id: str, new: NewTest, work: Work) -> RuleTest:  # noqa: A002 - the path's name
    """Add a test to a set. From here on it must pass for the set to be published."""
    owner = sets.active(work, id)
    count = select(rule_tests.c.id).where(
        rule_tests.c.tenant_id == work.tenant, rule_tests.c.set_id == owner.id
    )
    if len(work.execute(count.limit(MOST)).all()) >= MOST:
        raise Invalid(f"A set has at most {MOST} tests.")
    row = work.execute(
        rule_tests.insert()
        .values(
            id=uuid7(),
            tenant_id=work.tenant,
            set_id=owner.id,
            created_at=work.now,
            **msgspec.structs.asdict(new),
        )
        .returning(rule_tests)
    ).one()
    return _told(row)


_LISTING = Listing("rule tests", RuleTest, by="name", key="name")


@operation("GET /rules/sets/{id}/tests", permission="rules.test.read")
def list_(id: str, asked: Selection, work: Work) -> Page[RuleTest]:  # noqa: A002
    """List a set's tests by name."""
    owner = sets.find(work, id)
    statement = select(rule_tests).where(
        rule_tests.c.tenant_id == work.tenant, rule_tests.c.set_id == owner.id
    )
    return _LISTING.page(work, statement, asked, _told, of=owner.id)


@operation("DELETE /rules/sets/{id}/tests/{test_id}", permission="rules.test.delete", status=204)
def remove(id: str, test_id: UUID, work: Work) -> None:  # noqa: A002
    """Take a test away."""
    owner = sets.find(work, id)
    gone = work.execute(
        delete(rule_tests).where(
            rule_tests.c.tenant_id == work.tenant,
            rule_tests.c.set_id == owner.id,
            rule_tests.c.id == test_id,
        )
    )
    if gone.rowcount == 0:
        raise NotFound(f"The set has no test {test_id}.")


@operation(
    "POST /rules/sets/{id}/tests/run", permission="rules.test.read", answers=(422,), memory=1024, timeout=29
)
def run(id: str, work: Work) -> TestRun:  # noqa: A002
    """Run a set's tests against its draft."""
    owner = sets.find(work, id)
    draft = storage.draft(work, owner)
    require_valid(draft)
    outcomes = run_all(work, owner.id, compile_rules(draft))
    passed = sum(outcome.passed for outcome in outcomes)
    return TestRun(passed, len(outcomes) - passed, outcomes)


def run_all(work: Work, set_id: UUID, matcher: Matcher) -> list[TestOutcome]:
    """Run a set's tests against something compiled."""
    rows = work.execute(
        select(rule_tests)
        .where(rule_tests.c.tenant_id == work.tenant, rule_tests.c.set_id == set_id)
        .order_by(rule_tests.c.name)
    )
    admission = Admission(matcher.bound.rule_set.facts)
    return [_run(row, matcher, admission, work.now) for row in rows]


def _run(row: Any, matcher: Matcher, admission: Admission, now: datetime) -> TestOutcome:
    try:
        admission.check(row.facts)
        found = evaluate_set(matcher, row.facts, moment=row.moment or now)
    except Invalid as problem:
        return TestOutcome(id=row.id, name=row.name, passed=False, error=problem.detail)
    outputs, fired = msgspec.to_builtins(found.outputs), list(found.fired)
    agrees = _canonical(outputs) == _canonical(row.outputs) and row.fired in (None, fired)
    error = found.errors[0].message if found.errors else ""
    return TestOutcome(
        id=row.id, name=row.name, passed=agrees and not error, outputs=outputs, fired=fired, error=error
    )


def _canonical(value: Any) -> bytes:
    """As JSON, so that true is not 1 and the order of members does not matter."""
    return msgspec.json.encode(value, order="deterministic")


def _told(row: Any) -> RuleTest:
    return RuleTest(**{name: getattr(row, name) for name in RuleTest.__struct_fields__})
