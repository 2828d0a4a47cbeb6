"""`python -m infra.migration_lint`: refuse migrations that lock under traffic or break the release before.

Squawk judges the SQL that a revision prints; the rules here are what it lacks. Revisions up to 0010 came
before the first release and are what they are. A revision that takes something away says
``contracts = True``, and runs when no release is left that needs it; one that knows better says why:
``accepted = {"rule": "reason"}``.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from alembic.script import Script
from rich.console import Console

from migrations import runner

HELD_AFTER = "0010"
"""The last revision from before there was traffic to consider."""
POSTGRESQL = "17"
"""The oldest version that a stage runs."""

BOOKKEEPING = "platform.alembic_version"
"""Where Alembic notes the revision, in one row."""

STYLE = ("prefer-bigint-over-int", "prefer-bigint-over-smallint", "prefer-text-field", "prefer-robust-stmts")
"""Squawk's rules of taste. The last would let the remains of an index whose build failed pass for it."""

TAKES_AWAY = re.compile(r"ban-drop-|breaks-")
"""The rules that a contracting revision need not keep; renaming breaks whichever release is there."""

_STATEMENT = re.compile(
    r"""(?: --[^\n]* | /\*.*?\*/ | '(?:[^']|'')*' | "[^"]*" | (?P<quote>\$\w*\$).*?(?P=quote) | [^;] )+""",
    re.DOTALL | re.VERBOSE,
)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_CREATED = re.compile(r"create (?:unlogged )?table (?:if not exists )?([\w.\"]+)|create function ([\w.\"]+)")


@dataclass(frozen=True)
class Rule:
    """A rule of our own: statements that match are refused, unless they are about what the revision made."""

    name: str
    pattern: re.Pattern[str]
    message: str


def _rule(name: str, pattern: str, message: str) -> Rule:
    return Rule(name, re.compile(pattern), message)


RULES = (
    _rule(
        "changes-rows",
        r"(?:update|delete from|truncate(?: table)?) (?:only )?(?P<of>[\w.\"]+)",
        "Rows stay locked until the revision commits. Change them in batches, by a function or a schedule.",
    ),
    _rule(
        "locks-table",
        r"lock (?:table )?(?P<of>[\w.\"]+)|cluster\b|vacuum full|refresh materialized view (?!concurrently)"
        r"|alter table (?P<of2>[\w.\"]+) set (?:tablespace|logged|unlogged)",
        "It keeps everybody from the table while it runs.",
    ),
    _rule(
        "breaks-security",
        r"drop (?:policy|trigger|role|owned)|alter policy|alter table \S+ (?:disable|no force) row level"
        r"|revoke (?:(?!from public).)*$",
        "It takes from a login, or a tenant's rows, what the release before relies on.",
    ),
    _rule(
        "hides-statements",
        r"do .*\b(?:alter table|create (?:unique )?index|drop|update|delete|truncate|rename)\b",
        "Nobody sees what a block does to which table; say it in statements.",
    ),
)


@dataclass(frozen=True)
class Finding:
    """A statement that is refused, by which rule, and why."""

    revision: str
    rule: str
    statement: str
    message: str

    def __str__(self) -> str:
        return f"{self.revision}: {self.rule}: {self.statement[:100]}\n    {self.message}"


class _Judged(msgspec.Struct):
    """What Squawk says of a statement; ``line`` counts from 0."""

    line: int
    rule_name: str
    message: str
    help: str | None = None


def findings(script: Script) -> list[Finding]:
    """What is wrong with a revision."""
    accepted: dict[str, str] = getattr(script.module, "accepted", {})
    printed = runner.sql(script.revision)
    found = judge(printed, name=script.revision, contract=runner.contracts(script))
    return [finding for finding in found if finding.rule not in accepted]


def judge(printed: str, *, name: str, contract: bool = False) -> list[Finding]:
    """What is wrong with the SQL of a revision."""
    refused = [*_squawk(name, printed), *_own(name, printed)]
    return [finding for finding in refused if not (contract and TAKES_AWAY.match(finding.rule))]


def held() -> list[Script]:
    """The revisions that are held to the rules."""
    return [script for script in runner.revisions() if script.revision > HELD_AFTER]


def _squawk(revision: str, printed: str) -> Iterator[Finding]:
    command = [
        str(Path(sys.executable).with_name("squawk")),
        "--reporter=json",
        f"--pg-version={POSTGRESQL}",
        f"--exclude={','.join(STYLE)}",
        f"--stdin-filepath={revision}.sql",
    ]
    told = subprocess.run(command, input=printed, capture_output=True, text=True, check=False)  # noqa: S603
    if told.returncode not in (0, 1):
        raise RuntimeError(f"squawk ended with {told.returncode}: {told.stderr.strip()}")
    lines = printed.splitlines()
    for judged in msgspec.json.decode(told.stdout, type=list[_Judged]):
        yield Finding(
            revision, judged.rule_name, lines[judged.line], f"{judged.message} {judged.help or ''}".strip()
        )


def _own(revision: str, printed: str) -> Iterator[Finding]:
    statements = [_plain(match[0]) for match in _STATEMENT.finditer(printed)]
    created = (found for statement in statements for found in _CREATED.finditer(statement))
    made = {name for found in created for name in found.groups()}
    for statement in statements:
        if BOOKKEEPING in statement:
            continue
        for rule in RULES:
            match = rule.pattern.match(statement)
            if match and not made & {name for name in match.groupdict().values() if name}:
                yield Finding(revision, rule.name, statement, rule.message)


def _plain(statement: str) -> str:
    return " ".join(_COMMENT.sub("", statement).lower().split())


def main() -> int:
    """Lint; 1 if a revision is refused."""
    parser = argparse.ArgumentParser(prog="python -m infra.migration_lint", description=__doc__)
    parser.parse_args()
    scripts = held()
    refused = [finding for script in scripts for finding in findings(script)]
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for finding in refused:
        console.print(str(finding))
    console.print(f"{len(scripts)} migrations after {HELD_AFTER}, {len(refused)} refusals.")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
