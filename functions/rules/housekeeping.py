"""Keeping evaluations: a partition ahead for each month, and none past the retention."""

from __future__ import annotations

from sqlalchemy import text

from common.operation import every
from common.settings import settings
from common.work import Work


@every(minutes=60)
def keep_partitions(work: Work) -> dict[str, list[str]]:
    """Make the partitions of this month and the next two, and drop those past the retention."""
    row = work.execute(
        text("select made, dropped from rules.keep_partitions(:months)"),
        {"months": settings().evaluation_months},
    ).one()
    return {"made": row.made, "dropped": row.dropped}
