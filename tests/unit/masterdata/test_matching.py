"""Folding for search, and likely duplicates."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masterdata.matching.folding import fold, patterns, search_text
from masterdata.matching.partners import Traits, keys, likeness, score


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Café-Zürich", "cafe zurich"),
        ("  STRAẞE_12 ", "strasse 12"),
        ("Ångström & Söhne", "angstrom sohne"),
        ("100%", "100"),
        ("Москва", "москва"),
        ("%_", ""),
    ],
)
def test_folding_leaves_words_without_case_accents_and_punctuation(text: str, folded: str):
    assert fold(text) == folded


def test_short_terms_are_looked_for_at_the_beginning_of_words():
    assert patterns("Zür ag") == ["%zur%", "% ag%"]


@given(st.text(max_size=50))
@settings(max_examples=300, deadline=None)
def test_no_pattern_holds_a_wildcard_of_the_caller(query: str):
    for pattern in patterns(query):
        inner = pattern[1:-1]
        assert inner
        assert "%" not in inner
        assert "_" not in inner
        assert "\\" not in inner


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=4), st.data())
@settings(max_examples=200, deadline=None)
def test_a_record_is_found_by_any_of_its_words(parts: list[str], data: st.DataObject):
    text = search_text(parts)
    words = text.split()
    if not words:
        return
    word = data.draw(st.sampled_from(words))
    for pattern in patterns(word):
        assert pattern.strip("%") in text


ACME = Traits("Acme Müller GmbH", tax_id="DE136695976", emails=["info@acme.test"], phones=["+49 89 1234567"])


def test_legal_forms_and_the_order_of_words_make_no_difference():
    assert likeness("Acme Müller GmbH & Co. KG", "Mueller, Acme") > 0.9
    assert likeness("Acme", "Zebra Logistics") < 0.5


@pytest.mark.parametrize(
    "other",
    [
        Traits("ACME Mueller"),
        Traits("Müller Acme AG"),
        Traits("Somebody Else", tax_id="DE 136 695 976"),
        Traits("Somebody Else", emails=["INFO@acme.test"]),
        Traits("Somebody Else", phones=["089/1234567"]),
    ],
)
def test_partners_that_are_alike_meet_under_a_key(other: Traits):
    assert set(keys(ACME)) & set(keys(other))
    assert score(ACME, other)[0] >= 0.4


def test_strangers_do_not_meet():
    assert not set(keys(ACME)) & set(keys(Traits("Zebra Logistics", emails=["x@zebra.test"])))


def test_evidence_adds_up_and_different_tax_ids_speak_against_it():
    name_only = score(ACME, Traits("Acme Müller"))[0]
    name_and_mail = score(ACME, Traits("Acme Müller", emails=["info@acme.test"]))[0]
    other_tax = score(ACME, Traits("Acme Müller", tax_id="DE999999999", emails=["info@acme.test"]))[0]
    assert name_only < name_and_mail
    assert other_tax < name_only
    assert score(ACME, ACME) == (score(ACME, ACME)[0], ["tax_id", "email", "phone", "name"])


@given(st.text(max_size=30), st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_the_score_is_symmetric_and_a_probability(one: str, other: str):
    left, right = Traits(one, emails=["a@b.c"]), Traits(other, emails=["a@b.c"], tax_id="1")
    assert 0 <= score(left, right)[0] <= 1
    assert score(left, right)[0] == pytest.approx(score(right, left)[0], abs=0.2)


def test_a_partner_has_a_bounded_number_of_keys():
    crowd = Traits("Crowd", emails=[f"p{n}@crowd.test" for n in range(50)])
    assert len(keys(crowd)) == 12
