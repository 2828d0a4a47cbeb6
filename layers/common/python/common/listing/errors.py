"""What is wrong with a filter or an order."""

from __future__ import annotations


class LanguageError(ValueError):
    """An expression that cannot be read; the message tells where and what was expected."""
