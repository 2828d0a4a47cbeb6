"""Connections to one HTTP endpoint, kept open between requests; each request is sent once."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPSConnection
from urllib.parse import urlsplit

KEPT_SECONDS = 30.0
"""How long an idle connection is trusted: a function is frozen between requests, and what lies between may
have forgotten the connection without a word."""


@dataclass(frozen=True)
class Answer:
    """An HTTP response, read whole."""

    status: int
    headers: HTTPMessage
    body: bytes


class Connections:
    """As many connections to an endpoint as there have been requests at once."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._idle: list[tuple[float, HTTPConnection]] = []

    def request(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        *,
        connect_seconds: float,
        seconds: float,
    ) -> Answer:
        """Send one request. Raises `TimeoutError` when nothing comes for so many seconds, `OSError` and
        `HTTPException` when there is no connection, or no answer on it.
        """
        connection = self._take() or self._open(min(connect_seconds, seconds))
        kept = False
        try:
            connection.sock.settimeout(seconds)
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
            kept = not response.will_close
            return answer
        finally:
            if kept:
                self._idle.append((time.monotonic(), connection))
            else:
                connection.close()

    def _take(self) -> HTTPConnection | None:
        """A connection that is still open: one on which something can be read has been closed meanwhile."""
        while self._idle:
            try:
                since, connection = self._idle.pop()
            except IndexError:  # another thread was quicker
                return None
            fresh = time.monotonic() - since < KEPT_SECONDS
            if fresh and not select.select([connection.sock], [], [], 0)[0]:
                return connection
            connection.close()
        return None

    def _open(self, seconds: float) -> HTTPConnection:
        connection: HTTPConnection
        if self._tls is not None:
            connection = HTTPSConnection(self._host, self._port, timeout=seconds, context=self._tls)
        else:
            connection = HTTPConnection(self._host, self._port, timeout=seconds)
        try:
            connection.connect()
        except TimeoutError as error:
            raise ConnectionError("no connection in time") from error
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


FAILURES = (OSError, HTTPException)
"""What a request raises besides `TimeoutError`."""
