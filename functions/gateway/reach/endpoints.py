"""Where other services answer."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Endpoint:
    """Where another service's subgraph answers, for how long it is waited for, and which headers it gets."""

    url: str
    seconds: float
    forwards: tuple[str, ...] = ()


def joined(base: str, path: str) -> str:
    """A path, or a whole URL, as seen from a service's base URL."""
    if urlsplit(path).scheme:
        return path
    return base.rstrip("/") + "/" + path.lstrip("/")
