"""Differences between two states of a record, and the container's memory of records."""

from __future__ import annotations

from uuid import uuid4

from masterdata.cache import MAX_SIZE, RecordCache
from masterdata.history import FieldChange, differences
from masterdata.types import Kept


def test_differences_are_told_field_by_field_and_attribute_by_attribute():
    before = {"version": 1, "name": "Ann", "addresses": [], "attributes": {"a": 1, "b": 2}}
    after = {"version": 2, "name": "Bea", "addresses": [{"city": "Ulm"}], "attributes": {"b": 2, "c": 3}}
    assert differences(before, after) == [
        FieldChange("name", "Ann", "Bea"),
        FieldChange("addresses", [], [{"city": "Ulm"}]),
        FieldChange("attributes.a", 1, None),
        FieldChange("attributes.c", None, 3),
    ]


def test_a_creation_tells_what_it_began_with():
    assert differences({}, {"version": 1, "name": "Ann", "tax_id": None, "attributes": {}}) == [
        FieldChange("name", None, "Ann")
    ]


def _record() -> Kept:
    from datetime import UTC, datetime

    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Kept(
        id=uuid4(),
        code="c",
        name="n",
        attributes={},
        version=1,
        created_at=now,
        created_by="system",
        updated_at=now,
        updated_by="system",
        archived_at=None,
    )


def test_the_cache_keeps_the_records_last_used():
    cache: RecordCache[Kept] = RecordCache(capacity=2)
    tenant, (one, two, three) = uuid4(), (_record() for _ in range(3))
    cache.put(tenant, one, 10)
    cache.put(tenant, two, 10)
    assert cache.get(tenant, one.id) is one
    cache.put(tenant, three, 10)
    assert cache.get(tenant, two.id) is None
    assert cache.get(tenant, one.id) is one
    assert cache.get(uuid4(), one.id) is None


def test_the_cache_holds_no_large_record():
    cache: RecordCache[Kept] = RecordCache()
    tenant, record = uuid4(), _record()
    cache.put(tenant, record, 10)
    cache.put(tenant, record, MAX_SIZE + 1)
    assert cache.get(tenant, record.id) is None
