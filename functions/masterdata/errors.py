"""What master data refuses."""

from __future__ import annotations

from common.constraints import means
from common.errors import Conflict


class CodeTaken(Conflict):
    """Another record of the tenant has the code, archived ones included."""

    code, title = "code_taken", "The code is taken"


means("customers_tenant_id_code_key", lambda: CodeTaken("Another customer, perhaps an archived one, has it."))
