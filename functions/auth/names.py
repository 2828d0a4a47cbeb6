"""The forms of names and addresses."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from auth import passwords

Slug = Annotated[
    str,
    Meta(pattern=r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$(?!\n)", description="Lower-case name for URLs."),
]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
Email = Annotated[
    str, Meta(max_length=254, pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+\.[^@\s\x00-\x1f.]+$(?!\n)")
]
Password = Annotated[
    str,
    Meta(
        min_length=1, max_length=passwords.MAX_LENGTH, description="As long as the tenant's policy demands."
    ),
]
