"""Ministack, the AWS of the local stage by default: an emulator in pure Python, with our executor in it."""

import sys
from dataclasses import dataclass
from pathlib import Path

import httpx

from local import aws, lambda_runtime, ports
from local.process import Daemon
from local.state import ROOT, STATE
from local.virtualenvs import VirtualEnvironment

REQUIREMENTS = Path(__file__).with_name("requirements-ministack.txt")


@dataclass
class Ministack:
    """One emulator. `home` holds its log; `port` is on 127.0.0.1. Its state is in memory."""

    home: Path
    port: int

    @property
    def daemon(self) -> Daemon:
        """The emulator's process."""
        return Daemon("ministack", self.home)

    @property
    def endpoint(self) -> str:
        """The URL of the AWS APIs."""
        return f"http://{ports.HOST}:{self.port}"

    def start(self) -> bool:
        """Bring the emulator up unless it runs already; True if it had to be started, and so is empty."""
        running = self.daemon.running()
        if running and running.notes["port"] == self.port:
            return False
        if running:
            self.stop()
        python = VirtualEnvironment("ministack", REQUIREMENTS, sys.executable).ensure()
        ports.demand(self.port, "The AWS emulator", aws.PORT_VARIABLE)
        temporary = self.home / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        self.daemon.start(
            [python, "-m", "local.ministack_server"],
            env={
                **aws.process_environment(),
                "PYTHONPATH": str(ROOT),
                "BIND_HOST": ports.HOST,
                "GATEWAY_PORT": str(self.port),
                "AWS_ENDPOINT_URL": self.endpoint,
                "LOG_LEVEL": "WARNING",
                "TMPDIR": str(temporary),
                "S3_DATA_DIR": str(self.home / "s3"),
                **lambda_runtime.environment(),
            },
            notes={"port": self.port},
        )
        self.daemon.wait_until(self.answers, seconds=30)
        return True

    def stop(self) -> bool:
        """End the emulator and all functions that run in it; False if it did not run."""
        return self.daemon.stop(seconds=5)

    def answers(self) -> bool:
        """Whether the emulator says that it is well."""
        return healthy(self.endpoint)


def healthy(endpoint: str) -> bool:
    """Whether an emulator at this URL says that it is well. LocalStack and ministack share the route."""
    try:
        return httpx.get(f"{endpoint}/_localstack/health", timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def ministack() -> Ministack:
    """The emulator of the local stage, in `.local/ministack`."""
    return Ministack(STATE / "ministack", aws.port())
