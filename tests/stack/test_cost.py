"""The cost page adds up."""

from __future__ import annotations

import re

import pytest

from infra.cdk.bundling import ROOT

PAGE = (ROOT / "docs" / "cost.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.splitlines()
    if line.startswith("|")
]

RESULT = re.compile(r"(?:^|= )([\d,]+)(?=$|;)")
"""What a cell comes to: a figure alone, or each that an arithmetic ends with."""


def number(text: str) -> float:
    return float(text.strip("*").replace(",", ""))


def table(heading: str) -> list[list[str]]:
    """The rows under a heading of the first table that has it, up to and with the sum."""
    start = next(place for place, row in enumerate(ROWS) if heading in row)
    end = next(place for place, row in enumerate(ROWS[start:], start) if row[0].startswith("**"))
    return ROWS[start + 2 : end + 1]


@pytest.mark.parametrize("column", [2, 3])
def test_a_stage_costs_idle_what_its_parts_cost(column: int) -> None:
    *parts, total = table("`dev`")
    assert len(parts) > 10
    assert round(sum(number(row[column]) for row in parts)) == number(total[column])


def test_a_request_costs_what_its_parts_cost() -> None:
    *parts, total = table("a million requests")
    assert sum(number(row[2]) for row in parts) == pytest.approx(number(total[2]))
    beyond = number(total[2]) - number(parts[0][2])  # what is not API Gateway's
    assert f"All else stays {beyond:.2f} a million." in PAGE


def test_every_sum_of_traffic_is_idle_and_what_comes_on_top() -> None:
    start = next(place for place, row in enumerate(ROWS) if row[0] == "`prod`, a month")
    idle, *loaded = ROWS[start + 2 : start + 6]
    for row in loaded:
        on_top = sum(number(result) for cell in row[2:5] for result in RESULT.findall(cell))
        assert number(idle[5]) + on_top == pytest.approx(number(row[5]), abs=1)
