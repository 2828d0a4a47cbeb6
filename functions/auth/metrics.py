"""What auth counts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from common.metrics import counter, gauge

login_attempts_total = counter("auth", "login_attempts_total", "Sign-ins tried, by result.", "result")
token_generations_total = counter("auth", "token_generations_total", "Access tokens issued.", "grant")
refresh_rates_total = counter("auth", "refresh_rates_total", "Refresh tokens presented, by result.", "result")


@gauge("auth", "session_counts", "Sessions that live now, over all tenants.")
def session_counts(connection: Any) -> float:
    """Sessions neither revoked nor expired."""
    return float(connection.execute(text("select auth.live_sessions()")).scalar_one())
