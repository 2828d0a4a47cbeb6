"""Passwords: hashed as OWASP advises, bounded, and none that everybody knows."""

from __future__ import annotations

import threading

import pytest
from argon2 import extract_parameters

from auth import breached, passwords
from auth.errors import Busy, WeakPassword
from auth.tenant_settings import TenantSettings


def test_a_hash_is_argon2id_of_owasps_parameters_and_salted() -> None:
    first, second = passwords.digest("correct horse"), passwords.digest("correct horse")
    parameters = extract_parameters(first)
    assert (parameters.time_cost, parameters.memory_cost, parameters.parallelism) == (2, 19_456, 1)
    assert first.startswith("$argon2id$")
    assert first != second
    assert passwords.matches(first, "correct horse")
    assert not passwords.matches(first, "Correct horse")
    assert not passwords.matches("no hash", "correct horse")
    assert not passwords.matches(None, "correct horse")


def test_the_same_characters_composed_otherwise_are_the_same_password() -> None:
    assert passwords.matches(passwords.digest("pa\u0301ssword \ufb01ne"), "p\u00e1ssword fine")


def test_no_more_are_hashed_at_once_than_there_are_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_slots", threading.BoundedSemaphore(1))
    monkeypatch.setattr(passwords, "_PATIENCE", 0.01)
    with passwords._turn(), pytest.raises(Busy):
        passwords.digest("anything")
    passwords.digest("anything")


@pytest.mark.parametrize("password", ["password", "PASSWORD", "qwertyuiop", "1234567890", "Password123"])
def test_common_passwords_are_known(password: str) -> None:
    assert breached.known(password)


@pytest.mark.parametrize("password", ["correct horse battery", "x7!kQ-wombat-9z", "", "pässwört"])
def test_others_are_not(password: str) -> None:
    assert not breached.known(password)


def test_the_list_is_sorted_so_that_it_can_be_searched() -> None:
    entries = breached._entries()
    assert len(entries) % breached.WIDTH == 0
    places = range(0, len(entries), breached.WIDTH)
    digests = [entries[place : place + breached.WIDTH] for place in places]
    assert digests == sorted(set(digests))
    assert len(digests) > 10_000


def test_a_policy_says_why_it_refuses() -> None:
    policy = TenantSettings(password_min_length=12)
    policy.check_password("twelve chars", "someone@x.test")
    for password, why in (
        ("eleven char", "12 to"),
        ("administrator", "breaches"),
        ("someone@x.test", "address"),
    ):
        with pytest.raises(WeakPassword) as refusal:
            policy.check_password(password, "Someone@x.test")
        assert why in refusal.value.members["errors"][0]["detail"]
    TenantSettings(password_breached_check=False).check_password("administrator")
