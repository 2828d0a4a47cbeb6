"""What Lambda's SnapStart takes a picture of, and what its copies must not share.

A snapshot is taken of a container that has served nobody, and each container begins as a copy of it, hours or
weeks later (https://docs.aws.amazon.com/lambda/latest/dg/snapstart-uniqueness.html). Whatever is the same in
all of them and should not be is made anew: seeds, connections, secrets that may have been changed since.
"""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from common.operation import Operation


def arrange(operation: Operation[..., Any]) -> None:
    """Have the pipeline built before the picture is taken, so that no copy waits for its imports."""
    # part of Lambda's own Python; https://github.com/aws/snapshot-restore-py
    from snapshot_restore_py import register_after_restore, register_before_snapshot

    register_before_snapshot(operation.prepare)
    register_after_restore(renew)


def renew() -> None:
    """Make this copy differ from the others. Identifiers do: the kernel's randomness is each copy's own."""
    random.seed()
    settings, database = (sys.modules.get(f"common.{name}") for name in ("settings", "database"))
    if settings is not None:
        settings.forget()
    if database is not None:
        database.forget()
