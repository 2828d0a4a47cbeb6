"""`make down`: end what `make up` started, in the opposite order. Data of the database is kept."""

from rich.console import Console

from local import emulator, kafka, poller_process, postgres
from local.state import exclusively


def down(console: Console) -> None:
    """Stop everything of ours; what runs elsewhere is left alone."""
    with exclusively():
        stopped = ["poller"] if poller_process.down() else []
        stopped += emulator.down()
        stopped += ["kafka"] if kafka.down() else []
        stopped += ["postgres"] if postgres.down() else []
    console.print(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")
