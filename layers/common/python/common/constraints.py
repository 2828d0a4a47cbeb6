"""Violated database constraints, as the refusals they mean."""

from __future__ import annotations

from collections.abc import Callable

from common.database import constraint, sqlstate
from common.errors import BadRequest, Conflict, Problem

_meanings: dict[str, Callable[[], Problem]] = {}


def means(name: str, problem: Callable[[], Problem]) -> None:
    """Declare what the violation of a constraint (by its name) tells the caller."""
    _meanings[name] = problem


def problem_of(error: BaseException) -> Problem | None:
    """The refusal that a database error means, or None where it is a fault."""
    state = sqlstate(error)
    if state == "23505":
        name = constraint(error)
        if name in _meanings:
            return _meanings[name]()
        if name == "event_store_pkey":
            return Conflict("Another change came first; read it again and repeat yours.")
        return Conflict("Something with the same key exists.")
    if state in ("23503", "23514") and (name := constraint(error)) in _meanings:
        return _meanings[name]()
    if state in ("22P05", "22021"):
        return BadRequest("The text holds a character that cannot be stored (U+0000).")
    return None
