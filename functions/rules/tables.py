"""What rules stores."""

from __future__ import annotations

from common.tables import schema

metadata = schema("rules")
