"""What each entity demands of its records."""

from __future__ import annotations

import msgspec
import pytest

from common.errors import Invalid
from masterdata import customers, products, vendors
from masterdata.customers import NewCustomer
from masterdata.products import NewProduct
from masterdata.types import Address


def _pointers(refused: pytest.ExceptionInfo[Invalid]) -> list[str]:
    return [error["pointer"] for error in refused.value.members["errors"]]


def test_a_partner_hears_of_every_fault_at_once():
    new = NewCustomer(
        code="C-1",
        name="Ann",
        currency="EUX",
        tax_id="DE136695977",
        iban="DE88370400440532013000",
        addresses=[Address(lines=["x"], country="DE"), Address(lines=["x"], country="UK")],
    )
    with pytest.raises(Invalid) as refused:
        customers.records.entity.rules.check(new)
    assert _pointers(refused) == ["/addresses/1/country", "/currency", "/tax_id", "/iban"]


def test_identifiers_are_kept_in_canonical_form():
    new = vendors.NewVendor(code="V", name="V", tax_id="de 136 695 976", iban="de89 3704 0044 0532 0130 00")
    checked = vendors.records.entity.rules.check(new)
    assert (checked.tax_id, checked.iban) == ("DE136695976", "DE89370400440532013000")


def test_a_products_sku_is_its_code_unless_it_says_otherwise():
    check = products.records.entity.rules.check
    assert check(NewProduct(code="P-1", name="P")).sku == "P-1"
    assert check(NewProduct(code="P-1", name="P", sku="S-1")).sku == "S-1"


def test_a_price_says_its_currency_and_units_and_barcodes_are_real():
    with pytest.raises(Invalid) as refused:
        products.records.entity.rules.check(
            NewProduct(code="P", name="P", price="1.00", unit="PCE", barcode="4006381333932")
        )
    assert _pointers(refused) == ["/unit", "/currency", "/barcode"]


@pytest.mark.parametrize("amount", ["1500.50", "0", "0.0001", "99999999999999.9999"])
def test_money_is_a_decimal_string(amount: str):
    new = msgspec.json.decode(f'{{"code": "C", "name": "N", "credit_limit": "{amount}"}}', type=NewCustomer)
    assert new.credit_limit == amount


@pytest.mark.parametrize(
    "amount",
    ["1500.5", '"1.00001"', '"-1"', '"1e3"', '"NaN"', '"Infinity"', '"1,5"', '"01"', '"1\\n"', '""', "15"],
)
def test_money_is_never_a_float_nor_anything_else(amount: str):
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(f'{{"code": "C", "name": "N", "credit_limit": {amount}}}', type=NewCustomer)


@pytest.mark.parametrize("code", ["C-1\\n", " C-1", "", "C 1", "é", "x" * 65])
def test_a_code_is_plain(code: str):
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(f'{{"code": "{code}", "name": "N"}}', type=NewCustomer)
