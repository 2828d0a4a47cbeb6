"""Tokens to a syntax tree: operator precedence by climbing, everything else by descent; macros are expanded
on the way.

Source: the CEL language definition, "Syntax" (grammar) and "Macros".
"""

from common.cel.errors import CelCheckError, CelSyntaxError
from common.cel.lexer import KEYWORDS, RESERVED, Token, tokenize
from common.cel.limits import DEFAULT_LIMITS, Limits
from common.cel.literals import read_double, read_int, read_string
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
    Macro,
    MapLiteral,
    Node,
    Select,
    Unary,
    dotted_name,
    logical,
    measure,
)

PRECEDENCE = {
    "||": 1,
    "&&": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">=", "in"), 3),
    **dict.fromkeys(("+", "-"), 4),
    **dict.fromkeys(("*", "/", "%"), 5),
}
_CONSTANTS = {"true": True, "false": False, "null": None}
_MACROS: dict[tuple[str, int], Macro] = {
    ("all", 2): "all",
    ("exists", 2): "exists",
    ("exists_one", 2): "exists_one",
    ("existsOne", 2): "exists_one",
    ("map", 2): "map",
    ("map", 3): "map",
    ("filter", 2): "filter",
}


def parse(source: str, limits: Limits = DEFAULT_LIMITS) -> Node:
    """The syntax tree of an expression; CelSyntaxError where it is not one, or exceeds the limits."""
    if len(source) > limits.source:
        raise CelSyntaxError(
            f"the expression has {len(source):,} characters, more than {limits.source:,}: split it up", 0
        )
    try:
        source.encode()
    except UnicodeEncodeError as lone:
        raise CelSyntaxError("the source holds half a surrogate pair", lone.start) from lone
    parser = _Parser(tokenize(source), limits.depth)
    tree = parser.expression()
    parser.expect_end()
    count, depth, deepest = measure(tree)
    if count > limits.nodes:
        raise CelSyntaxError(
            f"the expression has {count:,} parts, more than {limits.nodes:,}: split it up", 0
        )
    if depth > limits.depth:
        raise too_deep(limits.depth, deepest.at)
    return tree


def too_deep(limit: int, at: int) -> CelSyntaxError:
    """The refusal of an expression that nests deeper than its limit."""
    return CelSyntaxError(f"the expression nests more than {limit} levels deep: split it up", at)


class _Parser:
    def __init__(self, tokens: list[Token], depth: int) -> None:
        self.tokens = tokens
        self.position = 0
        self.limit = self.levels_left = depth

    def expression(self) -> Node:
        """Expr = ConditionalOr ["?" ConditionalOr ":" Expr]."""
        self.levels_left -= 1
        if self.levels_left < 0:
            raise too_deep(self.limit, self.tokens[self.position][2])
        tree = self.binary(1)
        at = self.tokens[self.position][2]
        if self.take("?"):
            then = self.binary(1)
            self.expect(":", "the two choices of '?' are separated by ':'")
            tree = Conditional(tree, then, self.expression(), at)
        self.levels_left += 1
        return tree

    def binary(self, minimum: int) -> Node:
        """A chain of operators that bind at least as tightly as `minimum`; all associate to the left."""
        left = self.operand()
        while True:
            kind, text, at = self.tokens[self.position]
            operator = text if kind == "ident" else kind
            binding = PRECEDENCE.get(operator, 0)
            if binding < minimum:
                return left
            if binding > 2:
                self.position += 1
                left = Binary(operator, left, self.binary(binding + 1), at)
                continue
            terms = [left]
            while self.take(operator):
                terms.append(self.binary(binding + 1))
            left = logical(operator, terms, at)

    def operand(self) -> Node:
        """Unary = Member | "!" {"!"} Member | "-" {"-"} Member; a minus before a number is part of it."""
        signs: list[tuple[str, int]] = []
        while self.tokens[self.position][0] in ("!", "-"):
            sign, _, at = self.tokens[self.position]
            self.position += 1
            signs.append((sign, at))
        if signs and signs[-1][0] == "-" and self.tokens[self.position][0] in ("int", "double"):
            _, at = signs.pop()
            tree = self.member(self.number(True, at))
        else:
            tree = self.member(self.primary())
        for sign, at in reversed(signs):
            tree = Unary(sign, tree, at)
        return tree

    def member(self, tree: Node) -> Node:
        """Whatever follows a primary expression: selections, calls on it, indexes."""
        while True:
            kind, _, at = self.tokens[self.position]
            if kind == ".":
                self.position += 1
                tree = self.selection(tree, at)
            elif kind == "[":
                self.position += 1
                self.refuse_optional()
                index = self.expression()
                self.expect("]", "an index ends with ']'")
                tree = Index(tree, index, at)
            elif kind == "{":
                raise self.no_messages(tree)
            else:
                return tree

    def selection(self, operand: Node, at: int) -> Node:
        self.refuse_optional()
        kind, text, place = self.tokens[self.position]
        if kind == "quoted":
            self.position += 1
            return Select(operand, text[1:-1], at)
        if kind != "ident" or text in KEYWORDS:
            raise CelSyntaxError(f"a field name is missing after '.'{self.found()}", place)
        self.position += 1
        opening = self.tokens[self.position][2]
        if not self.take("("):
            return Select(operand, text, at)
        arguments = self.arguments(opening)
        macro = _MACROS.get((text, len(arguments)))
        if macro is not None:
            return _comprehension(macro, operand, arguments, place)
        return Call(text, operand, arguments, False, place)

    def primary(self) -> Node:
        kind, text, at = self.tokens[self.position]
        if kind in ("int", "double"):
            return self.number(False, at)
        self.position += 1
        if kind == "ident":
            return self.name(text, False, at)
        if kind == "string":
            return Literal(read_string(text, at), at)
        if kind == "(":
            tree = self.expression()
            self.expect(")", "a ')' is missing")
            return tree
        if kind == "[":
            return ListLiteral(self.elements(), at)
        if kind == "{":
            return MapLiteral(self.entries(), at)
        if kind == "." and self.tokens[self.position][0] == "ident":
            self.position += 1
            return self.name(self.tokens[self.position - 1][1], True, at)
        self.position -= 1
        raise CelSyntaxError(f"a value is missing{self.found()}", at)

    def name(self, text: str, absolute: bool, at: int) -> Node:
        if text in _CONSTANTS and not absolute:
            return Literal(_CONSTANTS[text], at)
        if text in RESERVED or text in KEYWORDS:
            raise CelSyntaxError(f"{text!r} is a reserved word: it names no variable", at)
        opening = self.tokens[self.position][2]
        if not self.take("("):
            return Ident(text, absolute, at)
        arguments = self.arguments(opening)
        if text == "has" and len(arguments) == 1 and not absolute:
            return _presence(arguments[0], at)
        return Call(text, None, arguments, absolute, at)

    def number(self, negative: bool, at: int) -> Literal:
        kind, text, _ = self.tokens[self.position]
        self.position += 1
        if kind == "int":
            return Literal(read_int(text, negative, at), at)
        number = read_double(text, at)
        return Literal(-number if negative else number, at)

    def arguments(self, opening: int) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self.take(")"):
            if found:
                self.expect(",", "arguments are separated by ',' and end with ')'", opening)
            found.append(self.expression())
        return tuple(found)

    def elements(self) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self.closes("]", found):
            self.refuse_optional()
            found.append(self.expression())
        return tuple(found)

    def entries(self) -> tuple[tuple[Node, Node], ...]:
        found: list[tuple[Node, Node]] = []
        while not self.closes("}", found):
            self.refuse_optional()
            key = self.expression()
            self.expect(":", "a map's key and value are separated by ':'")
            found.append((key, self.expression()))
        return tuple(found)

    def closes(self, bracket: str, found: list[Node] | list[tuple[Node, Node]]) -> bool:
        """Whether the literal ends here, perhaps after a comma; else takes the comma before its next part."""
        if self.take(bracket):
            return True
        if found:
            self.expect(",", f"the parts are separated by ',' and end with {bracket!r}")
            return self.take(bracket)
        return self.take(",") and self.expect(bracket, f"{bracket!r} is missing")

    def take(self, kind: str) -> bool:
        if self.tokens[self.position][0] == kind:
            self.position += 1
            return True
        return False

    def expect(self, kind: str, complaint: str, opening: int | None = None) -> bool:
        if self.take(kind):
            return True
        at = self.tokens[self.position][2]
        ended = self.tokens[self.position][0] == "end" and opening is not None
        raise CelSyntaxError(complaint + self.found(), opening if ended else at)

    def expect_end(self) -> None:
        kind, _, at = self.tokens[self.position]
        if kind != "end":
            raise CelSyntaxError(f"an operator is missing{self.found()}", at)

    def found(self) -> str:
        kind, text, _ = self.tokens[self.position]
        return ": the expression ends here" if kind == "end" else f", but here is {text[:40]!r}"

    def refuse_optional(self) -> None:
        kind, _, at = self.tokens[self.position]
        if kind == "?":
            raise CelCheckError("optional values (`?`) are not supported: test with has() first", at)

    def no_messages(self, tree: Node) -> CelCheckError | CelSyntaxError:
        chain = dotted_name(tree)
        if chain is None:
            return CelSyntaxError("a '{' cannot stand here", self.tokens[self.position][2])
        root, fields = chain
        name = ".".join((root.name, *fields))
        return CelCheckError(f"protobuf messages are not supported: {name}{{...}}; write a map", root.at)


def _presence(argument: Node, at: int) -> Has:
    if not isinstance(argument, Select):
        raise CelSyntaxError("has() asks for a field: has(order.total)", argument.at)
    return Has(argument.operand, argument.field, at)


def _comprehension(macro: Macro, target: Node, arguments: tuple[Node, ...], at: int) -> Comprehension:
    variable = arguments[0]
    if not isinstance(variable, Ident) or variable.absolute:
        raise CelSyntaxError(f"the first argument of {macro}() is a simple name for the element", variable.at)
    if macro != "map":
        return Comprehension(macro, target, variable.name, arguments[1], None, at=at)
    predicate = arguments[1] if len(arguments) == 3 else None
    return Comprehension(macro, target, variable.name, predicate, arguments[-1], at=at)
