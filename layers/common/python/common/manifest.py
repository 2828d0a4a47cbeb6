"""What synthesis derived from the declarations for those functions that need to know them all.

The bundle of the platform's functions holds it as ``manifest.json``.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from common.topics import TopicSpec

FILE = "manifest.json"


class Permission(msgspec.Struct, frozen=True):
    """One entry of the permission catalogue."""

    name: str
    service: str
    description: str


class Manifest(msgspec.Struct, frozen=True):
    """The topics that must exist and the permissions that can be granted."""

    topics: list[TopicSpec] = []
    permissions: list[Permission] = []


def read() -> Manifest:
    """The bundled manifest; an empty one outside a bundle."""
    path = Path(os.environ.get("LAMBDA_TASK_ROOT", ".")) / FILE
    return msgspec.json.decode(path.read_bytes(), type=Manifest) if path.exists() else Manifest()
