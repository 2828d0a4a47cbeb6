"""Which revisions go before a release's code, and which after it.

A revision that only adds is lived with by the release before it, and goes first. One that takes away what the
release before it uses says ``contracts = True``, and goes when no caller meets that release any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from alembic.script import ScriptDirectory

from migrations import runner


@dataclass(frozen=True)
class Revision:
    """One revision: its name, and whether it takes something away."""

    name: str
    contracts: bool = False


class OrderError(Exception):
    """The database cannot be brought to this release in a safe order; the message says why and what to do."""


def known() -> tuple[Revision, ...]:
    """The revisions that this code has, the oldest first."""
    script = ScriptDirectory.from_config(runner.configuration())
    newest_first = script.walk_revisions()
    found = [Revision(r.revision, bool(getattr(r.module, "contracts", False))) for r in newest_first]
    return tuple(reversed(found))


def needed(revisions: Sequence[Revision] | None = None) -> str:
    """The revision that this release's code needs; what contracts after it, no code waits for."""
    return _last_of_expansion(known() if revisions is None else revisions)


def before_the_code(present: str | None, revisions: Sequence[Revision]) -> str:
    """The revision to bring the database to before this release's code serves."""
    if present is None:
        return revisions[-1].name  # nobody uses an empty database yet
    pending = _after(present, revisions)
    first = next((place for place, r in enumerate(pending) if r.contracts), len(pending))
    late = [r.name for r in pending[first:] if not r.contracts]
    if late:
        raise OrderError(
            f"{late[0]} adds what this release needs, after {pending[first].name} takes away what the one "
            f"before uses. Deploy a release that ends with {pending[first].name} first."
        )
    return pending[first - 1].name if first else present


def taken_since(earlier: str, present: str | None, revisions: Sequence[Revision]) -> list[str]:
    """The revisions that took something away since the database was at an earlier one."""
    done = _after(earlier, revisions)
    names = [r.name for r in done]
    reached = names.index(present) + 1 if present in names else 0
    return [r.name for r in done[:reached] if r.contracts]


def _after(present: str, revisions: Sequence[Revision]) -> Sequence[Revision]:
    names = [r.name for r in revisions]
    if present not in names:
        raise OrderError(
            f"The database is at {present}, which this release does not know: a newer one was deployed. Go "
            "back with `make rollback`, which leaves the database as it is."
        )
    return revisions[names.index(present) + 1 :]


def _last_of_expansion(revisions: Sequence[Revision]) -> str:
    kept = list(revisions)
    while len(kept) > 1 and kept[-1].contracts:
        kept.pop()
    return kept[-1].name
