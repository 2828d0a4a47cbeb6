"""A subgraph that is down, slow, or answers nonsense costs its own part of the answer, and no more time than
its timeout."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from gateway import services
from gateway.options import Options, use
from gateway.reach import addresses, functions, web
from gateway.reach.connections import Connections
from gateway.reach.errors import Unreached
from tests.integration.gateway.conftest import Graph, Lambdas, proxied

DOCUMENT = "{ motto tasks { title assignee { name } } }"


def fails(lambdas: Lambdas, operation: str, behaviour: Callable[[dict[str, Any], float], Any]) -> None:
    lambdas.behaviours[operation] = behaviour


def raising(error: Exception) -> Callable[[dict[str, Any], float], Any]:
    def behave(_event: dict[str, Any], _seconds: float) -> Any:
        raise error

    return behave


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (raising(Unreached("could not be reached.")), "SUBGRAPH_UNAVAILABLE"),
        (raising(RuntimeError("a fault of the gateway's own")), "SUBGRAPH_UNAVAILABLE"),
        (lambda *_: None, "SUBGRAPH_RESPONSE_MALFORMED"),
        (lambda *_: {"errorMessage": "Task timed out"}, "SUBGRAPH_RESPONSE_MALFORMED"),
        (lambda *_: {"statusCode": 200, "body": "<html>"}, "SUBGRAPH_RESPONSE_MALFORMED"),
        (lambda *_: {"statusCode": 200, "body": "[" * 9999}, "SUBGRAPH_RESPONSE_MALFORMED"),
        (lambda *_: {"statusCode": 502, "body": "<html>"}, "SUBGRAPH_UNAVAILABLE"),
        (lambda *_: proxied(200, {"answer": 42}), "SUBGRAPH_RESPONSE_MALFORMED"),
        (lambda *_: proxied(200, []), "SUBGRAPH_RESPONSE_MALFORMED"),
        (lambda *_: proxied(200, {"data": {"tasks": "x"}}), None),
        (lambda *_: proxied(503, {"code": "unavailable", "detail": "No."}), "SUBGRAPH_UNAVAILABLE"),
        (lambda *_: proxied(401, {"code": "unauthenticated", "detail": "No."}), "UNAUTHENTICATED"),
        (lambda *_: proxied(429, {"code": "too_many_requests", "detail": "No."}), "TOO_MANY_REQUESTS"),
    ],
)
def test_the_rest_of_the_answer_stands(
    owner: Graph, lambdas: Lambdas, behaviour: Callable[[dict[str, Any], float], Any], code: str | None
) -> None:
    fails(lambdas, "workflow.graph.query", behaviour)
    response = owner.ask("{ motto me { name } people { name tasks { id } } }")
    assert response["data"] is None  # tasks must not be null, and people neither
    fails(lambdas, "workflow.graph.query", behaviour)
    response = owner.ask("{ motto me { name tasks { id } } }")
    assert response["data"] == {"motto": "Festina lente", "me": None}
    (error,) = response["errors"]
    assert error["path"][:1] == ["me"]
    if code is not None:
        assert error["extensions"]["code"] == code
        assert error["extensions"]["service"] == "workflow"


def test_a_slow_subgraph_is_given_up_and_the_rest_is_answered(owner: Graph, lambdas: Lambdas) -> None:
    use(Options(timeout_ms=300))
    done = threading.Event()

    def sleep(_event: dict[str, Any], _seconds: float) -> Any:
        done.wait(10)
        return proxied(200, {"data": {"tasks": []}})

    fails(lambdas, "workflow.graph.query", sleep)
    started = time.monotonic()
    response = owner.ask("{ motto me { name tasks { id } } }")
    assert time.monotonic() - started < 3
    done.set()
    assert response["data"] == {"motto": "Festina lente", "me": None}
    (error,) = response["errors"]
    assert error["extensions"]["code"] == "SUBGRAPH_TIMEOUT"
    assert "0.3 s" in error["message"]


def test_an_operation_that_has_used_up_its_time_asks_nobody_any_more(owner: Graph, lambdas: Lambdas) -> None:
    use(Options(deadline_ms=0))
    response = owner.ask("{ motto }")
    assert response["data"] == {"motto": None}
    assert response["errors"][0]["extensions"]["code"] == "SUBGRAPH_TIMEOUT"
    assert lambdas.events == []


Respond = Callable[[BaseHTTPRequestHandler, bytes], None]


@contextmanager
def serving(respond: Respond, context: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[Any]]]:
    """An HTTP server on loopback: its port, and the headers and bodies it was sent."""
    received: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            received.append((dict(self.headers.items()), body))
            respond(self, body)

        def log_message(self, *_arguments: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port, received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answering(status: int, content: bytes, **headers: str) -> Respond:
    def respond(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    return respond


def hanging_up(handler: BaseHTTPRequestHandler, _body: bytes) -> None:
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def registered(owner: Graph, port: int, **members: Any) -> None:
    assert owner.caller is not None
    entry = {"url": f"http://127.0.0.1:{port}", "graph": "/graphql", **members}
    owner.caller.call(services.register, entry, path={"name": "weather"}).ok()


ULM = '{ forecast(city: "Ulm") motto }'


def test_a_registered_services_subgraph_is_asked_over_http(owner: Graph) -> None:
    content = json.dumps({"data": {"forecast": "Snow"}}).encode()
    with serving(answering(200, content)) as (port, received):
        registered(owner, port, forwards=["accept-language"])
        answer = owner.post({"query": ULM}, headers={"Accept-Language": "de"}).ok()
        assert answer == {"data": {"forecast": "Snow", "motto": "Festina lente"}}
        ((headers, body),) = received
        assert headers["accept-language"] == "de"
        assert "authorization" not in {name.lower() for name in headers}, "it was not said to be forwarded"
        assert headers["Host"] == f"127.0.0.1:{port}"
        assert "forecast" in json.loads(body)["query"]
        registered(owner, port, forwards=["authorization"])
        owner.ask(ULM)
        assert received[1][0]["authorization"].startswith("Bearer ")


@pytest.mark.parametrize(
    ("respond", "code"),
    [
        (answering(200, b"<html>"), "SUBGRAPH_RESPONSE_MALFORMED"),
        (answering(500, b"oops"), "SUBGRAPH_UNAVAILABLE"),
        (answering(302, b"", Location="http://169.254.169.254/"), "SUBGRAPH_UNAVAILABLE"),
        (answering(200, b'{"data":' + b" " * 6_000_001 + b"{}}"), "SUBGRAPH_RESPONSE_MALFORMED"),
        (hanging_up, "SUBGRAPH_UNAVAILABLE"),
        (lambda handler, _body: time.sleep(1.5), "SUBGRAPH_TIMEOUT"),
    ],
    ids=["html", "500", "redirect", "endless", "hangs up", "slow"],
)
def test_another_service_that_fails_is_an_error_of_its_own(owner: Graph, respond: Respond, code: str) -> None:
    with serving(respond) as (port, _):
        registered(owner, port, timeout_ms=500)
        response = owner.ask(ULM)
    assert response["data"] == {"forecast": None, "motto": "Festina lente"}
    (error,) = response["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["forecast"], code)


def test_a_service_that_is_not_there_or_not_registered_is_an_error_too(owner: Graph) -> None:
    registered(owner, 9, timeout_ms=500)
    assert owner.ask(ULM)["errors"][0]["extensions"]["code"] == "SUBGRAPH_UNAVAILABLE"
    assert owner.caller is not None
    owner.caller.call(services.remove, path={"name": "weather"}).ok(204)
    (error,) = owner.ask(ULM)["errors"]
    assert error["message"] == "Subgraph weather is not registered."


def test_a_certificate_must_be_the_hosts(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    certificate = _certificate(tmp_path, "api.example")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=certificate)
    monkeypatch.setattr(ssl, "create_default_context", lambda: trusting)
    monkeypatch.setattr(addresses, "resolve", lambda *_arguments, **_options: "127.0.0.1")
    with serving(answering(200, b"{}"), context) as (port, received):
        ask: dict[str, Any] = {"headers": {}, "body": b"", "seconds": 2.0}
        assert web.call("POST", f"https://api.example:{port}/a", **ask).status == 200
        assert received[0][0]["Host"] == f"api.example:{port}"
        with pytest.raises(Unreached, match="reached"):
            web.call("POST", f"https://other.example:{port}/a", **ask)


def _certificate(folder: Any, host: str) -> str:
    """A self-signed certificate with its key, in one file."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return str(path)


def invoked(monkeypatch: pytest.MonkeyPatch, port: int, seconds: float = 1.0) -> Any:
    """What the real invocation makes of a Lambda API on loopback."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    for cached in (functions._endpoint, functions._connections):
        cached.cache_clear()
    try:
        return REAL_INVOKE("auth.graph.query", {"a": 1}, seconds)
    finally:
        for cached in (functions._endpoint, functions._connections):
            cached.cache_clear()


REAL_INVOKE = functions.invoke


def test_an_invocation_is_signed_and_names_the_stages_function(monkeypatch: pytest.MonkeyPatch) -> None:
    paths: list[str] = []

    def respond(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        paths.append(handler.path)
        answering(200, body)(handler, body)

    with serving(respond) as (port, received):
        assert invoked(monkeypatch, port) == {"a": 1}
    ((headers, body),) = received
    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=test/")
    assert json.loads(body) == {"a": 1}
    assert paths == ["/2015-03-31/functions/groundwork-local-auth-graph-query/invocations"]


@pytest.mark.parametrize(
    ("respond", "code"),
    [
        (answering(404, b"{}"), "SUBGRAPH_UNAVAILABLE"),
        (answering(429, b"{}"), "SUBGRAPH_UNAVAILABLE"),
        (answering(200, b"{}", **{"X-Amz-Function-Error": "Unhandled"}), "SUBGRAPH_UNAVAILABLE"),
        (answering(200, b"<"), "SUBGRAPH_RESPONSE_MALFORMED"),
        (lambda handler, _body: time.sleep(1), "SUBGRAPH_TIMEOUT"),
        (hanging_up, "SUBGRAPH_UNAVAILABLE"),
    ],
)
def test_an_invocation_that_fails_says_how(
    monkeypatch: pytest.MonkeyPatch, respond: Respond, code: str
) -> None:
    with serving(respond) as (port, received), pytest.raises(Unreached) as told:
        invoked(monkeypatch, port, seconds=0.4)
    assert told.value.code == code
    assert len(received) == 1, "it is never tried twice"


def test_a_connection_is_kept_and_replaced_when_it_was_closed_meanwhile() -> None:
    addresses_seen: list[Any] = []

    def respond(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        addresses_seen.append(handler.client_address)
        answering(200, body)(handler, body)
        if body == b"last":
            handler.close_connection = True

    with serving(respond) as (port, _):
        connections = Connections(f"http://127.0.0.1:{port}")
        for body in (b"first", b"second", b"last"):
            answer = connections.request("POST", "/", {}, body, connect_seconds=1, seconds=1)
            assert (answer.status, answer.body) == (200, body)
        time.sleep(0.1)  # until the server's side has closed it
        assert connections.request("POST", "/", {}, b"again", connect_seconds=1, seconds=1).body == b"again"
    first, second, last, again = addresses_seen
    assert first == second == last != again
