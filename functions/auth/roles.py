"""Roles: named sets of permissions. Each tenant starts with four."""

from __future__ import annotations

from uuid import UUID

from auth.tables import roles
from common.identifiers import uuid7
from common.work import Work

OWNER = "owner"

BUILT_IN: dict[str, tuple[str, tuple[str, ...]]] = {
    OWNER: ("Everything, billing and closing included.", ("*",)),
    "admin": (
        "Everything but what only owners may.",
        ("auth.*", "masterdata.*", "workflow.*", "rules.*", "gateway.*"),
    ),
    "editor": (
        "Reads everything, changes business data.",
        ("*.*.read", "masterdata.*", "workflow.*", "rules.*"),
    ),
    "viewer": ("Reads everything.", ("*.*.read",)),
}
"""Name to description and granted permissions."""


def create_built_in(work: Work) -> dict[str, UUID]:
    """Give a new tenant its four roles; their ids by name."""
    made = {name: uuid7() for name in BUILT_IN}
    work.execute(
        roles.insert(),
        [
            {
                "id": made[name],
                "tenant_id": work.tenant,
                "name": name,
                "description": description,
                "permissions": list(granted),
                "built_in": True,
            }
            for name, (description, granted) in BUILT_IN.items()
        ],
    )
    return made
