"""Breached passwords asked of a range service, which learns next to nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from auth import breached
from common import settings
from common.settings import Settings


class RangeService(BaseHTTPRequestHandler):
    """Have I Been Pwned's form of a range, for one prefix; remembers what it was asked."""

    asked: list[str] = []

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        self.send_response(200)
        self.end_headers()
        suffix = sha1(b"zebra crossing at night").hexdigest().upper()[5:]
        self.wfile.write(f"0018A45C4D1DEF81644B54AB7F969B88D65:1\r\n{suffix}:12\r\n{'F' * 35}:0\r\n".encode())

    def log_message(self, *_given: object) -> None:
        """Say nothing."""


@pytest.fixture
def range_service(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[RangeService]]:
    server = HTTPServer(("127.0.0.1", 0), RangeService)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/range/"
    monkeypatch.setattr(settings, "_current", [Settings(breached_passwords_url=url)])
    RangeService.asked.clear()
    yield RangeService
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_range_service_is_told_five_digits_and_no_more(range_service: type[RangeService]) -> None:
    assert breached.known("zebra crossing at night")
    assert not breached.known("another quiet evening")
    assert all(len(path) == len("/range/12345") for path in range_service.asked)


def test_a_range_service_that_is_silent_refuses_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "_current", [Settings(breached_passwords_url="http://127.0.0.1:9/")])
    assert not breached.known("zebra crossing at night")
