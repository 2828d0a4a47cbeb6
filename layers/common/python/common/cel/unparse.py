"""A syntax tree as source text with no more parentheses than it needs; parsing it gives an equal tree."""

import re

from common.cel.lexer import KEYWORDS
from common.cel.parser import PRECEDENCE
from common.cel.syntax import (
    Binary,
    Call,
    Comprehension,
    Conditional,
    Has,
    Ident,
    Index,
    ListLiteral,
    Literal,
    Logical,
    MapLiteral,
    Node,
    Select,
    Unary,
)

_CONDITIONAL, _UNARY, _MEMBER = 0, 6, 7
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def unparse(tree: Node) -> str:
    """The source text of a tree."""
    return _at_least(_CONDITIONAL, tree)


def _at_least(binding: int, node: Node) -> str:
    """The node's text, in parentheses where it binds less tightly than its place asks."""
    text, own = _text(node)
    return text if own >= binding else f"({text})"


def _text(node: Node) -> tuple[str, int]:
    match node:
        case Literal(value=value):
            return _literal(value), _MEMBER
        case Ident(name=name, absolute=absolute):
            return f".{name}" if absolute else name, _MEMBER
        case Select(operand=operand, field=field):
            return f"{_at_least(_MEMBER, operand)}.{_field(field)}", _MEMBER
        case Has(operand=operand, field=field):
            return f"has({_at_least(_MEMBER, operand)}.{_field(field)})", _MEMBER
        case Index(operand=operand, index=index):
            return f"{_at_least(_MEMBER, operand)}[{unparse(index)}]", _MEMBER
        case Call():
            return _call(node), _MEMBER
        case ListLiteral(elements=elements):
            return f"[{', '.join(map(unparse, elements))}]", _MEMBER
        case MapLiteral(entries=entries):
            parts = (f"{unparse(key)}: {unparse(value)}" for key, value in entries)
            return f"{{{', '.join(parts)}}}", _MEMBER
        case Comprehension():
            return _comprehension(node), _MEMBER
        case _:
            return _operation(node)


def _operation(node: Node) -> tuple[str, int]:
    match node:
        case Unary(operator=operator, operand=operand):
            return operator + _negated(operator, operand), _UNARY
        case Binary(operator=operator, left=left, right=right):
            own = PRECEDENCE[operator]
            return f"{_at_least(own, left)} {operator} {_at_least(own + 1, right)}", own
        case Logical(operator=operator, terms=terms):
            own = PRECEDENCE[operator]
            return f" {operator} ".join(_at_least(own + 1, term) for term in terms), own
        case Conditional(test=test, then=then, otherwise=otherwise):
            choices = f"{_at_least(1, then)} : {_at_least(_CONDITIONAL, otherwise)}"
            return f"{_at_least(1, test)} ? {choices}", _CONDITIONAL
        case _:
            raise TypeError(f"not a syntax tree: {node!r}")


def _negated(operator: str, operand: Node) -> str:
    text = _at_least(_UNARY, operand)
    # A minus before a number is read as part of it.
    return f"({text})" if operator == "-" and text[0] in "0123456789" else text


def _call(node: Call) -> str:
    arguments = ", ".join(map(unparse, node.arguments))
    if node.receiver is not None:
        return f"{_at_least(_MEMBER, node.receiver)}.{node.function}({arguments})"
    return f"{'.' if node.absolute else ''}{node.function}({arguments})"


def _comprehension(node: Comprehension) -> str:
    arguments = [part for part in (node.predicate, node.result) if part is not None]
    inside = ", ".join([node.variable, *map(unparse, arguments)])
    return f"{_at_least(_MEMBER, node.target)}.{node.macro}({inside})"


def _field(name: str) -> str:
    plain = re.fullmatch("[_a-zA-Z][_a-zA-Z0-9]*", name) and name not in KEYWORDS
    return name if plain else f"`{name}`"


def _literal(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return 'b"' + "".join(chr(b) if _plain(b) else f"\\x{b:02x}" for b in value) + '"'
    if isinstance(value, str):
        return '"' + "".join(map(_character, value)) + '"'
    if isinstance(value, int):
        return str(value) if value.__class__ is int else f"{value}u"
    return repr(value)


def _plain(byte: int) -> bool:
    return 0x20 <= byte < 0x7F and byte not in b'"\\'


def _character(character: str) -> str:
    escaped = _ESCAPES.get(character)
    if escaped is not None:
        return escaped
    return character if character.isprintable() else f"\\U{ord(character):08x}"
