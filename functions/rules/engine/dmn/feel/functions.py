"""FEEL's built-in functions over level 2's values (DMN 1.3, 10.3.4).

A function is registered under its signature; called with arguments of other kinds it gives null, as FEEL
wants.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_DOWN,
    ROUND_HALF_EVEN,
    ROUND_HALF_UP,
    ROUND_UP,
    Decimal,
    DecimalException,
)
from typing import Any

import msgspec

from rules.engine.dmn.feel.values import (
    NUMBERS,
    YearsMonths,
    equal,
    kind_of,
    ordered,
    parse_date,
    parse_date_time,
    parse_duration,
    parse_number,
    parse_time,
    spelled,
)

MAX_TEXT = 1_000_000
MAX_PATTERN = 1_000
Run = Callable[..., Any]


class NoValue(ValueError):
    """The arguments are of the right kinds and lie outside the function's domain."""


class Signature(msgspec.Struct, frozen=True):
    """The parameters of one form of a function: their names and kinds. An optional one's kind ends in ``?``.

    With ``variadic`` the one parameter is a list, given as such or element by element.
    """

    parameters: tuple[tuple[str, frozenset[str]], ...]
    required: int
    variadic: bool
    run: Run

    def placed(self, arguments: list[Any], named: Mapping[str, Any]) -> list[Any] | None:
        """The arguments by place, None when they do not fit."""
        if self.variadic:
            if named.keys() <= {"list"} and not (arguments and named):
                arguments = [*named.values()] or arguments
                single = len(arguments) == 1 and isinstance(arguments[0], list)
                return arguments if single else [arguments] if arguments else None
            return None
        names = [name for name, _ in self.parameters]
        if len(arguments) > len(names) or not named.keys() <= set(names[len(arguments) :]):
            return None
        placed = arguments + [named.get(name) for name in names[len(arguments) :]]
        given = set(names[: len(arguments)]) | named.keys()
        for i, (name, kinds) in enumerate(self.parameters):
            if name not in given:
                if i < self.required:
                    return None
            elif kinds and kind_of(placed[i]) not in kinds and not (placed[i] is None and i >= self.required):
                return None
        return placed


_FUNCTIONS: dict[str, list[Signature]] = {}


def function(signature: str) -> Callable[[Run], Run]:
    """Register a function: ``name(parameter: kind|kind, parameter: kind?)``; no kind takes anything."""
    name, _, inside = signature[:-1].partition("(")
    parameters: list[tuple[str, frozenset[str]]] = []
    required = 0
    for part in filter(None, inside.split(", ")):
        parameter, _, kinds = part.partition(": ")
        required += not kinds.endswith("?")
        parameters.append((parameter.rstrip("."), frozenset(filter(None, kinds.rstrip("?").split("|")))))

    def register(run: Run) -> Run:
        form = Signature(tuple(parameters), required, inside.endswith("..."), run)
        _FUNCTIONS.setdefault(name, []).append(form)
        return run

    return register


def call(name: str, arguments: list[Any], named: Mapping[str, Any]) -> tuple[Any, str]:
    """What a function gives, and, when that is nothing, why."""
    forms = _FUNCTIONS.get(name)
    if forms is None:
        return None, f"there is no function {name!r}"
    for form in forms:
        placed = form.placed(arguments, named)
        if placed is not None:
            try:
                value = form.run(*placed)
            except (NoValue, DecimalException, OverflowError) as error:
                return None, f"{name}() has no value: {error}"
            return value, "" if value is not None else f"{name}() has no value for these arguments"
    kinds = ", ".join(kind_of(argument) for argument in [*arguments, *named.values()])
    return None, f"{name}() does not take ({kinds})"


# Conversion (10.3.4.1)


@function("date(from: string|date|date and time)")
def _date(source: Any) -> date | None:
    if isinstance(source, str):
        return parse_date(source)
    return source.date() if isinstance(source, datetime) else source


@function("date(year: number, month: number, day: number)")
def _date_of(year: Decimal, month: Decimal, day: Decimal) -> date:
    try:
        return date(whole(year), whole(month), whole(day))
    except ValueError as error:
        raise NoValue(str(error)) from error


@function("date and time(from: string|date|date and time)")
def _date_time(source: Any) -> datetime | None:
    if isinstance(source, str):
        return parse_date_time(source)
    return source if isinstance(source, datetime) else datetime.combine(source, time())


@function("date and time(date: date|date and time, time: time)")
def _date_time_of(day: date, clock: time) -> datetime:
    return datetime.combine(day.date() if isinstance(day, datetime) else day, clock)


@function("time(from: string|time|date and time|date)")
def _time(source: Any) -> time | None:
    if isinstance(source, str):
        return parse_time(source)
    if isinstance(source, time):
        return source
    return source.timetz() if isinstance(source, datetime) else time()


@function("time(hour: number, minute: number, second: number, offset: days and time duration?)")
def _time_of(hour: Decimal, minute: Decimal, second: Decimal, offset: timedelta | None) -> time:
    full = second.to_integral_value(ROUND_FLOOR)
    micros = int((second - full) * 1_000_000)
    try:
        zone = None if offset is None else timezone(offset)
        return time(whole(hour), whole(minute), int(full), micros, zone)
    except ValueError as error:
        raise NoValue(str(error)) from error


@function("number(from: string, grouping separator: string?, decimal separator: string?)")
def _number(source: str, grouping: str | None, point: str | None) -> Decimal | None:
    if (
        grouping not in (None, " ", ",", ".")
        or point not in (None, ",", ".")
        or (grouping and grouping == point)
    ):
        raise NoValue("the separators are a space, ',' or '.', and '.' or ','")
    text = source.replace(grouping, "") if grouping else source
    return parse_number(text.replace(point, ".") if point else text)


@function("string(from: )")
def _string(source: Any) -> str | None:
    return spelled(source)


@function("duration(from: string|days and time duration|years and months duration)")
def _duration(source: Any) -> timedelta | YearsMonths | None:
    return parse_duration(source) if isinstance(source, str) else source


@function("years and months duration(from: date|date and time, to: date|date and time)")
def _years_months(start: date, end: date) -> YearsMonths:
    months = (end.year - start.year) * 12 + end.month - start.month
    if months > 0 and end.day < start.day:
        months -= 1
    elif months < 0 and end.day > start.day:
        months += 1
    return YearsMonths(months)


# Booleans (10.3.4.2)


@function("not(negand: )")
def _not(value: Any) -> bool | None:
    return not value if isinstance(value, bool) else None


# Strings (10.3.4.3)


@function("substring(string: string, start position: number, length: number?)")
def _substring(text: str, start: Decimal, length: Decimal | None) -> str:
    place = whole(start)
    if place == 0 or (length is not None and length < 1):
        raise NoValue("positions count from 1, or from -1 backwards, and a length is at least 1")
    first = place - 1 if place > 0 else max(len(text) + place, 0)
    return text[first:] if length is None else text[first : first + whole(length)]


@function("string length(string: string)")
def _length(text: str) -> Decimal:
    return Decimal(len(text))


@function("upper case(string: string)")
def _upper(text: str) -> str:
    return text.upper()


@function("lower case(string: string)")
def _lower(text: str) -> str:
    return text.lower()


@function("substring before(string: string, match: string)")
def _before(text: str, match: str) -> str:
    return text[: text.index(match)] if match and match in text else ""


@function("substring after(string: string, match: string)")
def _after(text: str, match: str) -> str:
    return text.partition(match)[2] if match else text


@function("contains(string: string, match: string)")
def _contains(text: str, match: str) -> bool:
    return match in text


@function("starts with(string: string, match: string)")
def _starts(text: str, match: str) -> bool:
    return text.startswith(match)


@function("ends with(string: string, match: string)")
def _ends(text: str, match: str) -> bool:
    return text.endswith(match)


@function("matches(input: string, pattern: string, flags: string?)")
def _matches(text: str, pattern: str, flags: str | None) -> bool:
    return _compiled(pattern, flags).search(text) is not None


@function("replace(input: string, pattern: string, replacement: string, flags: string?)")
def _replace(text: str, pattern: str, replacement: str, flags: str | None) -> str:
    compiled = _compiled(pattern, flags)
    matches = sum(1 for _ in compiled.finditer(text))
    if len(text) * (1 + replacement.count("$")) + matches * len(replacement) > MAX_TEXT:
        raise NoValue(f"the result may have more than {MAX_TEXT} characters")
    return str(compiled.sub(_rewritten(replacement), text))


@function("split(string: string, delimiter: string)")
def _split(text: str, delimiter: str) -> list[str]:
    return [str(part) for part in _compiled(delimiter, None).split(text)]


@function("string join(list: list, delimiter: string?)")
def _join(parts: list[Any], delimiter: str | None) -> str:
    if not all(part is None or isinstance(part, str) for part in parts):
        raise NoValue("only strings are joined")
    return (delimiter or "").join(part for part in parts if part is not None)


def _compiled(pattern: str, flags: str | None) -> Any:
    import re2

    if len(pattern) > MAX_PATTERN or set(flags or "") - set("smix"):
        raise NoValue(f"a pattern has at most {MAX_PATTERN} characters, and flags are s, m, i and x")
    flags = flags or ""
    source = re.sub(r"\s+", "", pattern) if "x" in flags else pattern
    kept = "".join(flag for flag in flags if flag in "smi")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(f"(?{kept}){source}" if kept else source, options)
    except re2.error as error:
        raise NoValue(f"{pattern!r} is no expression that is supported") from error


def _rewritten(replacement: str) -> str:
    """XPath's replacement in RE2's spelling: ``$1`` is a group, a backslash escapes."""
    return re.sub(
        r"\\(.)|\$(\d)|(\\)",
        lambda found: f"\\{found[2]}" if found[2] else "\\\\" if found[1] in (None, "\\") else found[1],
        replacement,
        flags=re.DOTALL,
    )


# Lists (10.3.4.4)


@function("list contains(list: list, element: )")
def _list_contains(items: list[Any], element: Any) -> bool:
    return any(equal(item, element) is True for item in items)


@function("count(list: ...)")
def _count(items: list[Any]) -> Decimal:
    return Decimal(len(items))


@function("min(list: ...)")
def _min(items: list[Any]) -> Any:
    return _extreme(items, lambda item, best: ordered(item, best, or_equal=False))


@function("max(list: ...)")
def _max(items: list[Any]) -> Any:
    return _extreme(items, lambda item, best: ordered(best, item, or_equal=False))


def _extreme(items: list[Any], better: Callable[[Any, Any], bool | None]) -> Any:
    if not items:
        return None
    best = items[0]
    for item in items[1:]:
        found = better(item, best)
        if found is None:
            raise NoValue("the elements do not compare")
        best = item if found else best
    return best


@function("sum(list: ...)")
def _sum(items: list[Any]) -> Decimal | None:
    total = Decimal(0)
    for number in number_list(items):
        total = NUMBERS.add(total, number)
    return total if items else None


@function("mean(list: ...)")
def _mean(items: list[Any]) -> Decimal | None:
    total = _sum(items)
    return None if total is None else NUMBERS.divide(total, Decimal(len(items)))


@function("product(list: ...)")
def _product(items: list[Any]) -> Decimal | None:
    product = Decimal(1)
    for number in number_list(items):
        product = NUMBERS.multiply(product, number)
    return product if items else None


@function("median(list: ...)")
def _median(items: list[Any]) -> Decimal | None:
    numbers = sorted(number_list(items))
    if not numbers:
        return None
    middle = len(numbers) // 2
    if len(numbers) % 2:
        return numbers[middle]
    return NUMBERS.divide(NUMBERS.add(numbers[middle - 1], numbers[middle]), Decimal(2))


def number_list(items: list[Any]) -> list[Decimal]:
    """The elements, all of which must be numbers."""
    if not all(isinstance(item, Decimal) for item in items):
        raise NoValue("every element must be a number")
    return items


@function("all(list: ...)")
def _all(items: list[Any]) -> bool | None:
    if False in [item for item in items if isinstance(item, bool)]:
        return False
    return True if all(item is True for item in items) else None


@function("any(list: ...)")
def _any(items: list[Any]) -> bool | None:
    if True in [item for item in items if isinstance(item, bool)]:
        return True
    return False if all(item is False for item in items) else None


@function("sublist(list: list, start position: number, length: number?)")
def _sublist(items: list[Any], start: Decimal, length: Decimal | None) -> list[Any]:
    place = whole(start)
    first = place - 1 if place > 0 else len(items) + place
    if place == 0 or not 0 <= first < len(items):
        raise NoValue("the position is outside the list")
    return items[first:] if length is None else items[first : first + whole(length)]


@function("reverse(list: list)")
def _reverse(items: list[Any]) -> list[Any]:
    return items[::-1]


@function("index of(list: list, match: )")
def _index_of(items: list[Any], match: Any) -> list[Decimal]:
    return [Decimal(place) for place, item in enumerate(items, 1) if equal(item, match) is True]


# Numbers (10.3.4.5)


@function("decimal(n: number, scale: number)")
def _decimal(number: Decimal, scale: Decimal) -> Decimal:
    return _rounded(number, scale, ROUND_HALF_EVEN)


@function("floor(n: number, scale: number?)")
def _floor(number: Decimal, scale: Decimal | None) -> Decimal:
    return _rounded(number, scale, ROUND_FLOOR)


@function("ceiling(n: number, scale: number?)")
def _ceiling(number: Decimal, scale: Decimal | None) -> Decimal:
    return _rounded(number, scale, ROUND_CEILING)


@function("round up(n: number, scale: number)")
def _round_up(number: Decimal, scale: Decimal) -> Decimal:
    return _rounded(number, scale, ROUND_UP)


@function("round down(n: number, scale: number)")
def _round_down(number: Decimal, scale: Decimal) -> Decimal:
    return _rounded(number, scale, ROUND_DOWN)


@function("round half up(n: number, scale: number)")
def _round_half_up(number: Decimal, scale: Decimal) -> Decimal:
    return _rounded(number, scale, ROUND_HALF_UP)


@function("round half down(n: number, scale: number)")
def _round_half_down(number: Decimal, scale: Decimal) -> Decimal:
    return _rounded(number, scale, ROUND_HALF_DOWN)


def _rounded(number: Decimal, scale: Decimal | None, rounding: str) -> Decimal:
    places = 0 if scale is None else whole(scale)
    if not -6111 <= places <= 6176:
        raise NoValue("a scale is -6111 to 6176")
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and -exponent <= places:
        return number
    return number.quantize(Decimal((0, (1,), -places)), rounding, NUMBERS)


@function("abs(n: number|days and time duration|years and months duration)")
def _abs(value: Any) -> Any:
    return YearsMonths(abs(value.months)) if isinstance(value, YearsMonths) else abs(value)


@function("modulo(dividend: number, divisor: number)")
def _modulo(dividend: Decimal, divisor: Decimal) -> Decimal:
    quotient = NUMBERS.divide(dividend, divisor).to_integral_value(ROUND_FLOOR)
    return NUMBERS.subtract(dividend, NUMBERS.multiply(divisor, quotient))


@function("sqrt(number: number)")
def _sqrt(number: Decimal) -> Decimal:
    return NUMBERS.sqrt(number)


@function("log(number: number)")
def _log(number: Decimal) -> Decimal:
    return NUMBERS.ln(number)


@function("exp(number: number)")
def _exp(number: Decimal) -> Decimal:
    return NUMBERS.exp(number)


@function("odd(number: number)")
def _odd(number: Decimal) -> bool:
    return whole(number) % 2 == 1


@function("even(number: number)")
def _even(number: Decimal) -> bool:
    return whole(number) % 2 == 0


def whole(number: Decimal) -> int:
    """The number without its decimals; :class:`NoValue` for one of more than 40 digits."""
    if abs(number.adjusted()) > 40:
        raise NoValue("the number is too large or too small")
    return int(number)


# Dates (10.3.4.7, 10.3.4.8)


@function("is(value1: , value2: )")
def _is(a: Any, b: Any) -> bool:
    return kind_of(a) == kind_of(b) and equal(a, b) is True


@function("day of year(date: date|date and time)")
def _day_of_year(day: date) -> Decimal:
    return Decimal(day.timetuple().tm_yday)


@function("day of week(date: date|date and time)")
def _day_of_week(day: date) -> str:
    return ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[day.weekday()]


@function("month of year(date: date|date and time)")
def _month_of_year(day: date) -> str:
    months = "January February March April May June July August September October November December"
    return months.split()[day.month - 1]


@function("week of year(date: date|date and time)")
def _week_of_year(day: date) -> Decimal:
    return Decimal(day.isocalendar().week)
