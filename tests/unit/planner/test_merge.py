"""Putting answers together."""

from typing import Any

from gateway.planner.fetches import Step
from gateway.planner.merge import merge, rename
from gateway.planner.representations import objects_at, path_of


def merged(target, *sources):
    for source in sources:
        merge(target, source)
    return target


def test_objects_and_lists_are_merged_item_by_item():
    assert merged({"a": {"x": 1}, "l": [{"x": 1}, {"x": 2}]}, {"a": {"y": 2}, "l": [{"y": 1}, {"y": 2}]}) == {
        "a": {"x": 1, "y": 2},
        "l": [{"x": 1, "y": 1}, {"x": 2, "y": 2}],
    }


def test_what_one_subgraph_left_null_another_fills_and_not_the_reverse():
    assert merged({"a": None}, {"a": {"x": 1}}) == {"a": {"x": 1}}
    assert merged({"a": {"x": 1}}, {"a": None}) == {"a": {"x": 1}}
    assert merged({"l": [None, {"x": 1}]}, {"l": [{"y": 1}, None]}) == {"l": [{"y": 1}, {"x": 1}]}


def test_nested_lists_are_merged():
    assert merged({"m": [[{"a": 1}], []]}, {"m": [[{"b": 2}], []]}) == {"m": [[{"a": 1, "b": 2}], []]}


def test_lists_of_other_lengths_are_left_as_they_were():
    assert merged({"l": [{"x": 1}]}, {"l": [{"y": 1}, {"y": 2}]}) == {"l": [{"x": 1}]}


def test_a_type_learned_later_replaces_the_interface_objects():
    assert merged({"__typename": "Media"}, {"__typename": "Book"}) == {"__typename": "Book"}


def test_aliases_of_a_request_are_put_back():
    renames: dict[str, Any] = {"id__1": ("id", {}), "of": ("of", {"n__1": ("n", {})})}
    value = {"items": 1, "id__1": 2, "of": [{"n__1": 3}, None, {"n": 4}]}
    assert rename(value, renames) == {"items": 1, "id": 2, "of": [{"n": 3}, None, {"n": 4}]}


def test_objects_are_found_along_a_path_with_lists_and_types():
    book: dict[str, Any] = {"__typename": "Book", "by": {"id": 1}}
    film: dict[str, Any] = {"__typename": "Film", "by": {"id": 2}}
    data = {"items": [[book, None], [film]]}
    path = (Step("items", None, 2), Step("by", frozenset({"Film"}), 0))
    assert objects_at(data, path) == [{"id": 2}]
    assert path_of(data, path, film["by"]) == ("items", 1, 0, "by")
    assert path_of(data, path, book["by"]) is None
