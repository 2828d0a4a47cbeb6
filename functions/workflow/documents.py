"""Definitions as they are sent: our own JSON or BPMN 2.0 XML, by content type."""

from __future__ import annotations

from typing import Final

from common.request import Request
from workflow.engine.bpmn import read_bpmn
from workflow.engine.definition_json import read_json
from workflow.engine.faults import DefinitionRefused, Fault
from workflow.engine.model import Process
from workflow.engine.validate import validate

JSON: Final = "application/json"
MEDIA_TYPES: Final = (JSON, "application/bpmn+xml", "application/xml", "text/xml")
MAX_BYTES: Final = 5_000_000
RESERVED: Final = {"validate"}


def read(request: Request) -> tuple[list[Process], list[Fault]]:
    """The processes of a document that can be executed, and everything that is wrong with them."""
    if request.media_type in ("", JSON) or request.media_type.endswith("+json"):
        try:
            found = [read_json(request.body)]
        except DefinitionRefused as refused:
            return [], refused.faults
        faults: list[Fault] = []
    else:
        document = read_bpmn(request.body)
        found, faults = document.processes, list(document.faults)
    for process in found:
        faults += validate(process)
        if process.key in RESERVED or "/" in process.key:
            faults.append(Fault("", "key", f"The key {process.key!r} cannot be part of a path; rename it."))
    return found, faults
