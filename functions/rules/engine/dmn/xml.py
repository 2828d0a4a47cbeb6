"""XML without its dangers: no document type, no entities, no external anything, bounded in size and depth."""

from __future__ import annotations

from collections.abc import Iterator
from xml.parsers import expat

import msgspec

from common.errors import Invalid

MAX_BYTES = 10_000_000
MAX_ELEMENTS = 500_000
MAX_DEPTH = 100


class InvalidXml(Invalid):
    """The document is no XML, or XML of a kind that is not read."""

    code, title = "invalid_xml", "The document cannot be read"


class Element(msgspec.Struct):
    """One element. A name is ``{namespace}local``, or just ``local`` without a namespace, as are attributes'
    names.

    ``text`` is all its character data, blank when it only separates children.
    """

    name: str
    attributes: dict[str, str] = {}
    children: list[Element] = []
    text: str = ""

    @property
    def namespace(self) -> str:
        return self.name[1:].partition("}")[0] if self.name.startswith("{") else ""

    @property
    def local(self) -> str:
        return self.name.rpartition("}")[2]

    def named(self, local: str) -> Iterator[Element]:
        """The children with this local name in this element's own namespace."""
        wanted = f"{{{self.namespace}}}{local}" if self.namespace else local
        return (child for child in self.children if child.name == wanted)

    def first(self, local: str) -> Element | None:
        """The first such child."""
        return next(self.named(local), None)


def read_xml(document: bytes | str) -> Element:
    """Parse a document; :class:`InvalidXml` says what is wrong and where."""
    data = document.encode() if isinstance(document, str) else document
    if len(data) > MAX_BYTES:
        raise InvalidXml(f"The document has {len(data)} bytes; at most {MAX_BYTES} are read.")
    return _Reader().read(data)


class _Reader:
    def __init__(self) -> None:
        self._root: Element | None = None
        self._open: list[Element] = []
        self._count = 0

    def read(self, data: bytes) -> Element:
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        try:
            parser.Parse(data, True)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise InvalidXml(f"Line {error.lineno}, column {error.offset + 1}: {reason}.") from error
        except (LookupError, ValueError) as error:
            raise InvalidXml(f"Its encoding cannot be read: {error}.") from error
        if self._root is None:
            raise InvalidXml("The document has no element.")
        return self._root

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS or len(self._open) >= MAX_DEPTH:
            raise InvalidXml(
                f"More than {MAX_ELEMENTS} elements, or nested deeper than {MAX_DEPTH}, are not read."
            )
        element = Element(_clark(name), {_clark(key): value for key, value in attributes.items()}, [])
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _end(self, name: str) -> None:  # noqa: ARG002  # expat's signature
        element = self._open.pop()
        if element.children and not element.text.strip():
            element.text = ""

    def _text(self, data: str) -> None:
        self._open[-1].text += data

    def _refuse_doctype(self, *_: object) -> None:
        raise InvalidXml("A document type declaration is not read; leave it out.")


def _clark(name: str) -> str:
    namespace, _, local = name.rpartition(" ")
    return f"{{{namespace}}}{local}" if namespace else local


def write_xml(root: Element, prefixes: dict[str, str]) -> bytes:
    """Write a document. ``prefixes`` names the namespaces' prefixes; the empty prefix is the default
    namespace.
    """
    known = dict(prefixes)
    for name in _names(root):
        if name.startswith("{"):
            namespace = name[1:].partition("}")[0]
            if namespace not in known and namespace != _XML:
                known[namespace] = f"ns{len(known)}"
    declarations = "".join(
        f" {'xmlns:' + prefix if prefix else 'xmlns'}={_quoted(namespace)}"
        for namespace, prefix in known.items()
    )
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    _write(root, known, declarations, "", lines)
    return ("\n".join(lines) + "\n").encode()


_XML = "http://www.w3.org/XML/1998/namespace"


def _names(element: Element) -> Iterator[str]:
    pending = [element]
    while pending:
        node = pending.pop()
        yield node.name
        yield from node.attributes
        pending.extend(node.children)


def _write(
    element: Element, prefixes: dict[str, str], declarations: str, indent: str, lines: list[str]
) -> None:
    name = _prefixed(element.name, prefixes)
    attributes = "".join(
        f" {_prefixed(key, prefixes)}={_quoted(value)}" for key, value in element.attributes.items()
    )
    start = f"{indent}<{name}{declarations}{attributes}"
    if not element.children and not element.text:
        lines.append(f"{start}/>")
        return
    if not element.children:
        lines.append(f"{start}>{element.text.translate(_IN_TEXT)}</{name}>")
        return
    lines.append(f"{start}>{element.text.translate(_IN_TEXT)}")
    for child in element.children:
        _write(child, prefixes, "", indent + "  ", lines)
    lines.append(f"{indent}</{name}>")


_IN_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_IN_ATTRIBUTE = _IN_TEXT | str.maketrans({'"': "&quot;", "\n": "&#10;", "\t": "&#9;"})


def _quoted(value: str) -> str:
    return f'"{value.translate(_IN_ATTRIBUTE)}"'


def _prefixed(name: str, prefixes: dict[str, str]) -> str:
    if not name.startswith("{"):
        return name
    namespace, _, local = name[1:].partition("}")
    prefix = "xml" if namespace == _XML else prefixes[namespace]
    return f"{prefix}:{local}" if prefix else local
