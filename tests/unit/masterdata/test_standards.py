"""Code lists and identifiers."""

from __future__ import annotations

import pytest

from masterdata.standards import identifiers
from masterdata.standards.countries import COUNTRIES
from masterdata.standards.currencies import CURRENCIES
from masterdata.standards.units import UNITS


def test_the_lists_hold_what_is_in_force():
    assert {"EUR", "USD", "CHF", "JPY", "ZWG", "XDR"} <= CURRENCIES
    assert {"HRK", "DEM", "XXX", "XTS"}.isdisjoint(CURRENCIES)
    assert {"DE", "GB", "XK", "SS"} <= COUNTRIES
    assert {"UK", "EU", "AN", "SU"}.isdisjoint(COUNTRIES)
    assert {"C62", "H87", "KGM", "LTR", "MTR", "HUR", "DAY", "XPK", "XBX"} <= UNITS
    assert {"PCE", "KG", "XXX"}.isdisjoint(UNITS)


@pytest.mark.parametrize(
    ("value", "country", "kept"),
    [
        ("DE 136 695 976", None, "DE136695976"),
        ("136695976", "DE", "136695976"),
        ("EL 094259216", "GR", "094259216"),
        ("12-3456789", "ZZ", "12-3456789"),
        ("anything at all", None, "anything at all"),
    ],
)
def test_a_tax_id_is_kept_in_its_canonical_form(value: str, country: str | None, kept: str):
    assert identifiers.tax_id(value, country).removeprefix("EL") == kept


@pytest.mark.parametrize(("value", "country"), [("DE136695977", None), ("136695977", "DE"), ("FR1", None)])
def test_a_tax_id_with_a_wrong_check_digit_is_refused(value: str, country: str | None):
    with pytest.raises(ValueError, match=r"not valid|no valid"):
        identifiers.tax_id(value, country)


def test_an_iban_is_checked_and_put_together():
    assert identifiers.iban("DE89 3704 0044 0532 0130 00") == "DE89370400440532013000"
    with pytest.raises(ValueError, match="IBAN"):
        identifiers.iban("DE88 3704 0044 0532 0130 00")


@pytest.mark.parametrize("good", ["73513537", "036000291452", "4006381333931", "10614141000415"])
def test_a_gtin_has_its_check_digit(good: str):
    assert identifiers.gtin(good) == good
    wrong = good[:-1] + str((int(good[-1]) + 1) % 10)
    with pytest.raises(ValueError, match="GTIN"):
        identifiers.gtin(wrong)
