"""Where definitions may send requests to."""

from __future__ import annotations

from typing import Any

import pytest

from common import outbound, settings
from common.settings import Settings

ADDRESSES = {"inside.example": ["93.184.215.14", "10.0.0.8"], "2130706433": ["127.0.0.1"]}
"""What names resolve to; others are addresses themselves."""


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [(None, None, None, "", (address, port)) for address in ADDRESSES.get(host, [host])]

    monkeypatch.setattr(settings, "_current", [Settings(stage="prod")])
    monkeypatch.setattr("common.outbound.socket.getaddrinfo", resolve)


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.8/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "https://2130706433/",
        "https://inside.example/",
        "https://user:secret@example.com/",
        "https:///path",
        "https://example.com:0/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "https://exa mple.com/",
        "https://example.com/\r\nX: 1",
        "https://[broken/",
    ],
)
def test_a_url_that_may_lead_inside_is_refused_for_good(url: str) -> None:
    with pytest.raises(outbound.Unreachable) as refused:
        outbound.request("GET", url, {}, None, 1.0)
    assert refused.value.final


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("fd00::1", False),
        ("2002:a00:1::", False),
    ],
)
def test_addresses_are_judged_by_where_they_lead(address: str, public: bool) -> None:
    assert outbound.public(address) is public
