"""What the services of the local stage share: one process, one port on loopback, found again later."""

import signal
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from local import ports
from local.process import Daemon


@dataclass
class Server(ABC):
    """A server that runs in the background. `home` holds its log and files; `port` is on 127.0.0.1."""

    home: Path
    port: int

    name: ClassVar[str]
    """Of its process, its log and its record."""
    title: ClassVar[str]
    """As people call it."""
    port_variable: ClassVar[str]
    """The environment variable that names another port."""
    start_seconds: ClassVar[float] = 30
    stop_seconds: ClassVar[float] = 10

    @property
    def daemon(self) -> Daemon:
        """The server's process."""
        return Daemon(self.name, self.home)

    def start(self) -> bool:
        """Bring the server up unless it runs already, and wait until it answers; True if it was started."""
        running = self.daemon.running()
        if running and running.notes["port"] == self.port:
            return False
        if running:
            self.stop()
        self.home.mkdir(parents=True, exist_ok=True)
        self.prepare()
        ports.demand(self.port, self.title, self.port_variable)
        self.launch()
        self.daemon.wait_until(self.answers, self.start_seconds)
        return True

    def stop(self) -> bool:
        """End the server and all that it started; False if it did not run."""
        return self.daemon.stop(self.stop_signal(), self.stop_seconds)

    def stop_signal(self) -> signal.Signals:
        """The signal that it is asked to end by."""
        return signal.SIGTERM

    def prepare(self) -> None:  # noqa: B027 (most have nothing to prepare)
        """Make what has to be there before the start, while nothing runs."""

    @abstractmethod
    def launch(self) -> None:
        """Start the process, its port among its notes."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it does what it is there for."""
