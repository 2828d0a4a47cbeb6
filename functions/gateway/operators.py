"""What belongs to the whole platform is changed by its operator only."""

from __future__ import annotations

from sqlalchemy import text

from common.settings import settings
from common.work import Work
from gateway.errors import OperatorOnly


def require_operator(work: Work) -> None:
    """Refuse other tenants than the operator's. A stage that names none has none; on the stage ``local``
    every tenant is its own developer's.
    """
    slug = settings().operator_tenant
    if not slug:
        if settings().stage == "local":
            return
        raise OperatorOnly("This stage names no operator's tenant; set OPERATOR_TENANT.")
    if not work.execute(text("select gateway.operates(:slug)"), {"slug": slug}).scalar_one():
        raise OperatorOnly("This is the whole platform's; its operator's tenant may do it.")
