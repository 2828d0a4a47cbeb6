"""The entities of master data, for what works on any of them."""

from __future__ import annotations

from typing import Any, Literal

from masterdata import accounts, customers, products, vendors
from masterdata.records import Records

Many = Literal["customers", "vendors", "products", "accounts"]

MODULES: tuple[Any, ...] = (customers, vendors, products, accounts)

RECORDS: dict[str, Records[Any, Any]] = {module.records.entity.many: module.records for module in MODULES}
"""The records of each entity, by the name in its path."""
