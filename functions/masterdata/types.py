"""The kinds of value that master data is made of, each with the rule it must keep."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from masterdata.standards.countries import COUNTRIES
from masterdata.standards.currencies import CURRENCIES

# `$` also matches before a final newline; `(?!\n)` closes that gap and means nothing in other dialects.
Code = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$(?!\n)",
        description="Unique in the tenant.",
    ),
]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
Text = Annotated[str, Meta(max_length=400, pattern=r"^[^\x00]*$")]
Country = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z]{2}$(?!\n)",
        description="ISO 3166-1 alpha-2.",
        extra_json_schema={"enum": sorted(COUNTRIES)},
    ),
]
Currency = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z]{3}$(?!\n)", description="ISO 4217.", extra_json_schema={"enum": sorted(CURRENCIES)}
    ),
]
Unit = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-Z]{2,3}$(?!\n)",
        description="UN/ECE Recommendation 20 (or 21 with `X`).",
        examples=["C62", "KGM"],
    ),
]
Money = Annotated[
    str,
    Meta(
        pattern=r"^(0|[1-9][0-9]{0,13})(\.[0-9]{1,4})?$(?!\n)",
        description="A decimal of 0 or more as a string: at most 14 digits, and 4 after the point.",
        examples=["1500.50"],
    ),
]
Amount = Annotated[Decimal, Meta(description="A decimal as a string, exact, with 4 digits after the point.")]
Email = Annotated[str, Meta(max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+\.[^@\s\x00.]+$(?!\n)")]
Days = Annotated[int, Meta(ge=0, le=365)]
Attributes = Annotated[
    dict[str, Any], Meta(max_length=200, description="Whatever else the tenant keeps; any JSON.")
]
Moment = Annotated[datetime, Meta(tz=True)]


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


class New(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the caller writes of every record."""

    code: Code
    name: Name
    attributes: Attributes = {}


class Kept(Struct, frozen=True, kw_only=True):
    """What is kept of every record besides its own fields."""

    id: UUID
    code: str
    name: str
    attributes: dict[str, Any]
    version: int
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    archived_at: datetime | None
