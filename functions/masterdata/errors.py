"""What master data refuses."""

from __future__ import annotations

from common.constraints import means
from common.errors import Conflict


class CodeTaken(Conflict):
    """Another record of the tenant has the code, archived ones included."""

    code, title = "code_taken", "The code is taken"


class Archived(Conflict):
    """An archived record is restored before it is changed."""

    code, title = "archived", "It is archived"


class Merged(Conflict):
    """The record lives on in another one, for good."""

    code, title = "merged", "It was merged into another one"


class InUse(Conflict):
    """Other records build on what would change."""

    code, title = "in_use", "Other records depend on it"


class Cycle(Conflict):
    """A tree has no cycles."""

    code, title = "cycle", "An account cannot be below itself"


means("products_tenant_id_sku_key", lambda: CodeTaken("Another product has the SKU."))
means("products_tenant_id_barcode_key", lambda: CodeTaken("Another product has the barcode."))
