"""Opaque tokens: random, marked as ours, stored as digests, passed on under seal."""

from __future__ import annotations

from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as bounded
from hypothesis import strategies as st

from auth import opaque, sealing
from auth.opaque import Opaque
from common import settings
from common.settings import Settings


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "_current", [Settings(signing_secret="a secret of the tests")])


def test_a_token_is_read_back_and_tells_where_it_belongs() -> None:
    tenant, row = uuid4(), uuid4()
    token = Opaque.fresh(tenant, row)
    assert opaque.read(token.text) == token
    assert (token.tenant, token.id) == (tenant, row)
    assert len(token.text) == 107
    assert opaque.same(opaque.digest(token.secret), token.digest)
    assert not opaque.same(None, token.digest)


@bounded(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 106), st.characters(codec="ascii"))
def test_a_changed_token_was_never_ours(place: int, other: str) -> None:
    text = Opaque.fresh(uuid4(), uuid4()).text
    changed = text[:place] + other + text[place + 1 :]
    found = opaque.read(changed)
    # The last character holds unused bits: another one may stand for the same bytes.
    assert changed == text or found is None or (place == 106 and found == opaque.read(text))


@bounded(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200))
def test_whatever_else_is_offered_is_none(text: str) -> None:
    assert opaque.read(text) is None


def test_another_stages_token_is_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    text = Opaque.fresh(uuid4(), uuid4()).text
    monkeypatch.setattr(settings, "_current", [Settings(signing_secret="another")])
    assert opaque.read(text) is None


def test_a_successor_is_read_by_the_holder_of_the_one_before() -> None:
    first, second, stranger = (Opaque.fresh(uuid4(), uuid4()).secret for _ in range(3))
    sealed = opaque.seal(second, first)
    assert opaque.unseal(sealed, first) == second
    assert opaque.unseal(sealed, stranger) != second


def test_what_is_encrypted_is_read_for_the_same_label_only() -> None:
    stored = sealing.encrypt(b"plain", "totp:a")
    assert b"plain" not in stored
    assert sealing.decrypt(stored, "totp:a") == b"plain"
    with pytest.raises(Exception, match=r"^$"):
        sealing.decrypt(stored, "totp:b")
    assert sealing.encrypt(b"plain", "totp:a") != stored


def test_without_a_secret_nothing_is_signed_or_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "_current", [Settings()])
    with pytest.raises(RuntimeError, match="SIGNING_SECRET"):
        sealing.key("anything")
