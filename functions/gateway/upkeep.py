"""Takes away what nobody uses any more."""

from __future__ import annotations

from sqlalchemy import delete, func, select, text

from common.operation import every
from common.work import Work
from gateway.documents import FORGOTTEN_AFTER
from gateway.tables import documents

BATCH = 1000


@every(minutes=60, memory=256)
def forget(work: Work) -> dict[str, int]:
    """Forget the buckets of callers who have been away, and registered documents that nobody uses."""
    buckets = work.execute(text("select gateway.forget_buckets()")).scalar_one()
    unused = select(documents.c.id).where(
        ~documents.c.trusted, documents.c.used_at < func.now() - FORGOTTEN_AFTER
    )
    gone = work.execute(delete(documents).where(documents.c.id.in_(unused.limit(BATCH))))
    return {"buckets": int(buckets), "documents": gone.rowcount}
