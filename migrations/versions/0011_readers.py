"""For each service a login that only reads.

Revision: 0011
Follows: 0010
"""

from __future__ import annotations

from alembic import op

from migrations.security import READERS, create_reader, create_role, forget_reader, open_function, reader

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SERVICES = ("auth", "masterdata", "workflow", "rules", "gateway")
PLATFORM = "platform"

SHARED = (
    "platform.enter(uuid, uuid, uuid, integer)",
    "platform.verification_keys()",
    "platform.migration_revision()",
)
"""What every operation asks that opens a transaction, knows its caller or tells its health."""

FUNCTIONS = {
    "auth": (
        "auth.client_of(uuid)",
        "auth.live_sessions()",
        "auth.subject_of(uuid, uuid, text, timestamptz)",
    ),
    "masterdata": ("masterdata.search(text, text[], text)",),
    "workflow": ("workflow.member(uuid)",),
    "gateway": ("gateway.operates(text)",),
}
"""What reads besides tables."""


def upgrade() -> None:
    """Create the readers, with what their services' logins may select."""
    create_role(READERS, "nologin")
    op.execute(f"grant usage on schema platform to {READERS}")
    for function in SHARED:
        op.execute(f"grant execute on function {function} to {READERS}")
    for service in SERVICES:
        create_reader(service)
        op.execute(f"grant {READERS} to {reader(service)}")
    create_reader(PLATFORM)
    for service, functions in FUNCTIONS.items():
        for function in functions:
            open_function(service, function, reads=True)


def downgrade() -> None:
    """Take from the readers what they may; they stay, other databases of the cluster may use them."""
    for name in (*SERVICES, PLATFORM):
        forget_reader(name)
    for function in SHARED:
        op.execute(f"revoke execute on function {function} from {READERS}")
    op.execute(f"revoke usage on schema platform from {READERS}")
