"""Identifiers with check digits, put into their canonical form: tax ids, IBAN (ISO 13616), GTIN (GS1).

Each function returns the compact form, or raises :class:`ValueError` with a sentence for the caller. The
algorithms are python-stdnum's, imported on first use: an operation that meets no identifier pays nothing.
"""

from __future__ import annotations

from functools import cache
from typing import Any

_EU_CODES = "AT BE BG CY CZ DE DK EE EL ES FI FR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK XI"
_EU_PREFIXES = frozenset(_EU_CODES.split())
_WITHOUT_VAT = {"US": "tin"}
"""Countries whose tax id of companies python-stdnum knows by another name than ``vat``."""


def tax_id(value: str, country: str | None) -> str:
    """A tax id: by its EU VAT prefix, else by the rules of ``country``, else as it is.

    A number of a country whose rules are not known is kept as written: refusing what cannot be judged would
    keep good partners out.
    """
    compact = "".join(value.split()).upper()
    if compact[:2] in _EU_PREFIXES and any(c.isdigit() for c in compact):
        from stdnum.eu import vat

        return _checked(vat, compact, "The tax id is no valid EU VAT number")
    module = _tax_module(country) if country else None
    if module is None:
        return value.strip()
    return _checked(module, value, f"The tax id is not valid in {country}")


def iban(value: str) -> str:
    """An International Bank Account Number."""
    from stdnum import iban as rules

    return _checked(rules, value, "The IBAN is not valid")


def gtin(value: str) -> str:
    """A Global Trade Item Number of 8, 12, 13 or 14 digits (EAN, UPC)."""
    from stdnum import ean

    return _checked(ean, value, "The barcode is no valid GTIN: its length or its check digit is wrong")


@cache
def _tax_module(country: str) -> Any:
    from stdnum import get_cc_module

    return get_cc_module(country.lower(), _WITHOUT_VAT.get(country, "vat"))


def _checked(rules: Any, value: str, refusal: str) -> str:
    from stdnum.exceptions import ValidationError

    try:
        return str(rules.validate(value))
    except ValidationError as error:
        raise ValueError(f"{refusal}.") from error
