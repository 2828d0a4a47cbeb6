"""Progress on the terminal: what is being done now and how long it took, several things at once."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Steps:
    """Steps: a spinner each, then a tick. In a file or a pipe, a line for each that ended."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[detail]}[/]"),
            console=console,
            disable=not console.is_terminal,
        )

    @contextmanager
    def shown(self) -> Iterator["Steps"]:
        """Show the steps while the block runs."""
        with self._progress:
            yield self

    @contextmanager
    def step(self, name: str) -> Iterator["Step"]:
        """One step, from here to the end of the block."""
        task = self._progress.add_task(name, total=1, detail="")
        step = Step(self._progress, task)
        started = time.monotonic()
        try:
            yield step
        except BaseException:
            self._progress.update(task, description=f"[red]{name}[/]", detail="failed")
            self._progress.stop_task(task)
            raise
        self._progress.update(task, completed=1)
        if not self._console.is_terminal:
            with self._lock:
                self._console.print(f"✓ {name} ({time.monotonic() - started:.1f} s) {step.detail}".rstrip())


class Step:
    """A running step, to which details can be told."""

    def __init__(self, progress: Progress, task: int) -> None:
        self._progress = progress
        self._task = task
        self.detail = ""

    def tell(self, detail: str) -> None:
        """Show this beside the step, in place of what was there."""
        self.detail = detail
        self._progress.update(self._task, detail=detail)  # type: ignore[arg-type]
