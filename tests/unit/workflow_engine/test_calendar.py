"""Working time, held against dates worked by hand: weekends, holidays, time zones, changes of the clocks.

In 2026 Zurich's clocks go from 02:00 to 03:00 on 29 March and from 03:00 back to 02:00 on 25 October. New
York's go forward on 8 March and back on 1 November. Lord Howe's go back by half an hour on 5 April, at 02:00.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workflow.engine.calendar import Calendar, CalendarError
from workflow.engine.iso8601 import parse_duration

ZURICH, NEW_YORK = ZoneInfo("Europe/Zurich"), ZoneInfo("America/New_York")
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
OFFICE = Calendar(
    "Europe/Zurich",
    {day: [("08:00", "12:00"), ("13:00", "17:00")] for day in WEEKDAYS},
    holidays={"2026-04-03": "Good Friday", "2026-04-06": "Easter Monday"},
    special={"2026-12-24": [("08:00", "12:00")], "2026-04-11": [("09:00", "11:00")]},
)
ALWAYS = Calendar("Europe/Zurich", {day: [("00:00", "24:00")] for day in (*WEEKDAYS, "saturday", "sunday")})


def zurich(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZURICH)


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-01-05 09:00", 2, "2026-01-05 11:00"),
        ("2026-01-05 11:00", 2, "2026-01-05 14:00"),  # over lunch
        ("2026-01-05 12:30", 1, "2026-01-05 14:00"),  # begins in the break
        ("2026-01-05 09:00", 7, "2026-01-05 17:00"),  # ends with the day, not with the next
        ("2026-01-05 16:00", 2, "2026-01-06 09:00"),
        ("2026-01-09 16:30", 1, "2026-01-12 08:30"),  # over the weekend
        ("2026-01-10 10:00", 1, "2026-01-12 09:00"),  # begins on a Saturday
        ("2026-04-02 16:00", 2, "2026-04-07 09:00"),  # over Easter: Friday and Monday are off
        ("2026-04-10 16:30", 3, "2026-04-13 08:30"),  # a special Saturday of two hours
        ("2026-12-23 16:00", 6, "2026-12-25 09:00"),  # Christmas Eve ends at noon
        ("2026-01-05 06:00", 0.5, "2026-01-05 08:30"),
    ],
)
def test_working_time_is_added(start, hours, end):
    assert OFFICE.add(zurich(start), timedelta(hours=hours)) == zurich(end)


def test_no_time_at_all_is_the_same_moment():
    assert OFFICE.add(zurich("2026-01-10 10:00"), timedelta()) == zurich("2026-01-10 10:00")


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2026-01-05 09:00", "2026-01-05 11:00", 2),
        ("2026-01-05 00:00", "2026-01-12 00:00", 40),
        ("2026-01-09 16:00", "2026-01-12 09:00", 2),
        ("2026-01-10 10:00", "2026-01-11 10:00", 0),
        ("2026-04-02 00:00", "2026-04-07 00:00", 8),  # Easter
        ("2026-01-05 11:00", "2026-01-05 09:00", -2),
    ],
)
def test_working_time_between_two_moments(start, end, hours):
    assert OFFICE.between(zurich(start), zurich(end)) == timedelta(hours=hours)


# -- changes of the clocks ---------------------------------------------------------------------------------


def test_a_day_has_twenty_three_or_twenty_five_working_hours_when_the_clocks_change():
    assert ALWAYS.between(zurich("2026-03-29 00:00"), zurich("2026-03-30 00:00")) == timedelta(hours=23)
    assert ALWAYS.between(zurich("2026-10-25 00:00"), zurich("2026-10-26 00:00")) == timedelta(hours=25)


@pytest.mark.parametrize(
    ("shift", "day", "hours"),
    [
        (("00:00", "06:00"), "2026-03-29", 5),  # the hour from 02:00 is skipped
        (("02:30", "05:00"), "2026-03-29", 2),  # begins in the skipped hour: at 03:00, when the clocks change
        (("00:00", "02:30"), "2026-03-29", 2),  # ends in the skipped hour: at the change
        (("02:15", "02:45"), "2026-03-29", 0),  # is skipped as a whole
        (("00:00", "06:00"), "2026-10-25", 7),  # the hour from 02:00 comes twice
        (("02:30", "05:00"), "2026-10-25", 3.5),  # begins in the first of the two
        (("00:00", "02:30"), "2026-10-25", 2.5),  # ends in the first of the two
    ],
)
def test_a_night_shift_is_as_long_as_the_clocks_make_it(shift, day, hours):
    nights = Calendar("Europe/Zurich", {"sunday": [shift]})
    start = zurich(f"{day} 00:00")
    assert nights.between(start, start + timedelta(days=1)) == timedelta(hours=hours)


def test_a_deadline_across_the_change_is_the_same_time_on_the_wall():
    """From Friday 16:00 two working hours are Monday 09:00, in winter time and in summer time."""
    assert OFFICE.add(zurich("2026-03-27 16:00"), timedelta(hours=2)) == datetime(2026, 3, 30, 7, tzinfo=UTC)
    assert OFFICE.add(zurich("2026-03-20 16:00"), timedelta(hours=2)) == datetime(2026, 3, 23, 8, tzinfo=UTC)


def test_offices_in_different_zones_change_their_clocks_on_different_days():
    """On 16 March New York is four hours behind UTC, on 2 March five; Zurich is one ahead on both."""
    hours = {day: [("09:00", "17:00")] for day in WEEKDAYS}
    new_york = Calendar("America/New_York", hours)
    assert new_york.add(datetime(2026, 3, 2, 12, tzinfo=UTC), timedelta(hours=1)) == datetime(
        2026, 3, 2, 15, tzinfo=UTC
    )
    assert new_york.add(datetime(2026, 3, 16, 12, tzinfo=UTC), timedelta(hours=1)) == datetime(
        2026, 3, 16, 14, tzinfo=UTC
    )


def test_a_change_of_half_an_hour_counts_as_half_an_hour():
    howe = Calendar("Australia/Lord_Howe", {"sunday": [("00:00", "06:00")]})
    start = datetime(2026, 4, 5, tzinfo=ZoneInfo("Australia/Lord_Howe"))
    assert howe.between(start, start + timedelta(days=1)) == timedelta(hours=6.5)


def test_a_zone_that_skipped_a_whole_day_has_no_shift_on_it():
    """Samoa went from 29 to 31 December 2011."""
    apia = Calendar("Pacific/Apia", {day: [("09:00", "17:00")] for day in WEEKDAYS})
    start = datetime(2011, 12, 29, 16, tzinfo=ZoneInfo("Pacific/Apia"))  # a Thursday
    assert apia.between(start, start + timedelta(days=3)) == timedelta(hours=1)


# -- durations ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "duration", "end"),
    [
        ("2026-01-05 10:00", "P2D", "2026-01-07 10:00"),
        ("2026-01-09 10:00", "P1D", "2026-01-12 10:00"),  # Friday to Monday
        ("2026-01-10 10:00", "P1D", "2026-01-12 10:00"),  # the first working day after a Saturday
        ("2026-04-02 10:00", "P1D", "2026-04-07 10:00"),  # over Easter
        ("2026-01-05 10:00", "P1DT3H", "2026-01-06 14:00"),
        ("2026-01-05 20:00", "P1D", "2026-01-07 08:00"),  # after hours: when work begins again
        ("2026-12-23 15:00", "P1D", "2026-12-25 08:00"),  # Christmas Eve is over at noon
        ("2026-01-05 10:00", "PT90M", "2026-01-05 11:30"),
    ],
)
def test_days_are_working_days_and_hours_working_time(start, duration, end):
    assert OFFICE.add_duration(zurich(start), parse_duration(duration)) == zurich(end)


def test_months_are_no_working_time():
    with pytest.raises(CalendarError, match="not in months"):
        OFFICE.add_duration(zurich("2026-01-05 10:00"), parse_duration("P1M"))


def test_a_calendar_without_working_days_ahead_says_so():
    once = Calendar("UTC", {}, special={"2020-01-01": [("08:00", "12:00")]})
    with pytest.raises(CalendarError, match="no working hours"):
        once.add(datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=1))
    with pytest.raises(CalendarError, match="no working hours"):
        once.add_duration(datetime(2026, 1, 1, tzinfo=UTC), parse_duration("P1D"))


def test_a_shift_includes_its_beginning_and_not_its_end():
    assert OFFICE.working(zurich("2026-01-05 08:00"))
    assert not OFFICE.working(zurich("2026-01-05 12:00"))
    assert not OFFICE.working(zurich("2026-04-03 10:00"))
    assert OFFICE.working(zurich("2026-04-11 09:30"))


# -- what is wrong with a calendar -------------------------------------------------------------------------


def test_a_good_calendar_has_no_faults():
    assert OFFICE.faults() == []
    assert ALWAYS.faults() == []


@pytest.mark.parametrize(
    ("calendar", "fault"),
    [
        (Calendar("Mars/Base", {"monday": [("08:00", "12:00")]}), "time zone"),
        (Calendar("../etc/passwd", {"monday": [("08:00", "12:00")]}), "time zone"),
        (Calendar("UTC", {"mon": [("08:00", "12:00")]}), "not a weekday"),
        (Calendar("UTC", {"monday": [("8:00", "12:00")]}), "not times"),
        (Calendar("UTC", {"monday": [("22:00", "06:00")]}), "split a shift at midnight"),
        (Calendar("UTC", {"monday": [("08:00", "12:00"), ("11:00", "13:00")]}), "overlaps"),
        (Calendar("UTC", {"monday": [("08:00", "12:00")]}, holidays={"25.12.": "Christmas"}), "not a date"),
        (Calendar("UTC", {}), "no working hours at all"),
        (Calendar("UTC", {"monday": []}), "no working hours at all"),
    ],
)
def test_faults_are_named(calendar, fault):
    assert fault in " ".join(calendar.faults())


# -- properties --------------------------------------------------------------------------------------------

moments = st.datetimes(datetime(2025, 1, 1), datetime(2027, 12, 31)).map(
    lambda moment: moment.replace(tzinfo=UTC)
)


@settings(max_examples=60, deadline=None)
@given(moments, st.integers(1, 200_000))
def test_adding_working_time_and_measuring_it_agree(start, seconds):
    working = timedelta(seconds=seconds)
    end = OFFICE.add(start, working)
    assert OFFICE.between(start, end) == working
    assert OFFICE.working(end - timedelta(seconds=1)) or end.second or end.microsecond


@settings(max_examples=40, deadline=None)
@given(moments, st.integers(1, 90_000), st.integers(1, 90_000))
def test_adding_twice_is_adding_the_sum(start, first, second):
    once = OFFICE.add(start, timedelta(seconds=first + second))
    assert OFFICE.add(OFFICE.add(start, timedelta(seconds=first)), timedelta(seconds=second)) == once


@settings(max_examples=40, deadline=None)
@given(moments, moments)
def test_a_calendar_that_never_rests_measures_elapsed_time(start, end):
    assert ALWAYS.between(start, end) == end - start
