"""The kinds of value that master data is made of, each with the rule it must keep."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

Code = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$",
        description="Unique in the tenant.",
    ),
]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Text = Annotated[str, Meta(max_length=400, pattern=r"^[^\x00]*$")]
Country = Annotated[str, Meta(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2.")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$", description="ISO 4217.")]
Amount = Annotated[Decimal, Meta(description="A decimal of 0 or more, at most four places.")]
Email = Annotated[str, Meta(max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+\.[^@\s\x00.]+$")]
Days = Annotated[int, Meta(ge=0, le=365)]


class Address(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A postal address; ``kind`` says what for, such as ``billing`` or ``shipping``."""

    lines: Annotated[list[Text], Meta(min_length=1, max_length=6)]
    country: Country
    kind: Text = "billing"
    postal_code: Text = ""
    city: Text = ""
    region: Text = ""


class Contact(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A person, or an office, to talk to."""

    name: Name
    email: Email | None = None
    phone: Text | None = None
    role: Text = ""
