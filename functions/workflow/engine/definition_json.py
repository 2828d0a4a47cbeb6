"""The project's own JSON form of a definition: the structs of ``model``, read strictly."""

from __future__ import annotations

import msgspec

from .faults import DefinitionRefused, Fault
from .model import Process

MAX_BYTES = 5_000_000


def read_json(document: bytes) -> Process:
    """The definition; DefinitionRefused names the place that is wrong (``$.elements[3].loop``)."""
    if len(document) > MAX_BYTES:
        message = f"The document is larger than {MAX_BYTES} bytes."
        raise DefinitionRefused([Fault("", "too_large", message)])
    try:
        return msgspec.json.decode(document, type=Process)
    except msgspec.DecodeError as error:  # a ValidationError is one as well
        raise DefinitionRefused([Fault("", "json", f"{error}.")]) from error
    except RecursionError:
        raise DefinitionRefused([Fault("", "json", "The document is nested too deeply.")]) from None


def write_json(process: Process) -> bytes:
    """The definition as JSON, without what has its default value; ``read_json`` gives it back."""
    return msgspec.json.encode(process)
