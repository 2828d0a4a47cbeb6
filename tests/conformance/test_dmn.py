"""The public DMN cases of conformance level 2, as far as this machine has them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from common.errors import Invalid
from rules.engine.compile import compile_rules
from rules.engine.dmn.feel.values import (
    equal,
    parse_date,
    parse_date_time,
    parse_duration,
    parse_number,
    parse_time,
)
from rules.engine.dmn.from_table import rule_set_of
from rules.engine.dmn.model import DecisionTable
from rules.engine.dmn.read import read_dmn
from rules.engine.dmn.run import DecisionModel
from rules.engine.dmn.types import feel_value
from rules.engine.dmn.write import write_dmn
from rules.engine.dmn.xml import Element, read_xml

SUITE = Path(__file__).parents[2].parent / "shared" / "suites" / "dmn"
TOLERANCE = Decimal("1e-8")
"""Expected numbers are written with fewer digits than FEEL has."""

XSI = "{http://www.w3.org/2001/XMLSchema-instance}"


def cases(*, of_tables: bool = False) -> list[Any]:
    """The public cases, or those whose decision is a table."""
    found = []
    for path in sorted(SUITE.glob("*/*test*.xml")):
        document = read_xml(path.read_bytes())
        model = path.parent / (document.first("modelName") or document).text.strip()
        for case in document.named("testCase"):
            for result in case.named("resultNode"):
                name = result.attributes["name"]
                if of_tables and not is_table(model, name):
                    continue
                place = f"{model.stem}-{case.attributes.get('id')}-{name}"
                found.append(pytest.param(model, case, result, id=place))
    return found


def is_table(model: Path, name: str) -> bool:
    return isinstance(read_dmn(model.read_bytes()).decision(name).logic, DecisionTable)


def value_of(node: Element) -> Any:
    """A FEEL value as the test format spells it: ``value``, ``list`` or ``component``s."""
    components = list(node.named("component"))
    if components:
        return {component.attributes["name"]: value_of(component) for component in components}
    listed = node.first("list")
    if listed is not None:
        return [value_of(item) for item in listed.named("item")]
    value = node.first("value")
    if value is None or value.attributes.get(f"{XSI}nil") == "true":
        return None
    kind = value.attributes.get(f"{XSI}type", "xsd:string").rpartition(":")[2]
    readers: dict[str, Any] = {
        "string": str,
        "boolean": lambda text: {"true": True, "false": False}[text],
        "date": parse_date,
        "time": parse_time,
        "dateTime": parse_date_time,
        "duration": parse_duration,
    }
    return readers.get(kind, parse_number)(value.text)


def agree(actual: Any, expected: Any) -> bool:
    if isinstance(expected, Decimal) and isinstance(actual, Decimal):
        return abs(actual - expected) <= TOLERANCE * max(Decimal(1), abs(expected))
    if isinstance(expected, list) and isinstance(actual, list):
        return len(actual) == len(expected) and all(map(agree, actual, expected))
    if isinstance(expected, dict) and isinstance(actual, dict):
        return actual.keys() == expected.keys() and all(agree(actual[n], expected[n]) for n in expected)
    return equal(actual, expected) is True


@pytest.mark.skipif(not SUITE.is_dir(), reason="the public DMN cases are not here")
@pytest.mark.parametrize(("path", "case", "result"), cases())
def test_a_public_case_decides_as_expected(path: Path, case: Element, result: Element) -> None:
    model = DecisionModel(read_dmn(path.read_bytes()))
    inputs = {node.attributes["name"]: value_of(node) for node in case.named("inputNode")}
    expected = value_of(result.first("expected") or result)
    try:
        outcome = model.evaluate(result.attributes["name"], inputs)
    except Invalid:
        assert result.attributes.get("errorResult") == "true"
        return
    assert agree(outcome.value, expected), outcome.problems


@pytest.mark.skipif(not SUITE.is_dir(), reason="the public DMN cases are not here")
@pytest.mark.parametrize("path", [pytest.param(p, id=p.stem) for p in sorted(SUITE.glob("*/*.dmn"))])
def test_a_public_model_survives_being_written_and_read(path: Path) -> None:
    definitions = read_dmn(path.read_bytes())
    assert read_dmn(write_dmn(definitions)) == definitions


@pytest.mark.skipif(not SUITE.is_dir(), reason="the public DMN cases are not here")
@pytest.mark.parametrize(("path", "case", "result"), cases(of_tables=True))
def test_a_public_table_decides_as_expected_as_a_rule_set(path: Path, case: Element, result: Element) -> None:
    definitions = read_dmn(path.read_bytes())
    decision = definitions.decision(result.attributes["name"])
    assert isinstance(decision.logic, DecisionTable)
    matcher = compile_rules(rule_set_of(definitions, decision.name))
    found = matcher.evaluate({node.attributes["name"]: value_of(node) for node in case.named("inputNode")})
    several = decision.logic.hit_policy in ("RULE ORDER", "OUTPUT ORDER", "COLLECT")
    lists = several and not decision.logic.aggregation
    told = [_single(each) for each in found.results] if lists else _single(found.outputs)
    expected = value_of(result.first("expected") or result)
    assert found.errors == []
    assert agree(feel_value(told), expected)


def _single(outputs: dict[str, Any]) -> Any:
    """One output is the value itself."""
    return next(iter(outputs.values()), None) if len(outputs) < 2 else outputs
