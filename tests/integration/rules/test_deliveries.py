"""A rule's call goes out after the commit, and what fails for now is tried again."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from common.errors import Unavailable
from rules import deliveries, evaluations, publishing, rules, sets
from tests.integration.platform import Caller, Platform
from tests.integration.rules.test_rule_sets import DISCOUNT, rule


class Hook(HTTPServer):
    """A webhook on loopback that keeps what it gets and answers as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[int] = []
        self.got: list[tuple[dict[str, str], Any]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class Handler(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), json.loads(body)))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as server:
        runner = threading.Thread(target=server.serve_forever)
        runner.start()
        yield server
        server.shutdown()
        runner.join()


def fire(platform: Platform, target: str) -> tuple[Caller, dict[str, Any]]:
    """A rule that calls a webhook fires; the Kafka event of its request."""
    owner = platform.register()
    owner.call(sets.create, DISCOUNT).ok(201)
    action = {"type": "call", "via": "webhook", "target": target, "computed": {"double": "amount * 2.0"}}
    new = rule("calls", "CH", 0, 1) | {"actions": [action]}
    owner.call(rules.create, new, path={"id": "discount"}).ok(201)
    owner.call(publishing.publish, path={"id": "discount"}).ok(201)
    question = {"facts": {"country": "CH", "amount": 21}}
    owner.call(evaluations.evaluate, question, path={"id": "discount"}).ok()
    (row,) = platform.rows("select * from platform.outbox where topic = 'rules.action.requested'")
    record = {
        "value": base64.b64encode(row.payload.encode()).decode(),
        "headers": [{name: list(value.encode())} for name, value in row.headers.items()],
    }
    return owner, {"records": {"x-0": [record]}}


def test_a_webhook_is_called_once_with_what_was_computed(fresh_platform: Platform, hook: Hook) -> None:
    _, event = fire(fresh_platform, hook.url)
    assert hook.got == []
    fresh_platform.invoke(deliveries.deliver, event)
    fresh_platform.invoke(deliveries.deliver, event)
    ((headers, body),) = hook.got
    assert body == {"double": 42}
    assert headers["Idempotency-Key"]


def test_a_webhook_that_fails_for_now_is_tried_again(fresh_platform: Platform, hook: Hook) -> None:
    _, event = fire(fresh_platform, hook.url)
    hook.answers = [503]
    with pytest.raises(Unavailable):
        fresh_platform.invoke(deliveries.deliver, event)
    fresh_platform.invoke(deliveries.deliver, event)
    assert len(hook.got) == 2


def test_a_webhook_that_refuses_is_not_tried_again(fresh_platform: Platform, hook: Hook) -> None:
    _, event = fire(fresh_platform, hook.url)
    hook.answers = [410]
    fresh_platform.invoke(deliveries.deliver, event)
    fresh_platform.invoke(deliveries.deliver, event)
    assert len(hook.got) == 1


def test_a_call_into_the_network_is_never_made(fresh_platform: Platform, hook: Hook) -> None:
    _, event = fire(fresh_platform, hook.url)
    fresh_platform.configure("rules", stage="prod")
    fresh_platform.invoke(deliveries.deliver, event)
    assert hook.got == []
