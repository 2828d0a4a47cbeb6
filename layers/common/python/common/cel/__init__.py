"""The Common Expression Language: conditions and calculations that people write and machines run, safely
bounded.

    program = compile("order.total > 100.0 && order.country in ['CH', 'DE']", declarations={...})
    program.evaluate({"order": {"total": 120.0, "country": "CH"}})

Everything of CEL but protobuf messages and optional values, which are refused by name, and the functions on
strings of its common extensions (`common.cel.texts`). Source: the CEL language definition
(github.com/google/cel-spec).
"""

from common.cel.durations import Duration
from common.cel.errors import (
    CelCheckError,
    CelError,
    CelEvaluationError,
    CelLimitError,
    CelMissingError,
    CelSyntaxError,
)
from common.cel.limits import Limits
from common.cel.program import Program, compile  # noqa: A004
from common.cel.timestamps import Timestamp
from common.cel.types import CelType
from common.cel.values import Uint

__all__ = [
    "CelCheckError",
    "CelError",
    "CelEvaluationError",
    "CelLimitError",
    "CelMissingError",
    "CelSyntaxError",
    "CelType",
    "Duration",
    "Limits",
    "Program",
    "Timestamp",
    "Uint",
    "compile",
]
