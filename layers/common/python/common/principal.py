"""Who calls, and what they may do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal
from uuid import UUID

Kind = Literal["user", "client", "system", "anonymous"]


@dataclass(frozen=True)
class Principal:
    """The caller of an operation.

    ``grants`` are permissions (``masterdata.customer.create``) or patterns of them, in which a segment
    may be ``*``, and a last ``*`` stands for all the rest (``masterdata.*``, ``*.*.read``, ``*``).
    """

    kind: Kind = "anonymous"
    id: UUID | None = None
    tenant: UUID | None = None
    session: UUID | None = None
    grants: frozenset[str] = field(default_factory=frozenset)

    @property
    def name(self) -> str:
        """As the event store records an actor: ``user:<id>``, ``client:<id>``, ``system``."""
        return f"{self.kind}:{self.id}" if self.id else self.kind

    def may(self, permission: str) -> bool:
        return permits(self.grants, permission)


ANONYMOUS = Principal()


@lru_cache(maxsize=4096)
def permits(grants: frozenset[str], permission: str) -> bool:
    """Whether any of the grants covers the permission."""
    return permission in grants or any(covers(grant, permission) for grant in grants)


def covers(grant: str, permission: str) -> bool:
    """Whether a grant covers a permission, or another pattern of them."""
    if grant in (permission, "*"):
        return True
    wanted, given = permission.split("."), grant.split(".")
    if given[-1] == "*" and len(given) <= len(wanted):
        given += ["*"] * (len(wanted) - len(given))
    return len(given) == len(wanted) and all(g in ("*", w) for g, w in zip(given, wanted, strict=True))


def missing(held: frozenset[str], wanted: Iterable[str]) -> list[str]:
    """Those of ``wanted`` that ``held`` does not cover: nobody can grant what they don't hold."""
    return sorted(grant for grant in wanted if not any(covers(mine, grant) for mine in held))
