"""JSON Merge Patch."""

from __future__ import annotations

import msgspec
import pytest

from common.errors import Invalid
from masterdata import patching
from masterdata.customers import NewCustomer
from masterdata.products import NewProduct

CustomerPatch = patching.patch_of(NewCustomer)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_every_example_of_rfc_7396_appendix_a(target, patch, result):
    assert patching.merge(target, patch) == result


def _patched(document: dict[str, object]) -> NewCustomer:
    record = NewCustomer(
        code="C-1", name="Ann", tax_id="1", currency="EUR", attributes={"a": 1, "b": {"c": 2}}
    )
    return patching.apply(msgspec.convert(document, CustomerPatch), record)


def test_what_a_patch_does_not_name_stays():
    after = _patched({"name": "Bea"})
    assert (after.name, after.tax_id, after.attributes) == ("Bea", "1", {"a": 1, "b": {"c": 2}})


def test_null_resets_a_field_and_removes_an_attribute():
    after = _patched({"tax_id": None, "contacts": None, "attributes": {"a": None, "b": {"c": None, "d": 1}}})
    assert (after.tax_id, after.contacts, after.attributes) == (None, [], {"b": {"d": 1}})


@pytest.mark.parametrize(
    "document", [{"name": None}, {"code": None}, {"nme": "x"}, {"name": ""}, {"currency": 1}]
)
def test_a_patch_keeps_the_rules_of_the_record(document: dict[str, object]):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(document, CustomerPatch)


def test_a_product_gets_its_default_unit_back():
    patch = msgspec.convert({"unit": None}, patching.patch_of(NewProduct))
    assert patching.apply(patch, NewProduct(code="P", name="P", unit="KGM")).unit == "C62"


def test_what_has_no_default_cannot_be_taken_away():
    patch = CustomerPatch(name=None)
    with pytest.raises(Invalid):
        patching.apply(patch, NewCustomer(code="C-1", name="Ann"))
