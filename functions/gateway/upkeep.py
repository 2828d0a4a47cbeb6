"""Takes away what nobody uses any more."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, func, select, text

from common.operation import every
from common.work import Work
from gateway.documents import FORGOTTEN_AFTER
from gateway.tables import documents

BATCH = 1000
EVENTS_KEPT = timedelta(days=30)
"""How long the events of operations stay in the event store; on their topics it is no longer."""
MOST_EVENTS = 20_000
"""Forgotten in one go, well within a statement's time."""


@every(minutes=60, memory=256)
def forget(work: Work) -> dict[str, int]:
    """Forget what nobody comes back to: callers' buckets, unused documents, past operations' events.

    Which services were registered, and which documents trusted, stays in the event store.
    """
    buckets = work.execute(text("select gateway.forget_buckets()")).scalar_one()
    unused = select(documents.c.id).where(
        ~documents.c.trusted, documents.c.used_at < func.now() - FORGOTTEN_AFTER
    )
    gone = work.execute(delete(documents).where(documents.c.id.in_(unused.limit(BATCH))))
    forgotten = text("select gateway.forget_events(:before, :most)")
    events = work.execute(forgotten, {"before": work.now - EVENTS_KEPT, "most": MOST_EVENTS}).scalar_one()
    return {"buckets": int(buckets), "documents": gone.rowcount, "events": int(events)}
