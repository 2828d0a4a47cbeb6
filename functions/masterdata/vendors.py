"""Vendors: those we buy from."""

from __future__ import annotations

from masterdata import merging, operations, patching, tables
from masterdata.entity import Entity
from masterdata.partners import NewPartner, Partner, PartnerRules
from masterdata.records import Records


class NewVendor(NewPartner, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A vendor as the caller writes it."""


class Vendor(Partner, frozen=True, kw_only=True):
    """A vendor as it is kept."""


records = Records(
    Entity(
        "vendor",
        "vendors",
        tables.vendors,
        NewVendor,
        patching.patch_of(NewVendor),
        Vendor,
        PartnerRules[NewVendor](),
    )
)

_own = operations.declare(records, __name__)
create, list_, read, replace = _own.create, _own.list_, _own.read, _own.replace
patch, archive, restore, history = _own.patch, _own.archive, _own.restore, _own.history

_pairs = merging.declare(records, __name__)
duplicates, merge = _pairs.duplicates, _pairs.merge
