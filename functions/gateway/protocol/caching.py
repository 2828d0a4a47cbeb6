"""How long an answer may be kept: no longer, and no more widely, than each part of it allows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CacheHint:
    """What a ``Cache-Control`` says (RFC 9111, 5.2.2); ``max_age`` in seconds, 0: not at all."""

    max_age: int
    private: bool

    @classmethod
    def of(cls, header: str) -> CacheHint:
        """A subgraph's hint; without one its answer must not be kept."""
        max_age, shared, private = 0, None, False
        for directive in header.lower().split(","):
            name, _, value = directive.strip().partition("=")
            if name in ("no-store", "no-cache"):
                return NOT_KEPT
            if name == "private":
                private = True
            elif name in ("max-age", "s-maxage") and value.strip('"').isdigit():
                seconds = min(int(value.strip('"')[:9]), 31_536_000)
                if name == "s-maxage":
                    shared = seconds
                else:
                    max_age = seconds
        return cls(max_age if shared is None or private else min(shared, max_age or shared), private)

    def header(self) -> str:
        """As the response's ``Cache-Control``."""
        if self.max_age <= 0:
            return "no-store"
        return f"{'private' if self.private else 'public'}, max-age={self.max_age}"


NOT_KEPT = CacheHint(0, True)


def together(hints: list[CacheHint]) -> CacheHint:
    """The hint of an answer made of these; of nothing, none."""
    if not hints:
        return NOT_KEPT
    return CacheHint(min(hint.max_age for hint in hints), any(hint.private for hint in hints))
