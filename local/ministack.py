"""Ministack, the AWS of the local stage by default: an emulator in pure Python, with our executor in it."""

import sys
from pathlib import Path
from typing import ClassVar

from local import aws, lambda_runtime, ports
from local.aws_server import AwsServer
from local.state import ROOT, STATE
from local.virtualenvs import VirtualEnvironment

ENVIRONMENT = VirtualEnvironment(
    "ministack", Path(__file__).with_name("requirements-ministack.txt"), sys.executable
)


class Ministack(AwsServer):
    """One emulator."""

    name: ClassVar[str] = "ministack"
    stop_seconds: ClassVar[float] = 5

    def prepare(self) -> None:
        """Install it."""
        ENVIRONMENT.ensure()
        (self.home / "tmp").mkdir(exist_ok=True)

    def launch(self) -> None:
        """Start `local.ministack_server` with ministack's own interpreter."""
        self.daemon.start(
            [ENVIRONMENT.python, "-m", "local.ministack_server"],
            env={
                **aws.process_environment(),
                "PYTHONPATH": str(ROOT),
                "BIND_HOST": ports.HOST,
                "GATEWAY_PORT": str(self.port),
                "AWS_ENDPOINT_URL": self.endpoint,
                "LOG_LEVEL": "WARNING",
                "TMPDIR": str(self.home / "tmp"),
                "S3_DATA_DIR": str(self.home / "s3"),
                **lambda_runtime.environment(),
            },
            notes={"port": self.port},
        )


def ministack() -> Ministack:
    """The emulator of the local stage, in `.local/ministack`."""
    return Ministack(STATE / "ministack", aws.port())
