"""What adds goes before a release's code, what takes away goes after it."""

from __future__ import annotations

import pytest

from infra.revisions import OrderError, Revision, before_the_code, known, needed, taken_since
from migrations import runner

ADDS = Revision("0002")
TAKES = Revision("0003", contracts=True)


def test_they_are_those_of_the_migrations_oldest_first() -> None:
    names = [revision.name for revision in known()]
    assert names == sorted(names)
    assert names[-1] == runner.head()


def test_the_code_needs_the_last_one_that_adds() -> None:
    assert needed([Revision("0001"), ADDS, TAKES]) == "0002"
    assert needed([Revision("0001"), ADDS]) == "0002"


@pytest.mark.parametrize(
    ("present", "goal"),
    [
        (None, "0003"),  # an empty database has no release to live with
        ("0001", "0002"),
        ("0002", "0002"),
        ("0003", "0003"),
    ],
)
def test_before_the_code_goes_what_the_release_before_can_live_with(present: str | None, goal: str) -> None:
    assert before_the_code(present, [Revision("0001"), ADDS, TAKES]) == goal


def test_what_is_needed_after_something_was_taken_away_asks_for_a_release_between() -> None:
    with pytest.raises(OrderError, match="ends with 0003 first"):
        before_the_code("0001", [Revision("0001"), ADDS, TAKES, Revision("0004")])


def test_a_database_that_is_newer_than_the_code_is_left_alone() -> None:
    with pytest.raises(OrderError, match="make rollback"):
        before_the_code("0009", [Revision("0001"), ADDS])


@pytest.mark.parametrize(("present", "taken"), [("0002", []), ("0003", ["0003"]), ("0004", ["0003"])])
def test_what_was_taken_away_since_a_release_is_known(present: str, taken: list[str]) -> None:
    assert taken_since("0001", present, [Revision("0001"), ADDS, TAKES, Revision("0004")]) == taken
