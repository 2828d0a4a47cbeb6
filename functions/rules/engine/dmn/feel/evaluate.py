"""Evaluating FEEL. Nothing raises: what has no value is null, and the scope notes why (DMN 1.3, 10.3.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from rules.engine.dmn.feel import collections as _collections  # noqa: F401  # registers its functions
from rules.engine.dmn.feel.arithmetic import calculated, component, negated, stepped
from rules.engine.dmn.feel.functions import call
from rules.engine.dmn.feel.scope import Scope, calling
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
from rules.engine.dmn.feel.values import (
    KIND_NAMES,
    Function,
    Range,
    equal,
    kind_of,
    ordered,
    spelled,
)


def evaluate(node: Node, scope: Scope) -> Any:
    """The value of an expression."""
    scope.budget.spend(1)
    match node:
        case Literal():
            return node.value
        case Name():
            if node.name not in scope.variables:
                return scope.null(f"there is no variable {node.name!r}")
            return scope.variables[node.name]
        case Path():
            return component(evaluate(node.base, scope), node.name, scope)
        case Negation():
            return negated(evaluate(node.operand, scope), scope)
        case Arithmetic():
            return calculated(node.operator, evaluate(node.left, scope), evaluate(node.right, scope), scope)
        case Comparison():
            return compared(node.operator, evaluate(node.left, scope), evaluate(node.right, scope))
        case Between():
            value, low, high = (evaluate(part, scope) for part in (node.value, node.low, node.high))
            return Range(low, high).includes(value) if low is not None and high is not None else None
        case In():
            return satisfies(node.tests, evaluate(node.value, scope), scope)
        case Logic():
            return _logic(node, scope)
        case If():
            return evaluate(node.yes if evaluate(node.condition, scope) is True else node.no, scope)
        case ListOf():
            return [evaluate(item, scope) for item in node.items]
        case RangeOf():
            return _range(node, scope)
        case Call():
            return _called(node, scope)
        case _:
            return _composed(node, scope)


def _composed(node: Node, scope: Scope) -> Any:
    match node:
        case ContextOf():
            built: dict[str, Any] = {}
            for name, entry in node.entries:
                built[name] = evaluate(entry, scope.within(built))
            return built
        case FunctionOf():
            return _function(node, scope)
        case For():
            return _repeated(node, scope)
        case Quantified():
            return _quantified(node, scope)
        case Filter():
            return _filtered(evaluate(node.base, scope), node.test, scope)
        case InstanceOf():
            return is_instance(evaluate(node.value, scope), node.type)
    raise TypeError(f"not an expression: {node!r}")


def satisfies(tests: UnaryTests, value: Any, scope: Scope) -> bool | None:
    """Whether an input passes unary tests: true, false, or null when that cannot be told (7.3.4,
    10.3.2.11).
    """
    if not tests.tests:
        return True
    inner = scope.within({"?": value})
    unknown = False
    for test in tests.tests:
        passed = _passes(test, value, inner)
        if passed is True:
            return not tests.negated
        unknown |= passed is None
    return None if unknown else tests.negated


def _passes(test: Test, value: Any, scope: Scope) -> bool | None:
    if isinstance(test, Compared):
        return compared(test.operator, value, evaluate(test.operand, scope))
    expected = evaluate(test.expression, scope)
    if test.mentions_input:
        return expected if isinstance(expected, bool) else None
    return _is_among(value, expected)


def _is_among(value: Any, expected: Any) -> bool | None:
    """Whether a value is what is expected: the same, in the interval, or among the elements of a list."""
    if isinstance(expected, Range) and not isinstance(value, Range):
        return expected.includes(value)
    if isinstance(expected, list):
        if isinstance(value, list) and equal(value, expected):
            return True
        return any(_is_among(value, element) is True for element in expected)
    return equal(value, expected) is True


def compared(operator: str, a: Any, b: Any) -> bool | None:
    """``= != < <= > >=`` between two values; null for values that do not compare."""
    match operator:
        case "=":
            return equal(a, b)
        case "!=":
            same = equal(a, b)
            return None if same is None else not same
        case "<" | "<=":
            return ordered(a, b, or_equal=operator == "<=")
        case _:
            return ordered(b, a, or_equal=operator == ">=")


def _logic(node: Logic, scope: Scope) -> bool | None:
    """Three-valued: a false decides ``and``, a true decides ``or``; else null if either is neither
    (10.3.2.5).
    """
    left = evaluate(node.left, scope)
    if left is (not node.every):
        return not node.every
    right = evaluate(node.right, scope)
    if right is (not node.every):
        return not node.every
    return node.every if left is node.every and right is node.every else None


def _range(node: RangeOf, scope: Scope) -> Any:
    low, high = evaluate(node.low, scope), evaluate(node.high, scope)
    if low is None or high is None or ordered(low, high, or_equal=True) is None:
        return scope.null(f"no interval lies between {spelled(low) or 'null'} and {spelled(high) or 'null'}")
    return Range(low, high, node.low_included, node.high_included)


def _called(node: Call, scope: Scope) -> Any:
    arguments = [evaluate(argument, scope) for argument in node.arguments]
    named = {name: evaluate(argument, scope) for name, argument in node.named}
    if isinstance(node.function, str):
        defined = scope.variables.get(node.function)
        if not isinstance(defined, Function):
            value, problem = call(node.function, arguments, named)
            if isinstance(value, list):
                scope.budget.spend(len(value))
            return scope.null(problem) if problem else value
    else:
        defined = evaluate(node.function, scope)
    if not isinstance(defined, Function):
        return scope.null(f"a {kind_of(defined)} cannot be called")
    placed = _placed(defined, arguments, named)
    if placed is None:
        return scope.null(f"{defined.name or 'the function'} takes ({', '.join(defined.parameters)})")
    return defined.apply(placed)


def _placed(function: Function, arguments: list[Any], named: Mapping[str, Any]) -> list[Any] | None:
    """The arguments in the order of the parameters, None where they are not those."""
    rest = function.parameters[len(arguments) :]
    if len(arguments) > len(function.parameters) or named.keys() != set(rest):
        return None
    return arguments + [named[name] for name in rest]


def _function(node: FunctionOf, scope: Scope) -> Function:
    names = tuple(name for name, _ in node.parameters)

    def apply(arguments: list[Any]) -> Any:
        for (name, kind), argument in zip(node.parameters, arguments, strict=True):
            if kind.name and argument is not None and not is_instance(argument, kind):
                return scope.null(f"the argument {name!r} is a {kind_of(argument)}, not a {kind.name}")
        with calling(scope):
            return evaluate(node.body, scope.within(dict(zip(names, arguments, strict=True))))

    return Function("", names, apply)


def _rounds(loops: tuple[Loop, ...], scope: Scope) -> Iterator[Scope]:
    """The scopes of a loop's rounds, the last name changing fastest."""
    if not loops:
        yield scope
        return
    loop, rest = loops[0], loops[1:]
    for element in _elements(loop, scope):
        yield from _rounds(rest, scope.within({loop.name: element}))


def _elements(loop: Loop, scope: Scope) -> Iterable[Any]:
    if isinstance(loop.source, RangeOf):
        ends = evaluate(loop.source.low, scope), evaluate(loop.source.high, scope)
        source: Any = Range(*ends, loop.source.low_included, loop.source.high_included)
    else:
        source = evaluate(loop.source, scope)
    if source is None:
        return ()
    if not isinstance(source, Range):
        return source if isinstance(source, list) else [source]
    return stepped(source, scope)


def _repeated(node: For, scope: Scope) -> Any:
    results: list[Any] = []
    for inner in _rounds(node.loops, scope):
        results.append(evaluate(node.result, inner.within({"partial": results})))
    return results


def _quantified(node: Quantified, scope: Scope) -> bool | None:
    unknown = False
    for inner in _rounds(node.loops, scope):
        verdict = evaluate(node.test, inner)
        if verdict is (not node.every):
            return not node.every
        unknown |= verdict is not node.every
    return None if unknown else node.every


def _filtered(base: Any, test: Node, scope: Scope) -> Any:
    """The element at a number, counted from 1 or from -1 backwards; or the elements for which a condition
    holds, which sees each as ``item`` and its components by name (10.3.2.5).
    """
    elements = base if isinstance(base, list) else [] if base is None else [base]
    kept: list[Any] = []
    for element in elements:
        members = element if isinstance(element, dict) else {}
        verdict = evaluate(test, scope.within({"item": element, **members}))
        if isinstance(verdict, Decimal) and not kept:
            return _at(elements, verdict, scope)
        if verdict is True:
            kept.append(element)
    if not elements and isinstance(evaluate(test, scope.within({"item": None})), Decimal):
        return None
    return kept


def _at(elements: list[Any], place: Decimal, scope: Scope) -> Any:
    if place != place.to_integral_value() or not 1 <= abs(place) <= len(elements):
        return scope.null(f"a list of {len(elements)} has no element {spelled(place)}")
    return elements[int(place) - 1 if place > 0 else int(place)]


def is_instance(value: Any, kind: TypeName) -> bool | None:
    """``instance of``; null for a type that is none of FEEL's own (10.3.2.9)."""
    if kind.name == "Any":
        return value is not None
    if kind.name == "list":
        return isinstance(value, list) and all(
            item is None or is_instance(item, part) for item in value for _, part in kind.parts
        )
    if kind.name == "context":
        return isinstance(value, dict) and all(
            name in value and (value[name] is None or is_instance(value[name], part) is True)
            for name, part in kind.parts
        )
    if kind.name == "range":
        return isinstance(value, Range) and all(
            is_instance(end, part) for end in (value.low, value.high) for _, part in kind.parts
        )
    name = {"dateTime": "date and time"}.get(kind.name, kind.name)
    return kind_of(value) == name if name in KIND_NAMES else None
