"""Identifiers: UUID version 7 (RFC 9562, section 5.7), ordered by the time they were made."""

from __future__ import annotations

import os
import threading
import time
from uuid import UUID

_lock = threading.Lock()
_last = 0


def uuid7() -> UUID:
    """A new UUIDv7; within one container each is greater than the one before (RFC 9562, 6.2, method 2)."""
    global _last
    milliseconds = time.time_ns() // 1_000_000
    fresh = milliseconds << 74 | int.from_bytes(os.urandom(10), "big") >> 6
    with _lock:
        _last = fresh if fresh > _last else _last + 1
        value = _last
    head, tail = value >> 62, value & (1 << 62) - 1
    return UUID(int=(head >> 12) << 80 | 0x7 << 76 | (head & 0xFFF) << 64 | 0b10 << 62 | tail)
