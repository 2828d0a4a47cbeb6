"""Definitions as they are sent: our own JSON or BPMN 2.0 XML, by content type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from workflow import forms
from workflow.engine.definition_json import read_json
from workflow.engine.faults import DefinitionRefused, Fault
from workflow.engine.model import AnyElement, Process, SubProcess, UserTask

JSON: Final = "application/json"
BPMN: Final = "application/bpmn+xml"
MEDIA_TYPES: Final = (JSON, BPMN, "application/xml", "text/xml")
MAX_BYTES: Final = 5_000_000
RESERVED: Final = {"validate"}
"""Keys that are a path of their own."""


def is_bpmn(media_type: str) -> bool:
    """Whether a document of this type is BPMN 2.0 XML; else it is our own JSON."""
    return media_type not in ("", JSON) and not media_type.endswith("+json")


def read(document: bytes, media_type: str) -> tuple[list[Process], list[Fault]]:
    """The processes of a document that can be executed, and everything that is wrong with them."""
    # Only who adds a definition pays for reading one: graph and processes start without.
    from workflow.engine.bpmn import read_bpmn
    from workflow.engine.validate import validate

    if not is_bpmn(media_type):
        try:
            found = [read_json(document)]
        except DefinitionRefused as refused:
            return [], refused.faults
        faults: list[Fault] = []
    else:
        parsed = read_bpmn(document)
        found, faults = parsed.processes, list(parsed.faults)
    for process in found:
        faults += validate(process)
        if process.key in RESERVED or "/" in process.key:
            faults.append(Fault("", "key", f"The key {process.key!r} cannot be part of a path; rename it."))
        faults += _form_faults(process.elements)
    return found, faults


def _form_faults(elements: list[AnyElement]) -> Iterator[Fault]:
    for element in elements:
        if isinstance(element, UserTask):
            for at, reason in forms.faults(element.form):
                yield Fault(element.id, "form", f"Its form {reason} at {at or '/'}; correct the JSON Schema.")
        elif isinstance(element, SubProcess):
            yield from _form_faults(element.elements)
