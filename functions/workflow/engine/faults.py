"""What is wrong with a definition, named so that its author finds it."""

from __future__ import annotations

from typing import Final

import msgspec

ERROR: Final = "error"
WARNING: Final = "warning"


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """A fault of the ``element`` (its id); ``code`` is stable, ``message`` says what to do."""

    element: str
    code: str
    message: str
    severity: str = ERROR


class DefinitionRefused(ValueError):
    """The definition cannot be used, for these faults."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(" ".join(f"{fault.element}: {fault.message}" for fault in faults[:5]))
        self.faults = faults


def errors(faults: list[Fault]) -> list[Fault]:
    """The faults that keep a definition from being used; the others are warnings."""
    return [fault for fault in faults if fault.severity == ERROR]
