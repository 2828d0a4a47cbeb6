"""What customers and vendors have in common: those we trade with."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from masterdata.entity import Faults, Rules
from masterdata.matching.partners import Traits, keys
from masterdata.standards import identifiers
from masterdata.standards.countries import COUNTRIES
from masterdata.standards.currencies import CURRENCIES
from masterdata.types import Address, Amount, Contact, Currency, Days, Kept, Money, New, Text

N = TypeVar("N", bound="NewPartner")

Addresses = Annotated[list[Address], Meta(max_length=20)]
Contacts = Annotated[list[Contact], Meta(max_length=50)]


class NewPartner(New, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A partner as the caller writes it."""

    tax_id: Text | None = None
    iban: Text | None = None
    addresses: Addresses = []
    contacts: Contacts = []
    currency: Currency | None = None
    payment_terms_days: Days | None = None
    credit_limit: Money | None = None


class Partner(Kept, frozen=True, kw_only=True):
    """A partner as it is kept."""

    tax_id: str | None
    iban: str | None
    addresses: list[Address]
    contacts: list[Contact]
    currency: str | None
    payment_terms_days: int | None
    credit_limit: Amount | None
    merged_into: UUID | None


class PartnerRules(Rules[N, Any]):
    """Partners' codes, identifiers and amounts are real ones."""

    def check(self, new: N) -> N:
        faults = Faults()
        for place, address in enumerate(new.addresses):
            known = address.country in COUNTRIES
            faults.unless(known, f"/addresses/{place}/country", f"{address.country} is not in ISO 3166-1.")
        faults.unless(
            new.currency is None or new.currency in CURRENCIES,
            "/currency",
            f"{new.currency} is not in ISO 4217.",
        )
        changes: dict[str, Any] = {}
        if new.tax_id is not None:
            country = new.addresses[0].country if new.addresses else None
            _canonical(changes, faults, "tax_id", lambda text: identifiers.tax_id(text, country), new.tax_id)
        if new.iban is not None:
            _canonical(changes, faults, "iban", identifiers.iban, new.iban)
        faults.refuse()
        return msgspec.structs.replace(new, **changes) if changes else new

    def words(self, new: N) -> Iterable[str]:
        yield from (new.code, new.name)
        for contact in new.contacts:
            yield from (contact.name, contact.email or "", contact.phone or "")

    def derive(self, new: N) -> dict[str, Any]:
        amount = None if new.credit_limit is None else Decimal(new.credit_limit)
        return super().derive(new) | {"match_keys": keys(traits(new)), "credit_limit": amount}


def traits(partner: NewPartner | Partner) -> Traits:
    """What a partner is recognised by."""
    return Traits(
        partner.name,
        partner.tax_id,
        partner.iban,
        [contact.email for contact in partner.contacts if contact.email],
        [contact.phone for contact in partner.contacts if contact.phone],
    )


def _canonical(changes: dict[str, Any], faults: Faults, field: str, form: Any, text: str) -> None:
    try:
        changes[field] = form(text)
    except ValueError as error:
        faults.add(f"/{field}", str(error))
