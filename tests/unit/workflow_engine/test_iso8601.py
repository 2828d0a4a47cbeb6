"""Durations, cycles and instants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow.engine.iso8601 import Cycle, Duration, parse_cycle, parse_duration, parse_instant

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("PT1S", Duration(time=timedelta(seconds=1))),
        ("PT1.5S", Duration(time=timedelta(seconds=1.5))),
        ("PT0,25H", Duration(time=timedelta(minutes=15))),
        ("PT90M", Duration(time=timedelta(minutes=90))),
        ("P1Y2M", Duration(months=14)),
        ("P2W", Duration(days=14)),
        ("P1DT12H", Duration(days=1, time=timedelta(hours=12))),
        ("PT0S", Duration()),
    ],
)
def test_durations_are_read(text, duration):
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "1H",
        "-PT1S",
        "PT-1S",
        "P1H",
        "PT1D",
        "P1DT",
        "PT1S ago",
        "P1001Y",
        "PT9999999999S",
        "P٣D",
    ],
)
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


def test_a_month_after_the_31st_is_the_end_of_the_next():
    assert parse_duration("P1M").after(NOON) == datetime(2026, 2, 28, 12, tzinfo=UTC)
    assert parse_duration("P1M").after(NOON, 2) == datetime(2026, 3, 31, 12, tzinfo=UTC)
    assert parse_duration("P4Y1M").after(datetime(2024, 1, 31, tzinfo=UTC)) == datetime(
        2028, 2, 29, tzinfo=UTC
    )
    assert parse_duration("P11M").after(NOON) == datetime(2026, 12, 31, 12, tzinfo=UTC)


def test_a_day_keeps_the_wall_clock_and_hours_do_not_when_the_clocks_change():
    before = datetime(2026, 3, 28, 12, tzinfo=ZoneInfo("Europe/Zurich"))
    assert parse_duration("P1D").after(before).astimezone(UTC) == datetime(2026, 3, 29, 10, tzinfo=UTC)
    assert parse_duration("PT24H").after(before).astimezone(UTC) == datetime(2026, 3, 29, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "cycle"),
    [
        ("R3/PT10S", Cycle(parse_duration("PT10S"), 3)),
        ("R/P1D", Cycle(parse_duration("P1D"))),
        ("R2/2026-01-31T12:00:00Z/P1M", Cycle(parse_duration("P1M"), 2, NOON)),
        ("R3/PT1H/2026-01-31T14:00:00Z", Cycle(parse_duration("PT1H"), 3, NOON)),
    ],
)
def test_cycles_are_read(text, cycle):
    assert parse_cycle(text) == cycle


@pytest.mark.parametrize(
    "text", ["PT10S", "R3", "R0/PT1S", "R3/PT0S", "R/PT1H/2026-01-01T00:00:00Z", "R3/a/b/c", "0 * * * *"]
)
def test_what_is_no_cycle_is_refused(text):
    with pytest.raises(ValueError, match=r"cycle|interval|instant|date|duration"):
        parse_cycle(text)


def test_occurrences_are_counted_from_the_first_so_that_months_do_not_drift():
    cycle = parse_cycle("R4/2026-01-31T12:00:00Z/P1M")
    days = [cycle.occurrence(number, NOON).day for number in (1, 2, 3, 4)]
    assert days == [31, 28, 31, 30]


def test_an_instant_without_an_offset_is_in_utc():
    assert parse_instant("2026-01-31T13:00:00+01:00") == NOON
    assert parse_instant("2026-01-31T12:00:00") == NOON
    with pytest.raises(ValueError, match="not an ISO"):
        parse_instant("tomorrow")


@settings(max_examples=60)
@given(st.integers(0, 400), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_a_written_duration_reads_as_what_it_was(days, hours, minutes, seconds):
    duration = parse_duration(f"P{days}DT{hours}H{minutes}M{seconds}S")
    assert duration == Duration(days=days, time=timedelta(hours=hours, minutes=minutes, seconds=seconds))
