"""Background processes that outlive the command which started them, and are found again by the next one."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from local.errors import NotReadyError
from local.state import read_json, write_json

# Held until they end, since dropping the handle of a living child is an error to Python.
_children: dict[int, "subprocess.Popen[bytes]"] = {}


@dataclass(frozen=True)
class Running:
    """A living background process: its pid, and what was noted about it when it was started."""

    pid: int
    started: str
    notes: Mapping[str, Any]

    @property
    def identity(self) -> str:
        """A name that no other process ever has."""
        return f"{self.pid}@{self.started}"


@dataclass(frozen=True)
class Daemon:
    """A named background process. `home` holds its log and the record by which it is found again."""

    name: str
    home: Path

    @property
    def log(self) -> Path:
        """What the process wrote to its standard output and error."""
        return self.home / f"{self.name}.log"

    @property
    def record(self) -> Path:
        """Pid, start time and notes of the process that was started last."""
        return self.home / f"{self.name}.json"

    def running(self) -> Running | None:
        """The process if it lives. A stale record, or a pid that is another program's now, is not it."""
        process = self._process()
        if process is None:
            return None
        record = read_json(self.record)
        return Running(process.pid, record["started"], record["notes"])

    def start(
        self,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        account: Mapping[str, Any] | None = None,
        notes: Mapping[str, Any] | None = None,
    ) -> Running:
        """Start the command in a session of its own, so that Ctrl-C on the terminal does not reach it.

        `account` holds the `user`, `group` and `extra_groups` to run as; `notes` are kept in the record.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                [str(word) for word in command],
                env=dict(env) if env is not None else None,
                cwd=cwd or self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **(account or {}),
            )
        _reap()
        _children[child.pid] = child
        notes = dict(notes or {})
        started = _start_of(child.pid)
        write_json(self.record, {"pid": child.pid, "started": started, "notes": notes})
        return Running(child.pid, started, notes)

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> None:
        """Return once `ready()`; fail with the end of the log when the process dies or takes too long."""
        deadline = time.monotonic() + seconds
        pause = 0.02
        while not ready():
            if self.running() is None:
                raise NotReadyError(f"{self.name} ended while it was starting.", self.log_tail())
            if time.monotonic() > deadline:
                raise NotReadyError(
                    f"{self.name} did not answer within {seconds:.0f} seconds.", self.log_tail()
                )
            time.sleep(pause)
            pause = min(pause * 1.5, 0.25)

    def stop(self, first: signal.Signals = signal.SIGTERM, seconds: float = 10) -> bool:
        """End the process and all that it started, by force after `seconds`. False if it did not run."""
        process = self._process()
        if process is not None:
            family = [process, *process.children(recursive=True)]
            process.send_signal(first)
            _, stubborn = psutil.wait_procs([process], timeout=seconds)
            _end([member for member in family if member.is_running()], patience=0 if stubborn else 2)
            if child := _children.pop(process.pid, None):
                child.wait()
        self.record.unlink(missing_ok=True)
        return process is not None

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of the log, introduced by where the rest is."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        tail = "\n".join(text.splitlines()[-lines:])
        return f"The end of {self.log}:\n{tail}"

    def _process(self) -> psutil.Process | None:
        record = read_json(self.record)
        if record is None:
            return None
        try:
            process = psutil.Process(record["pid"])
            ours = _start_of(process.pid) == record["started"]
            return process if ours and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None


def _start_of(pid: int) -> str:
    """When the process started, in a form that only this process has: pids are handed out anew after a while.

    On Linux it is counted from the boot, since the time of day may be set while the process runs.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return f"{psutil.Process(pid).create_time():.2f}"
    return f"{boot}:{fields[19]}"


def _reap() -> None:
    for pid, child in list(_children.items()):
        if child.poll() is not None:
            del _children[pid]


def _end(processes: Sequence[psutil.Process], patience: float) -> None:
    for process in processes:
        _signal(process, signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=patience)
    for process in alive:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=5)


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return  # it ended by itself meanwhile
