"""Our gateway behind a plain HTTP server, to be measured beside others.

Arguments: the supergraph's file, the port, and ``whole`` for the operation as it is deployed, or ``bare`` for
what the others do too: find the plan, ask the subgraphs, answer.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from common.principal import ANONYMOUS
from gateway import graph, options
from gateway.options import Options
from gateway.protocol.requests import Asked, posted
from gateway.reach.subgraphs import Caller
from gateway.serving import composed
from gateway.serving.serve import Serving, serve
from local.postgres import Cluster
from tests.integration.platform import Platform, event_of, migrated

Answer = Callable[[bytes], bytes]


class Nothing:
    """No documents are known."""

    def find(self, _digest: str) -> str | None:
        return None

    def remember(self, _digest: str, _document: str) -> None:
        """They are not kept."""

    def trusts(self, _digest: str) -> bool:
        return True


def bare(body: bytes) -> bytes:
    """Serve a request without token, quota, events and metrics."""
    asked = posted(body, "application/json", 1)
    assert isinstance(asked, Asked)
    caller = Caller({}, "127.0.0.1", "", "")
    serving = Serving(composed.graph(), Options(), ANONYMOUS, caller, Nothing(), dict, safe=False)
    return json.dumps(serve(asked, serving).response).encode()


@contextlib.contextmanager
def whole() -> Iterator[Answer]:
    """The operation with all it does in production: on a database, with a token, under a quota, with metrics
    and a sample of events.
    """
    with Cluster.temporary() as cluster:
        migrated(cluster)
        with Platform.on(cluster, "bench") as platform:
            owner = platform.register()
            options.use(replace(Options.read({}, "prod"), user_rate=1_000_000, tenant_rate=1_000_000))
            platform.use("gateway")

            def answer(body: bytes) -> bytes:
                event = event_of(
                    graph.query,
                    raw=body.decode(),
                    headers={"Authorization": f"Bearer {owner.token}", "Content-Type": "application/json"},
                )
                text: str = graph.query(event, None)["body"]
                return text.encode()

            yield answer


def listen(port: int, answer: Answer) -> None:
    """Answer POSTs until the process is ended."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_POST(self) -> None:
            content = answer(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments: Any) -> None:
            """Nothing."""

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def main() -> None:
    """Serve."""
    file, port, mode = sys.argv[1:]
    composed.use(composed.Graph(Path(file).read_text()))
    if mode == "bare":
        listen(int(port), bare)
    with whole() as answer:
        listen(int(port), answer)


if __name__ == "__main__":
    main()
