"""One sign-in for all of a tenant's applications, and one sign-out.

Revision: 0012
Follows: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Note when and in which browser a session's user signed in, and where clients send them afterwards."""
    op.add_column(
        "sessions", sa.Column("authenticated_at", sa.DateTime(timezone=True), nullable=True), schema="auth"
    )
    op.add_column("sessions", sa.Column("browser_id", sa.Uuid(), nullable=True), schema="auth")
    op.add_column(
        "clients",
        sa.Column(
            "post_logout_redirect_uris",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        schema="auth",
    )


def downgrade() -> None:
    """Take them away; the browsers' own sessions mean nothing without them."""
    op.execute("delete from auth.sessions where client_id = 'browser'")
    op.drop_column("clients", "post_logout_redirect_uris", schema="auth")
    op.drop_column("sessions", "browser_id", schema="auth")
    op.drop_column("sessions", "authenticated_at", schema="auth")
