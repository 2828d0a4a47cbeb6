"""Zip archives unpacked once, however many execution environments use them.

Like `executor`, this is loaded by the emulators in their own virtual environments: standard library alone.
"""

import hashlib
import os
import shutil
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path


class Unpacker:
    """Directories of zip archives, each unpacked once however many environments use it."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def prune(self, days: float = 2) -> None:
        """Remove what no function was started from for so long: each change of the code leaves an archive."""
        oldest = time.time() - days * 24 * 3600
        for place in self._cache.glob("*"):
            if place.stat().st_mtime < oldest:
                shutil.rmtree(place, ignore_errors=True)

    def directory(self, archive: bytes) -> Path:
        """The unpacked archive."""
        return self.directory_of(hashlib.sha256(archive).hexdigest(), lambda: archive)

    def directory_of(self, digest: str, fetch: Callable[[], bytes]) -> Path:
        """The unpacked archive with this SHA-256, fetched only if it is not there from before."""
        with self._guard:
            lock = self._locks.setdefault(digest, threading.Lock())
        place = self._cache / digest
        with lock:
            if not place.exists():
                self._cache.mkdir(parents=True, exist_ok=True)
                partial = Path(tempfile.mkdtemp(dir=self._cache, prefix=f"{digest[:8]}."))
                try:
                    _unzip(fetch(), partial)
                    _settle(partial, place)
                finally:
                    shutil.rmtree(partial, ignore_errors=True)
        os.utime(place)  # as a sign of use
        return place


def _settle(partial: Path, place: Path) -> None:
    try:
        partial.replace(place)
    except OSError:
        if not place.exists():
            raise
        # another emulator has unpacked the same archive meanwhile


def _unzip(archive: bytes, target: Path) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(archive)
        with zipfile.ZipFile(file) as entries:
            for entry in entries.infolist():
                path = entries.extract(entry, target)  # keeps within the target whatever the entry is called
                if mode := entry.external_attr >> 16 & 0o777:
                    Path(path).chmod(mode | 0o600)
