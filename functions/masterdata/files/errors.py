"""What is wrong with a file as a whole; a fault of one row is told as that row's."""

from __future__ import annotations


class FileError(ValueError):
    """A file that cannot be read as what it is said to be; the message tells what to do."""
