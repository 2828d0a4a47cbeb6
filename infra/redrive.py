"""`make redrive STAGE=...`: hand dead letters to their functions again; with `LOOK=1`, only show them."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from common.dead_letters import OWNERS
from infra.deployed import UnreachableError, find

COLOURS = {"redriven": "green", "waiting": "yellow", "failed": "red", "unreadable": "red"}


def main() -> int:
    """Redrive; 1 if a letter failed again."""
    parser = argparse.ArgumentParser(prog="python -m infra.redrive", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("--owner", action="append", choices=OWNERS, help="only this service's; repeatable")
    parser.add_argument("--limit", type=int, default=100, help="at most so many letters (100)")
    parser.add_argument("--look", action="store_true", help="show them and leave them where they are")
    arguments = parser.parse_args()
    console = Console()
    asked = {
        "owners": arguments.owner or list(OWNERS),
        "limit": arguments.limit,
        "look": arguments.look,
    }
    try:
        told = find(arguments.stage).invoke("redrive", asked)
    except UnreachableError as error:
        console.print(f"[red]✗[/] {error}", highlight=False)
        return 1
    console.print(_table(told["letters"]) if told["letters"] else "There are no dead letters.")
    return 0 if told["ok"] else 1


def _table(letters: list[dict[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("queue", "function", "verdict", "why"):
        table.add_column(heading, overflow="fold")
    for letter in letters:
        verdict = f"[{COLOURS[letter['verdict']]}]{letter['verdict']}[/]"
        table.add_row(letter["queue"], letter["function"], verdict, letter["detail"].replace("[", "\\["))
    return table


if __name__ == "__main__":
    sys.exit(main())
