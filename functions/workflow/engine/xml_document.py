"""XML from strangers: parsed without document types and entities, within bounds of size and depth."""

from __future__ import annotations

from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

MAX_BYTES = 5_000_000
MAX_ELEMENTS = 100_000
MAX_DEPTH = 100
MAX_ATTRIBUTES = 200


class XmlRefused(ValueError):
    """The document is not XML that we read, and why."""


class _Builder:
    """Feeds expat's events to a tree builder and stops at the first thing that is out of bounds."""

    def __init__(self) -> None:
        self.tree = TreeBuilder()
        self.depth = 0
        self.count = 0
        self.parser = expat.ParserCreate(namespace_separator="}")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.tree.data
        self.parser.StartDoctypeDeclHandler = self.refuse_doctype
        self.parser.EntityDeclHandler = self.refuse_doctype
        self.parser.ExternalEntityRefHandler = self.refuse_doctype

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        self.count += 1
        if self.depth > MAX_DEPTH:
            raise XmlRefused(f"The document nests more than {MAX_DEPTH} elements.")
        if self.count > MAX_ELEMENTS:
            raise XmlRefused(f"The document has more than {MAX_ELEMENTS} elements.")
        if len(attributes) > MAX_ATTRIBUTES:
            raise XmlRefused(f"An element has more than {MAX_ATTRIBUTES} attributes.")
        self.tree.start(_clark(name), {_clark(key): value for key, value in attributes.items()})

    def end(self, name: str) -> None:
        self.depth -= 1
        self.tree.end(_clark(name))

    @staticmethod
    def refuse_doctype(*_: object) -> NoReturn:
        raise XmlRefused("The document has a document type declaration or an entity; remove it.")


def parse(document: bytes) -> Element:
    """The root element; names are in Clark notation (``{namespace}local``). XmlRefused says what is wrong."""
    if len(document) > MAX_BYTES:
        raise XmlRefused(f"The document is larger than {MAX_BYTES} bytes.")
    builder = _Builder()
    try:
        builder.parser.Parse(document, True)
    except expat.ExpatError as error:
        raise XmlRefused(f"The document is not well-formed XML: {error}.") from None
    except XmlRefused:
        raise
    except (LookupError, ValueError) as error:
        raise XmlRefused(f"The encoding that the document declares is not read here: {error}.") from None
    return builder.tree.close()


def _clark(name: str) -> str:
    return "{" + name if "}" in name else name
