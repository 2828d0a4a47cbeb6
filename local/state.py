"""Where the local AWS keeps what it must remember between two commands: the directory `.local/`."""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.errors import LocalError

ROOT = Path(__file__).resolve().parent.parent
STATE = Path(os.environ.get("GROUNDWORK_STATE", ROOT / ".local")).resolve()
OUTPUTS = STATE / "outputs.json"
EVENT_SOURCES = STATE / "event-sources.json"


def read_json(path: Path) -> Any:
    """The file's content, or None when there is no such file or a crash left it unreadable."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None


def write_json(path: Path, value: Any) -> None:
    """Replace the file in one step, readable by its owner only: it may hold a password."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        json.dump(value, file, indent=2)
        file.write("\n")
    Path(name).replace(path)


@contextmanager
def in_turn(name: str) -> Iterator[None]:
    """Do what two processes must not do at once, such as installing into one place; the second one waits."""
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def exclusively(directory: Path = STATE) -> Iterator[None]:
    """Hold the state for one command: two `up` at once would start everything twice."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LocalError(
                f"Another command is starting or stopping the local AWS in {directory}.",
                "Wait until it ends.",
            ) from None
        yield
