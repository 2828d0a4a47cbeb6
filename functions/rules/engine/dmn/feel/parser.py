"""FEEL's grammar, by recursive descent (DMN 1.3, 9.2 and 10.3.1.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from rules.engine.dmn.feel.lexer import FeelError, Lexer, Token, Vocabulary, unquoted
from rules.engine.dmn.feel.syntax import (
    Arithmetic,
    Between,
    Call,
    Compared,
    Comparison,
    ContextOf,
    Filter,
    For,
    FunctionOf,
    If,
    In,
    InstanceOf,
    ListOf,
    Literal,
    Logic,
    Loop,
    Matched,
    Name,
    Negation,
    Node,
    Path,
    Quantified,
    RangeOf,
    Test,
    TypeName,
    UnaryTests,
)
from rules.engine.dmn.feel.values import parse_date, parse_date_time, parse_duration, parse_number, parse_time

Tree = TypeVar("Tree", Node, UnaryTests)

__all__ = ["FeelError", "Vocabulary", "parse_expression", "parse_unary_tests"]

MAX_DEPTH = 50
"""Levels of brackets, branches and calls."""
MAX_HEIGHT = 200
"""Levels of the tree: a chain of n operators is n levels high."""
_COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})
_KEYWORDS = frozenset(
    """
    and or between in if then else return satisfies instance for some every function
    """.split()  # noqa: SIM905
)
_CONSTANTS = {"true": True, "false": False, "null": None}


def parse_expression(source: str, vocabulary: Vocabulary) -> Node:
    """The tree of an expression; :class:`FeelError` for what is none."""
    return _parsed(source, vocabulary, _Parser.expression)


def parse_unary_tests(source: str, vocabulary: Vocabulary) -> UnaryTests:
    """The tree of an input entry or of allowed values."""
    return _parsed(source, vocabulary, _Parser.unary_tests)


def _parsed(source: str, vocabulary: Vocabulary, rule: Callable[[_Parser], Tree]) -> Tree:
    parser = _Parser(source, vocabulary)
    try:
        tree = rule(parser)
    except RecursionError as error:
        raise FeelError("The expression nests too deeply", source, 0) from error
    parser.expect_end()
    if _height(tree) > MAX_HEIGHT:
        raise FeelError(f"The expression's tree is higher than {MAX_HEIGHT} levels; split it", source, 0)
    return tree


def _height(tree: Any) -> int:
    height = 0
    level = [tree]
    while level:
        height += 1
        level = [
            part
            for node in level
            for part in (node if isinstance(node, tuple) else msgspec.structs.astuple(node))
            if isinstance(part, tuple | msgspec.Struct)
        ]
    return height


class _Parser:
    def __init__(self, source: str, vocabulary: Vocabulary) -> None:
        self._lexer = Lexer(source, vocabulary)
        self._token = self._lexer.token(0)
        self._depth = 0
        self._mentions_input = False
        self._ends_range = False
        """Whether a '[' here ends an interval, and so is no filter."""

    def _error(self, message: str, token: Token | None = None) -> FeelError:
        return FeelError(message, self._lexer.source, (token or self._token).start)

    def _next(self) -> Token:
        token = self._token
        self._token = self._lexer.token(token.end)
        return token

    def _at(self, *texts: str) -> bool:
        return self._token.text in texts and self._token.kind in ("operator", "name")

    def _take(self, *texts: str) -> bool:
        if self._at(*texts):
            self._next()
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._error(f"{text!r} is expected, not {self._token.text!r}")

    def expect_end(self) -> None:
        if self._token.kind != "end":
            raise self._error(f"{self._token.text!r} is left over")

    def unary_tests(self) -> UnaryTests:
        """``-``, ``not(tests)`` or tests."""
        if self._token.kind == "end":
            return UnaryTests()
        if self._at("-") and self._lexer.token(self._token.end).kind == "end":
            self._next()
            return UnaryTests()
        if self._at("not") and self._lexer.token(self._token.end).text == "(":
            return self._not()
        return UnaryTests(self._tests())

    def _not(self) -> UnaryTests:
        start = self._token
        self._next()
        self._next()
        tests = self._tests()
        self._expect(")")
        if self._token.kind == "end":
            return UnaryTests(tests, negated=True)
        self._token = start
        return UnaryTests(self._tests())

    def _tests(self) -> tuple[Test, ...]:
        tests = [self._test()]
        while self._take(","):
            tests.append(self._test())
        return tuple(tests)

    def _test(self) -> Test:
        if self._at(*_COMPARISONS):
            operator = self._next().text
            return Compared(operator, self._sum())
        outer, self._mentions_input = self._mentions_input, False
        expression = self.expression()
        test = Matched(expression, self._mentions_input)
        self._mentions_input |= outer
        return test

    def expression(self) -> Node:
        """Any expression."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(f"The expression nests deeper than {MAX_DEPTH} levels")
        try:
            if self._token.kind != "name":
                return self._or()
            match self._token.text:
                case "if":
                    return self._if()
                case "for":
                    return self._for()
                case "some" | "every":
                    return self._quantified()
                case "function":
                    return self._function()
            return self._or()
        finally:
            self._depth -= 1

    def _if(self) -> Node:
        self._next()
        condition = self.expression()
        self._expect("then")
        yes = self.expression()
        self._expect("else")
        return If(condition, yes, self.expression())

    def _for(self) -> Node:
        self._next()
        known = self._lexer.vocabulary
        loops = self._loops("return")
        result = self.expression()
        self._know(known)
        return For(loops, result)

    def _quantified(self) -> Node:
        every = self._next().text == "every"
        known = self._lexer.vocabulary
        loops = self._loops("satisfies")
        test = self.expression()
        self._know(known)
        return Quantified(every, loops, test)

    def _loops(self, end: str) -> tuple[Loop, ...]:
        """``name in source, ... end``; the names are known from there on."""
        loops: list[Loop] = []
        while not loops or self._take(","):
            name = self._new_name("in")
            self._expect("in")
            source = self.expression()
            if self._take(".."):
                source = RangeOf(source, self.expression(), True, True)
            loops.append(Loop(name, source))
            self._know(self._lexer.vocabulary.with_names([name]))
        self._expect(end)
        return tuple(loops)

    def _function(self) -> Node:
        self._next()
        self._expect("(")
        parameters: list[tuple[str, TypeName]] = []
        while not self._at(")"):
            name = self._new_name(":", ",", ")")
            parameters.append((name, self._type() if self._take(":") else TypeName("")))
            if not self._take(","):
                break
        known = self._lexer.vocabulary
        self._expect(")")
        if self._at("external"):
            raise self._error("functions of other languages (external) are not supported")
        self._know(known.with_names([name for name, _ in parameters]))
        body = self.expression()
        self._know(known)
        return FunctionOf(tuple(parameters), body)

    def _new_name(self, *ends: str) -> str:
        """A name that is declared here, which ends before one of these tokens."""
        first = start = self._token
        if start.kind not in ("name", "string"):
            raise self._error(f"a name is expected, not {start.text!r}")
        if start.kind == "string":
            self._next()
            return unquoted(start, self._lexer.source)
        end = start.end
        while self._token.kind != "end" and not (self._at(*ends) and self._token is not first):
            end = self._next().end
        return " ".join(self._lexer.source[start.start : end].split())

    def _know(self, vocabulary: Vocabulary) -> None:
        """Go on with other names, also for the token that is next."""
        self._lexer.vocabulary = vocabulary
        self._token = self._lexer.token(self._token.start)

    def _type(self) -> TypeName:
        """A type's name, of one word or several, with what is between ``<`` and ``>`` after it."""
        name = self._word()
        while self._token.kind == "name" and not self._at(*_KEYWORDS - {"and"}):
            if self._at("and") and name != "days":
                break
            name = f"{name} {self._word()}"
        while self._take("."):
            name = f"{name}.{self._word()}"
        parts: list[tuple[str, TypeName]] = []
        if name in ("list", "range", "context", "function") and self._take("<"):
            while not self._at(">"):
                member = self._new_name(":") if name == "context" else ""
                if member:
                    self._expect(":")
                parts.append((member, self._type()))
                if not self._take(","):
                    break
            self._expect(">")
            if name == "function" and self._take("-"):
                self._expect(">")
                self._type()
        return TypeName(name, tuple(parts))

    def _word(self) -> str:
        if self._token.kind != "name":
            raise self._error(f"the name of a type is expected, not {self._token.text!r}")
        return self._next().text

    def _or(self) -> Node:
        node = self._and()
        while self._take("or"):
            node = Logic(False, node, self._and())
        return node

    def _and(self) -> Node:
        node = self._comparison()
        while self._take("and"):
            node = Logic(True, node, self._comparison())
        return node

    def _comparison(self) -> Node:
        node = self._sum()
        while True:
            if self._at(*_COMPARISONS):
                operator = self._next().text
                node = Comparison(operator, node, self._sum())
            elif self._take("between"):
                low = self._sum()
                self._expect("and")
                node = Between(node, low, self._sum())
            elif self._take("in"):
                node = In(node, self._in_tests())
            elif self._take("instance"):
                self._expect("of")
                node = InstanceOf(node, self._type())
            else:
                return node

    def _in_tests(self) -> UnaryTests:
        if not self._at("("):
            return UnaryTests((self._test_operand(),))
        start = self._token
        self._next()
        tests = self._tests()
        if self._at(".."):
            self._token = start
            return UnaryTests((self._test_operand(),))
        self._expect(")")
        return UnaryTests(tests)

    def _test_operand(self) -> Test:
        if self._at(*_COMPARISONS):
            operator = self._next().text
            return Compared(operator, self._sum())
        return Matched(self._sum(), mentions_input=False)

    def _sum(self) -> Node:
        node = self._product()
        while self._at("+", "-"):
            operator = self._next().text
            node = Arithmetic(operator, node, self._product())
        return node

    def _product(self) -> Node:
        node = self._power()
        while self._at("*", "/"):
            operator = self._next().text
            node = Arithmetic(operator, node, self._power())
        return node

    def _power(self) -> Node:
        node = self._negation()
        while self._take("**"):
            node = Arithmetic("**", node, self._negation())
        return node

    def _negation(self) -> Node:
        negations = 0
        while self._take("-"):
            negations += 1
            if negations > MAX_DEPTH:
                raise self._error(f"More than {MAX_DEPTH} signs in a row")
        node = self._postfix()
        for _ in range(negations):
            node = Negation(node)
        return node

    def _postfix(self) -> Node:
        node = self._primary()
        while True:
            if self._at("."):
                self._next()
                if self._token.kind != "name":
                    raise self._error(f"the name of a component is expected, not {self._token.text!r}")
                node = Path(node, self._next().text)
            elif self._at("[") and not self._ends_range:
                self._next()
                test = self._inside()
                self._expect("]")
                node = Filter(node, test)
            elif self._at("(") and not isinstance(node, Literal | Name | RangeOf):
                self._next()
                node = self._call(node)
            else:
                return node

    def _primary(self) -> Node:
        token = self._next()
        match token.kind:
            case "number":
                number = parse_number(token.text)
                if number is None:
                    raise self._error(f"{token.text} is no number that FEEL holds", token)
                return Literal(number)
            case "string":
                return Literal(unquoted(token, self._lexer.source))
            case "name":
                return self._named(token)
        match token.text:
            case "(" | "[" | "]":
                return self._bracketed(token)
            case "?":
                self._mentions_input = True
                return Name("?")
            case "@":
                return self._at_literal()
            case "{":
                return self._context()
        raise self._error(f"an expression is expected, not {token.text!r}", token)

    def _context(self) -> Node:
        known = self._lexer.vocabulary
        outer, self._ends_range = self._ends_range, False
        entries: list[tuple[str, Node]] = []
        while not self._at("}"):
            name = self._new_name(":")
            self._expect(":")
            if any(name == other for other, _ in entries):
                raise self._error(f"the context has two entries {name!r}")
            entries.append((name, self.expression()))
            self._know(self._lexer.vocabulary.with_names([name]))
            if not self._take(","):
                break
        self._ends_range = outer
        self._expect("}")
        self._know(known.with_names([name for name, _ in entries]))
        return ContextOf(tuple(entries))

    def _inside(self) -> Node:
        """An expression between brackets of its own."""
        outer, self._ends_range = self._ends_range, False
        node = self.expression()
        self._ends_range = outer
        return node

    def _named(self, token: Token) -> Node:
        if token.text in _CONSTANTS:
            return Literal(_CONSTANTS[token.text])
        if token.text in _KEYWORDS:
            raise self._error(f"an expression is expected, not {token.text!r}", token)
        if self._at("("):
            self._next()
            return self._call(token.text)
        name = token.text
        while self._token.kind == "name" and self._token.text not in _KEYWORDS | _CONSTANTS.keys():
            name = f"{name} {self._next().text}"
        return Name(name)

    def _call(self, function: str | Node) -> Node:
        outer, self._ends_range = self._ends_range, False
        arguments: list[Node] = []
        named: list[tuple[str, Node]] = []
        while not self._at(")"):
            name = self._parameter()
            if name is None and named:
                raise self._error("arguments by place come before arguments by name")
            argument = self.expression()
            if name is None:
                arguments.append(argument)
            else:
                named.append((name, argument))
            if not self._take(","):
                break
        self._expect(")")
        self._ends_range = outer
        return Call(function, tuple(arguments), tuple(named))

    def _parameter(self) -> str | None:
        """The name of a parameter and its colon, if an argument is given by name here."""
        start = self._token
        words = []
        while self._token.kind == "name":
            words.append(self._next().text)
        if words and self._take(":"):
            return " ".join(words)
        self._token = start
        return None

    def _bracketed(self, opening: Token) -> Node:
        """A list, an interval, or an expression in parentheses."""
        if opening.text == "[" and self._take("]"):
            return ListOf(())
        outer, self._ends_range = self._ends_range, False
        first = self.expression()
        if self._take(".."):
            self._ends_range = True
            high = self.expression()
            self._ends_range = outer
            closing = self._token.text
            if closing not in ("]", ")", "["):
                raise self._error(f"an interval ends with ']', ')' or '[', not {closing!r}")
            self._next()
            return RangeOf(first, high, opening.text == "[", closing == "]")
        self._ends_range = outer
        if opening.text == "]":
            raise self._error("'..' is expected: ']' opens an interval")
        if opening.text == "(":
            self._expect(")")
            return first
        items = [first]
        while self._take(","):
            items.append(self.expression())
        self._expect("]")
        return ListOf(tuple(items))

    def _at_literal(self) -> Node:
        token = self._next()
        if token.kind != "string":
            raise self._error("a string is expected after '@'", token)
        text = unquoted(token, self._lexer.source)
        for parse in (parse_date, parse_date_time, parse_time, parse_duration):
            value = parse(text)
            if value is not None:
                return Literal(value)
        raise self._error(f"{text!r} is no date, time or duration", token)
