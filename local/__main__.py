"""`python -m local up|down|status|logs|save|restore`: the local AWS from the command line."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from local.errors import LocalError


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m local", description="The whole platform on this machine."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help="start everything, deploy, migrate, seed a demo tenant")
    commands.add_parser("down", help="stop what `up` started; the data is kept")
    commands.add_parser("status", help="what runs and whether it answers")
    logs = commands.add_parser("logs", help="the latest log lines of a function")
    logs.add_argument("function", help="its name, with or without groundwork-local-")
    save = commands.add_parser("save", help="write the database into a file")
    save.add_argument("file", type=Path)
    restore = commands.add_parser("restore", help="put the database back to what a file holds")
    restore.add_argument("file", type=Path)
    return parser


def main() -> int:
    """Run one command; the exit status."""
    arguments = parser().parse_args()
    console = Console()
    try:
        return _run(arguments, console)
    except LocalError as error:
        stderr = Console(stderr=True)
        stderr.print("\n[bold red]It stopped here.[/] ", end="")
        stderr.print(error.problem, markup=False, highlight=False, soft_wrap=True)
        if error.remedy:
            stderr.print(error.remedy, markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(arguments: argparse.Namespace, console: Console) -> int:
    # late, so that `--help` and errors of the command line are there at once
    match arguments.command:
        case "up":
            from local.up import up

            up(console)
        case "down":
            from local.down import down

            down(console)
        case "status":
            from local.status import status

            return 0 if status(console) else 1
        case "save":
            from local import snapshot

            snapshot.save(arguments.file)
            console.print(f"[green]✓[/] The database is in {arguments.file}.", highlight=False)
        case "restore":
            from local import snapshot

            snapshot.restore(arguments.file)
            console.print(f"[green]✓[/] The database is what {arguments.file} holds.", highlight=False)
        case "logs":
            from local.function_logs import show

            show(console, arguments.function)
    return 0


if __name__ == "__main__":
    sys.exit(main())
