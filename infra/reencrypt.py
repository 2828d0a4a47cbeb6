"""`python -m infra.reencrypt STAGE`: encrypt what is stored anew, after the signing secret was replaced.

On AWS it goes from the secret's previous version to the present one. A stage that is given its database
derives the secret from the owner's password: there the former password is read from a file. It may be
interrupted and repeated: what is encrypted anew is left as it is.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from common.logins import role_password
from infra.deployed import Deployed, UnreachableError, find

SIGNING = "signing"
"""What the secret is derived for, as a stage's environment has it."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m infra.reencrypt", description=__doc__)
    made.add_argument("stage")
    made.add_argument(
        "--former-password", type=Path, metavar="FILE", help="the owner's password before, if not on AWS"
    )
    return made


def main(arguments: list[str] | None = None) -> int:
    """Encrypt anew; 0 when all is under the present secret, 1 if something is not."""
    asked = parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    try:
        former = asked.former_password.read_text().strip() if asked.former_password else ""
        previous = role_password(former, SIGNING) if former else ""
        return reencrypt(find(asked.stage), previous, console)
    except (UnreachableError, OSError) as error:
        console.print(f"[red]✗[/] {error}")
        return 1


def reencrypt(deployed: Deployed, previous: str, console: Console) -> int:
    """Ask again until all is done, and tell how far it is."""
    asked: dict[str, Any] = {"previous": previous}
    resealed = already = 0
    unreadable: list[str] = []
    while True:
        told = deployed.invoke("reencrypt", asked)
        resealed, already = resealed + told["resealed"], already + told["already"]
        unreadable += told["unreadable"]
        console.print(f"{resealed} encrypted anew, {already} already were")
        if told["after"] is None:
            break
        asked["after"] = told["after"]
    if unreadable:
        console.print(f"[red]✗[/] Neither secret opens {len(unreadable)}: {', '.join(unreadable[:10])}")
        return 1
    console.print("[green]✓[/] Everything is encrypted under the present secret.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
