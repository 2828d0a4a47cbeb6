"""Jobs that wait for a worker: theirs fell silent, or never heard of them."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import text

from common import database
from common.background import Deadline
from common.operation import Uses, every
from common.settings import settings
from common.work import Work
from masterdata import export_worker, import_worker, jobs
from masterdata.jobs import Reference

LIMIT = 20
"""Jobs of each kind that one round takes up."""

_WAITING = text("select kind, tenant_id, id from masterdata.waiting_jobs(:limit)")


@every(minutes=1, uses={Uses.FILES}, emits=import_worker.EMITS, timeout=900, memory=1024, database=False)
def resume(deadline: Deadline) -> int:
    """Go on with the imports and exports that no worker holds; how many."""
    resumed = 0
    for kind, job in _waiting():
        if deadline.remaining < jobs.RESERVE:
            break
        (import_worker if kind == "import" else export_worker).run(job, deadline)
        resumed += 1
    return resumed


def _waiting() -> list[tuple[Literal["import", "export"], Reference]]:
    """The waiting jobs of all tenants, by kind and age."""
    work = Work(database.engine(), settings().service)
    try:
        rows = work.execute(_WAITING, {"limit": LIMIT}).all()
        return [(row.kind, Reference(row.tenant_id, row.id)) for row in rows]
    finally:
        work.rollback()
