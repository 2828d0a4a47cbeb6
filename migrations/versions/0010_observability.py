"""What observing the platform needs: exemplars of what was measured, and the signing keys' dates.

Revision: 0010
Follows: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.security import login

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

PLATFORM = login("platform")


def upgrade() -> None:
    """Add the exemplars, and a function that tells of the signing keys all but the keys."""
    op.add_column("metric_series", sa.Column("exemplar", postgresql.JSONB, nullable=True), schema="platform")
    op.execute("""
        create function platform.signing_key_dates()
        returns table (
            kid text, alg text, active_at timestamptz, retired_at timestamptz, expires_at timestamptz
        )
        language sql stable security definer set search_path = pg_catalog, pg_temp
        as 'select kid, alg, active_at, retired_at, expires_at from auth.signing_keys'
    """)
    op.execute("revoke execute on function platform.signing_key_dates() from public")
    op.execute(f"grant execute on function platform.signing_key_dates() to {PLATFORM}")


def downgrade() -> None:
    """Take both away."""
    op.execute("drop function platform.signing_key_dates()")
    op.drop_column("metric_series", "exemplar", schema="platform")
