"""Products: what we buy, make and sell."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from masterdata import operations, patching, tables
from masterdata.entity import Entity, Faults, Rules
from masterdata.records import Records
from masterdata.standards import identifiers
from masterdata.standards.currencies import CURRENCIES
from masterdata.types import Amount, Code, Currency, Kept, Money, New, Unit

TaxClass = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=40,
        pattern=r"^[a-z][a-z0-9_-]*$(?!\n)",
        description="The tenant's tax class, such as `standard`, `reduced`, `zero`, `exempt`.",
    ),
]
Barcode = Annotated[str, Meta(max_length=20, description="GTIN-8, -12, -13 or -14 with its check digit.")]
Category = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$(?!\n)")]
Description = Annotated[str, Meta(max_length=4000, pattern=r"^[^\x00]*$")]


class NewProduct(New, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A product as the caller writes it; its SKU is its code unless another one is given."""

    sku: Code | None = None
    description: Description = ""
    unit: Unit = "C62"
    price: Money | None = None
    cost: Money | None = None
    currency: Currency | None = None
    tax_class: TaxClass = "standard"
    category: Category | None = None
    barcode: Barcode | None = None


class Product(Kept, frozen=True, kw_only=True):
    """A product as it is kept. ``price`` and ``cost`` are for one ``unit``, in ``currency``."""

    sku: str
    description: str
    unit: str
    price: Amount | None
    cost: Amount | None
    currency: str | None
    tax_class: str
    category: str | None
    barcode: str | None


class ProductRules(Rules[NewProduct, Product]):
    """Units, currencies and barcodes are real ones, and an amount says its currency."""

    def check(self, new: NewProduct) -> NewProduct:
        from masterdata.standards.units import UNITS

        faults = Faults()
        faults.unless(new.unit in UNITS, "/unit", f"{new.unit} is no unit of UN/ECE Recommendation 20.")
        if new.currency is not None:
            faults.unless(new.currency in CURRENCIES, "/currency", f"{new.currency} is not in ISO 4217.")
        elif new.price is not None or new.cost is not None:
            faults.add("/currency", "Say the currency of price and cost.")
        barcode = new.barcode
        if barcode is not None:
            try:
                barcode = identifiers.gtin(barcode)
            except ValueError as error:
                faults.add("/barcode", str(error))
        faults.refuse()
        return msgspec.structs.replace(new, barcode=barcode, sku=new.sku or new.code)

    def words(self, new: NewProduct) -> Iterable[str]:
        return (new.code, new.name, new.sku or "", new.barcode or "", new.category or "")

    def derive(self, new: NewProduct) -> dict[str, Any]:
        amounts = {"price": new.price, "cost": new.cost}
        return super().derive(new) | {n: None if v is None else Decimal(v) for n, v in amounts.items()}


records = Records(
    Entity(
        "product",
        "products",
        tables.products,
        NewProduct,
        patching.patch_of(NewProduct),
        Product,
        ProductRules(),
    )
)

_own = operations.declare(records, __name__)
create, list_, read, replace = _own.create, _own.list_, _own.read, _own.replace
patch, archive, restore, history = _own.patch, _own.archive, _own.restore, _own.history
