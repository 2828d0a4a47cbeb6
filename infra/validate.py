"""`make validate STAGE=...`: look at a deployed stage end to end, and say what works and what does not."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn
from rich.table import Table

from infra.checks import Result, Validation
from infra.deployed import UnreachableError, find


def main() -> int:
    """Check the stage; 1 if anything fails."""
    parser = argparse.ArgumentParser(prog="python -m infra.validate", description=__doc__)
    parser.add_argument("stage")
    parser.add_argument("--json", action="store_true", help="tell a machine instead of a person")
    arguments = parser.parse_args()
    console = Console(stderr=arguments.json)
    try:
        results = _look(arguments.stage, console)
    except UnreachableError as error:
        console.print(f"[red]✗[/] {error}", highlight=False)
        return 1
    if arguments.json:
        print(json.dumps([asdict(result) for result in results]))  # noqa: T201 - a command tells what it found
    else:
        console.print(_table(results))
        failed = sum(not result.ok for result in results)
        console.print(f"[red]{failed} of {len(results)} fail.[/]" if failed else "[green]All is well.[/]")
    return 0 if all(result.ok for result in results) else 1


def _look(stage: str, console: Console) -> list[Result]:
    results = []
    with Progress(
        SpinnerColumn(), TextColumn("{task.description}"), console=console, transient=True
    ) as shown:
        task = shown.add_task(f"Looking at {stage}", total=None)
        for result in Validation(find(stage)).run():
            results.append(result)
            shown.update(task, description=f"{result.check} looked at")
    return results


def _table(results: list[Result]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("", "check", "what was found"):
        table.add_column(heading, overflow="fold")
    for result in results:
        tick = "[green]✓[/]" if result.ok else "[red]✗[/]"
        table.add_row(tick, result.check, result.detail.replace("[", "\\["))
    return table


if __name__ == "__main__":
    sys.exit(main())
