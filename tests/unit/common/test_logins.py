"""Which login an operation's connections sign in with."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import URL

from common import database, logins
from common.settings import Settings

SERVICE_PASSWORD = logins.role_password("the owner's", "groundwork_auth")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[URL]:
    """The URLs that engines were opened over."""
    urls: list[URL] = []

    def note(url: URL, **_: Any) -> None:
        urls.append(url)

    monkeypatch.setattr(database, "open_engine", note)
    monkeypatch.setattr(database, "engine_for", database.engine_for.__wrapped__)
    monkeypatch.setattr(database, "reader_for", database.reader_for.__wrapped__)
    return urls


def _given(user: str, password: str = SERVICE_PASSWORD) -> Settings:
    return Settings(service="auth", database_url=f"postgresql://{user}:{password}@db/groundwork")


def test_a_reader_signs_in_with_what_its_services_password_gives(opened: list[URL]) -> None:
    database.reader_for(_given("groundwork_auth"))
    assert opened[0].username == "groundwork_auth_reader"
    assert opened[0].password == logins.role_password("the owner's", "groundwork_auth_reader")


def test_with_iam_a_reader_has_no_password(opened: list[URL]) -> None:
    database.reader_for(Settings(service="auth", database_host="proxy", database_user="groundwork_auth"))
    assert (opened[0].username, opened[0].password) == ("groundwork_auth_reader", None)


@pytest.mark.parametrize("user", ["groundwork_auth_reader", "groundwork_owner", "postgres"])
def test_another_login_than_the_services_own_is_meant(opened: list[URL], user: str) -> None:
    database.reader_for(_given(user, "its own"))
    assert (opened[0].username, opened[0].password) == (user, "its own")


def test_who_reads_for_a_service_is_told_nothing_of_its_password() -> None:
    reader = logins.reader_password(SERVICE_PASSWORD, "groundwork_auth_reader")
    assert reader != SERVICE_PASSWORD
    assert logins.role_password(reader, "groundwork_auth") != SERVICE_PASSWORD
