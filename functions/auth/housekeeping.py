"""What has expired is removed."""

from __future__ import annotations

from sqlalchemy import text

from common.operation import every
from common.work import Work


@every(minutes=15, timeout=60)
def sweep_auth(work: Work) -> dict[str, int]:
    """Remove spent tokens, forgotten failures, long-dead sessions and expired keys, of all tenants."""
    swept: int = work.execute(text("select auth.sweep(:now)"), {"now": work.now}).scalar_one()
    return {"swept": swept}
