"""The unprivileged account that PostgreSQL runs under when root starts it: it refuses to run as root."""

import hashlib
import os
import pwd
import shutil
import stat
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from local.errors import LocalError, MissingError


@cache
def unprivileged() -> Mapping[str, Any]:
    """How `subprocess` is told to drop root; empty for anyone else."""
    if os.geteuid() != 0:
        return {}
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise MissingError(
            "PostgreSQL does not run as root, and this system has no account `nobody`.",
            "Run the command as an ordinary user, or set DATABASE_URL.",
        ) from None
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def own(path: Path) -> None:
    """Give the file or directory to the unprivileged account."""
    if account := unprivileged():
        os.chown(path, account["user"], account["group"])


def reachable(path: Path) -> bool:
    """Whether the unprivileged account can get to the path: root's home, for one, is closed to it."""
    if not unprivileged():
        return True
    parents = [parent for parent in path.resolve().parents if parent.exists()]
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in parents)


def refuge(path: Path) -> Path:
    """The path itself, or one that stands in for it where the unprivileged account can reach it."""
    if reachable(path):
        return path
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    place = Path("/var/tmp") / f"groundwork-{digest}"  # noqa: S108 (checked to be ours)
    if place.exists() and place.stat().st_uid != os.geteuid():
        raise LocalError(f"{place} belongs to another account.", "Remove it, or set DATABASE_URL.")
    return place / path.name


def reachable_copy(directory: Path, *beside: Path) -> Path:
    """The directory, or a copy that the unprivileged account can read, with those it needs beside it."""
    if reachable(directory):
        return directory
    copy = refuge(directory)
    if not copy.parent.exists():
        copy.parent.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        partial = copy.parent.with_name(f"{copy.parent.name}.{os.getpid()}")
        for source in (directory, *beside):
            shutil.copytree(source, partial / source.name, symlinks=True)
        partial.replace(copy.parent)
    return copy
