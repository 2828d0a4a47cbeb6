"""`python -m infra.replay STAGE`: publish the stored events again, to a new cluster.

It goes on where an earlier run stopped; `--from-start` begins anew. Let the relay rest meanwhile
(`docs/runbooks.md`): a newer event of a stream must not overtake an older one.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from common.operation import SERVICES
from infra.cdk.bundling import BUILD
from infra.deployed import Deployed, UnreachableError, find


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m infra.replay", description=__doc__)
    made.add_argument("stage")
    made.add_argument("--service", action="append", choices=SERVICES, help="only this one's; repeatable")
    made.add_argument("--since", type=_moment, help="only events from this time on, as 2030-01-31T12:00:00Z")
    made.add_argument("--from-start", action="store_true", help="forget how far an earlier run came")
    return made


def _moment(given: str) -> str:
    moment = datetime.fromisoformat(given)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def main(arguments: list[str] | None = None) -> int:
    """Replay; 0 when all is published, 1 if the broker or the stage did not do its part: run it again."""
    asked = parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    wanted = {"services": asked.service or list(SERVICES)} | ({"since": asked.since} if asked.since else {})
    progress = BUILD / asked.stage / "replay.json"
    if asked.from_start:
        progress.unlink(missing_ok=True)
    try:
        return replay(find(asked.stage), wanted, progress, console)
    except UnreachableError as error:
        console.print(f"[red]✗[/] {error}")
        return 1


def replay(deployed: Deployed, wanted: dict[str, Any], progress: Path, console: Console) -> int:
    """Ask again and again until all is published; after each answer ``progress`` says how far that is."""
    after = _noted(progress, wanted)
    if after is not None:
        console.print(f"Going on in {after['service']} after {after['stream']}, version {after['version']}.")
    published: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    while True:
        told = deployed.invoke("replay", wanted | ({"after": after} if after else {}))
        published.update(told["published"])
        unknown.update(told["unknown"])
        after = told["after"]
        if after is None:
            progress.unlink(missing_ok=True)
            break
        progress.parent.mkdir(parents=True, exist_ok=True)
        progress.write_text(json.dumps({"wanted": wanted, "after": after}))
        console.print(f"{published.total()} events; at {after['stream']} of {after['service']}")
        if not told["ok"]:
            console.print(f"[red]✗[/] The broker did not take what follows: {told['detail']} Run it again.")
            return 1
    for topic, count in sorted(published.items()):
        console.print(f"{count:>9}  {topic}")
    for topic, count in sorted(unknown.items()):
        console.print(f"{count:>9}  {topic}, which this release does not declare: not published")
    console.print(f"[green]✓[/] {published.total()} events were published again.")
    return 0


def _noted(progress: Path, wanted: dict[str, Any]) -> dict[str, Any] | None:
    """Where an earlier run for the same events stopped."""
    if not progress.exists():
        return None
    noted = json.loads(progress.read_text())
    return noted["after"] if noted["wanted"] == wanted else None


if __name__ == "__main__":
    sys.exit(main())
