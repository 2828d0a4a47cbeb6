"""A BPMN document while it is read: what its ids stand for, its extensions, and the faults found so far."""

from __future__ import annotations

import re
from typing import Any, Final
from xml.etree.ElementTree import Element

import msgspec

from .faults import ERROR, WARNING, Fault
from .model import Sla

BPMN: Final = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
BPMNDI: Final = "{http://www.omg.org/spec/BPMN/20100524/DI}"
DC: Final = "{http://www.omg.org/spec/DD/20100524/DC}"
DI: Final = "{http://www.omg.org/spec/DD/20100524/DI}"
OWN: Final = "{urn:groundwork:workflow}"
XSI: Final = "{http://www.w3.org/2001/XMLSchema-instance}"

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_RESERVED = {"true", "false", "null", "in"}
_VARIABLES = {"dataObject", "property", "dataInput", "dataOutput"}
_IN_EXTENSIONS = {"settings", "form", "payload", "input", "output", "variable", "sla"}


def strip(tag: str) -> str:
    """A tag's local name."""
    return tag.rsplit("}", 1)[-1]


def local(element: Element, name: str) -> bool:
    """Whether it is the BPMN element ``name``."""
    return element.tag == f"{BPMN}{name}"


def reference(text: str | None) -> str:
    """The id that a QName refers to: ``tns:order`` and ``order`` are the same element of this document."""
    return (text or "").strip().rsplit(":", 1)[-1]


def identifier(element: Element) -> str:
    """The name by which expressions know a data element: its name if it can be one, else its id."""
    for text in (element.get("name", ""), element.get("id", "")):
        if _IDENTIFIER.fullmatch(text) and text not in _RESERVED:
            return text
    return re.sub(r"\W", "_", element.get("id", ""), flags=re.ASCII)


class Source:
    """The document's elements by id, and a place for its faults."""

    def __init__(self, root: Element) -> None:
        self.root = root
        self.faults: list[Fault] = []
        self.by_id: dict[str, Element] = {}
        self.associations: dict[str, list[str]] = {}
        self.links: dict[str, tuple[Element, Element]] = {}
        """Catching link events with their definitions, by the ids of both."""
        self._scopes: list[Element] = []
        for element in root.iter():
            name = element.get("id")
            if name and element.tag.startswith(BPMN):
                self._know(element, name)
            if local(element, "association"):
                source = reference(element.get("sourceRef"))
                self.associations.setdefault(source, []).append(reference(element.get("targetRef")))
            if local(element, "intermediateCatchEvent"):
                for definition in element.findall(f"{BPMN}linkEventDefinition"):
                    for name in filter(None, (element.get("id"), definition.get("id"))):
                        self.links[name] = element, definition

    def _know(self, element: Element, name: str) -> None:
        if name in self.by_id:
            message = f"The id {name!r} is used more than once; ids are unique in a document."
            self.fault(element, "duplicate_id", message)
        self.by_id[name] = element

    def fault(self, element: Element, code: str, message: str, severity: str = ERROR) -> None:
        """Notes what is wrong with an element."""
        self.faults.append(Fault(element.get("id", ""), code, message, severity))

    def enter(self, scope: Element) -> None:
        """What follows is read inside ``scope``."""
        self._scopes.append(scope)

    def leave(self) -> None:
        """The scope has been read."""
        self._scopes.pop()

    def foreign(self, element: Element, within: Element) -> None:
        """An element of another vendor outside of extension elements has a meaning we do not know."""
        message = f"The element {element.tag} is not of BPMN 2.0; remove it."
        self.faults.append(Fault(within.get("id", ""), "unsupported", message))

    def documentation(self, element: Element) -> str:
        """The text of an element's documentation."""
        texts = (text(child) for child in element.findall(f"{BPMN}documentation"))
        return "\n".join(found for found in texts if found)

    def expression(self, element: Element | None) -> str:
        """The text of an expression element."""
        if element is None:
            return ""
        language = element.get("language", "")
        if language and "cel" not in language.lower():
            message = f"The expression is read as CEL although it says {language!r}."
            self.fault(element, "expression_language", message, WARNING)
        return text(element)

    def own(self, element: Element, name: str, default: str = "") -> str:
        """One of our own attributes."""
        return element.get(f"{OWN}{name}", default)

    def number(self, element: Element, name: str, value: str, default: int) -> int:
        """A whole number that an attribute holds."""
        if not value:
            return default
        try:
            return int(value)
        except ValueError:
            self.fault(element, "not_a_number", f"The attribute {name} is {value!r}, not a whole number.")
            return default

    def extension(self, element: Element, name: str) -> list[Element]:
        """Our own extension elements of that name."""
        within = element.find(f"{BPMN}extensionElements")
        return within.findall(f"{OWN}{name}") if within is not None else []

    def extensions(self, element: Element, attributes: set[str]) -> None:
        """Checks that every extension of ours is one we know; those of other engines get a warning."""
        for key in element.attrib:
            if key.startswith(OWN) and strip(key) not in attributes:
                self.fault(
                    element, "unknown_extension", f"There is no attribute {strip(key)!r} of ours here."
                )
            elif key.startswith("{") and not key.startswith((OWN, XSI)):
                message = f"The attribute {key} belongs to another engine and has no effect."
                self.fault(element, "foreign_extension", message, WARNING)
        within = element.find(f"{BPMN}extensionElements")
        for child in within if within is not None else ():
            if child.tag.startswith(OWN) and strip(child.tag) not in _IN_EXTENSIONS:
                message = f"There is no element {strip(child.tag)!r} of ours."
                self.fault(element, "unknown_extension", message)
            elif not child.tag.startswith(OWN):
                message = f"The element {child.tag} belongs to another engine and has no effect."
                self.fault(element, "foreign_extension", message, WARNING)

    def json(self, element: Element, name: str) -> dict[str, Any]:
        """A JSON object that one of our extension elements holds."""
        for child in self.extension(element, name):
            try:
                return msgspec.json.decode((child.text or "{}").strip(), type=dict[str, Any])
            except msgspec.DecodeError as error:
                self.fault(element, "not_json", f"The content of {name} is not a JSON object: {error}.")
        return {}

    def sla(self, element: Element) -> Sla | None:
        """The service level of an activity or process."""
        for child in self.extension(element, "sla"):
            return Sla(
                target=child.get("target", ""),
                warning=child.get("warning", ""),
                calendar=child.get("calendar", ""),
                escalation=child.get("escalation", ""),
                reassign_to=words(child.get("reassignTo", "")),
            )
        return None

    def variables(self, element: Element) -> dict[str, Any]:
        """What an element declares: data objects and properties, empty, and our variables with values."""
        declared: dict[str, Any] = {}
        own = element.find(f"{BPMN}ioSpecification") if local(element, "process") else None
        for child in (*element, *(own if own is not None else ())):
            if child.tag.startswith(BPMN) and strip(child.tag) in _VARIABLES:
                declared[identifier(child)] = None
        for child in self.extension(element, "variable"):
            value = (child.text or "null").strip()
            try:
                declared[child.get("name", "")] = msgspec.json.decode(value)
            except msgspec.DecodeError as error:
                self.fault(element, "not_json", f"The variable {child.get('name')!r} is not JSON: {error}.")
        return declared

    def variable(self, name: str, element: Element) -> str:
        """The variable that a data object, its reference, a property or a process's own data stands for."""
        found = self.by_id.get(name)
        if found is not None and local(found, "dataObjectReference"):
            found = self.by_id.get(reference(found.get("dataObjectRef")))
        if found is not None and strip(found.tag) in _VARIABLES:
            return identifier(found)
        kind = strip(found.tag) if found is not None else "nothing"
        message = f"The data association refers to {name!r}, which is {kind}, not a data object or property."
        self.fault(element, "data_reference", message)
        return ""


def text(element: Element) -> str:
    """The text of an element, without the space around it."""
    return "".join(element.itertext()).strip()


def words(value: str) -> list[str]:
    """A list that an attribute separates by commas; an expression is one item."""
    if value.startswith("="):
        return [value]
    return [word.strip() for word in value.split(",") if word.strip()]
