"""What AWS's Python runtime brings along, and nothing else: the runtime client and boto3.

A function that runs here with this directory, its code and its layers finds what it would find on AWS. A
package that is only in the developer's virtual environment is missing here too, not first in production.
"""

import sys
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import psutil

from local.errors import MissingError
from local.state import STATE, in_turn

# What a process of a function takes, as measured with SQLAlchemy and msgspec loaded.
PROCESS_BYTES = 60 * 1024**2
PACKAGES = (
    "awslambdaric",
    "snapshot-restore-py",
    "simplejson",
    "boto3",
    "botocore",
    "s3transfer",
    "jmespath",
    "urllib3",
    "python-dateutil",
    "six",
)


def environment() -> dict[str, str]:
    """How the emulators' processes are told of all that a function runs on."""
    half_of_memory = psutil.virtual_memory().total // 2
    return {
        "GROUNDWORK_LAMBDA_PYTHON": sys.executable,
        "GROUNDWORK_LAMBDA_RUNTIME": str(directory()),
        "GROUNDWORK_LAMBDA_CACHE": str(STATE / "lambda-archives"),
        "GROUNDWORK_LAMBDA_WARM": str(max(8, half_of_memory // PROCESS_BYTES)),
    }


def directory(base: Path = STATE / "lambda-runtime") -> Path:
    """A directory of links to the installed packages, made anew when their versions change."""
    distributions = [_installed(name) for name in PACKAGES]
    place = base / "-".join(
        [f"py{sys.version_info.major}.{sys.version_info.minor}", _versions(distributions)]
    )
    place.mkdir(parents=True, exist_ok=True)
    with in_turn("lambda-runtime"):
        for package in distributions:
            for name in _top_level(package):
                _link(place / name, Path(str(package.locate_file(name))))
    return place


def _link(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() != target:
        link.unlink()  # the virtual environment has moved
    if not link.is_symlink():
        link.symlink_to(target)


def _installed(name: str) -> Distribution:
    try:
        return distribution(name)
    except PackageNotFoundError:
        raise MissingError(f"The package {name} is not installed.", "Run `make install`.") from None


def _versions(distributions: list[Distribution]) -> str:
    return "-".join(package.version for package in distributions if package.name in {"awslambdaric", "boto3"})


def _top_level(package: Distribution) -> set[str]:
    files = package.files or []
    return {file.parts[0] for file in files if file.parts[0] not in {"..", "__pycache__", "bin"}}
