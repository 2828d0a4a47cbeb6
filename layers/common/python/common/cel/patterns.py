"""Regular expressions for `matches`: RE2, which cannot be made to backtrack, within bounds of pattern, memory
and time.

Source: the CEL language definition, "Regular Expressions"; RE2's syntax. RE2 is loaded when an expression
first matches.
"""

from typing import Any

from common.cel.errors import CelEvaluationError
from common.cel.limits import Meter
from common.cel.operators import METER, Frame

_MEMORY = 1 << 20
_CHEAP = 4_096
_PER_UNIT = 64
_KEPT = 256
_compiled: dict[str, Any] = {}


def matches(text: str, pattern: str, longest: int, frame: Frame, at: int) -> bool:
    """Whether some part of the text matches.

    At worst RE2 does as many steps as the text has characters times the pattern's program has instructions: a
    unit of cost pays for 64 of them.
    """
    compiled = _compiled.get(pattern)
    if compiled is None:
        compiled = _compile(pattern, longest, at)
    work = len(text) * compiled.programsize
    if work > _CHEAP:
        meter: Meter = frame[METER]
        meter.spend(work // _PER_UNIT, at)
    try:
        return compiled.search(text) is not None
    except UnicodeEncodeError as lone:
        raise CelEvaluationError("the string holds half a surrogate pair", at) from lone


def _compile(pattern: str, longest: int, at: int) -> Any:
    try:
        import re2
    except ImportError as absent:
        raise CelEvaluationError(
            "matches() needs the package google-re2, which is not installed", at
        ) from absent

    if len(pattern) > longest:
        raise CelEvaluationError(
            f"the regular expression has {len(pattern):,} characters, more than {longest:,}", at
        )
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    try:
        compiled = re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as refused:
        reason = refused.args[0].decode() if isinstance(refused.args[0], bytes) else str(refused)
        raise CelEvaluationError(f"not a regular expression RE2 accepts: {reason}", at) from refused
    if len(_compiled) >= _KEPT:
        _compiled.clear()
    _compiled[pattern] = compiled
    return compiled
