"""Lambdas without Docker, for both AWS emulators.

A handler runs in a child process under `awslambdaric`, the runtime client of AWS's own Python runtime, and a
small HTTP server on loopback serves that the Lambda Runtime API
(https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html). So it meets what it meets on AWS: the same
marshalling, context object, error report and log lines.

The emulators load this module in their own virtual environments: it uses the standard library alone.
"""

import json
import os
import queue
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

API = "/2018-06-01/runtime"
HOST = "127.0.0.1"
# AWS gives the initialization 10 seconds; a laptop that starts many functions at once needs more.
INITIALIZATION_SECONDS = 60.0
# What of the emulator's own environment a function may see.
INHERITED = ("PATH",)


@dataclass(frozen=True)
class Outcome:
    """What an invocation came to: the function's JSON, or AWS's JSON for an error, and what it logged."""

    payload: bytes
    failed: bool
    log: str


@dataclass(frozen=True)
class Package:
    """What a function runs on: an interpreter, and directories of AWS's runtime packages, code, layers."""

    python: str
    runtime: Path
    code: Path
    layers: Sequence[Path] = ()

    def search_path(self) -> str:
        """PYTHONPATH in the order of AWS's runtime: the code, the layers, what the runtime brings."""
        places = [self.code]
        for layer in self.layers:
            places += [*sorted((layer / "python/lib").glob("python3*/site-packages")), layer / "python"]
        return os.pathsep.join(str(place) for place in [*places, self.runtime])


class StartError(Exception):
    """The process did not come up. `payload` is the error in the form that AWS reports."""

    def __init__(self, payload: bytes, log: str) -> None:
        super().__init__(payload.decode(errors="replace"))
        self.payload = payload
        self.log = log


class RuntimeProcess:
    """A process with a handler in it, for one invocation at a time, and the Runtime API that it talks to."""

    def __init__(self, package: Package, handler: str, variables: Mapping[str, str]) -> None:
        self._package = package
        self._handler = handler
        self._variables = variables
        self._invocations: queue.Queue[tuple[dict[str, str], bytes] | None] = queue.Queue()
        self._answers: queue.Queue[tuple[str, bool, bytes]] = queue.Queue()
        self._server = _serve(self._invocations, self._answers)
        self._process: subprocess.Popen[bytes] | None = None
        self._log = _Log(-1)
        self._stopping = threading.Lock()
        self._stopped = False

    @property
    def port(self) -> int:
        """The port on loopback where the process finds the Runtime API."""
        return int(self._server.server_port)

    @property
    def process(self) -> "subprocess.Popen[bytes] | None":
        """The process, once there is one."""
        return self._process

    @property
    def alive(self) -> bool:
        """Whether the process is there to take an invocation."""
        return self._process is not None and self._process.poll() is None

    def start(self, seconds: float = INITIALIZATION_SECONDS) -> None:
        """Import the handler. Returns when it asks for its first invocation, else raises `StartError`."""
        self._process = subprocess.Popen(
            # without site: nothing but what the package names is importable, as on AWS
            [self._package.python, "-S", "-m", "awslambdaric", self._handler],
            cwd=self._package.code,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert self._process.stdout
        self._log = _Log(self._process.stdout.fileno())
        answer = self._await(INITIALIZED, time.monotonic() + seconds)
        if isinstance(answer, tuple):
            _, failed, payload = answer
            if not failed:
                return
            error = payload
        elif answer is TIMED_OUT:
            error = _error("Runtime.InitTimeout", f"Initialization took more than {seconds:.0f} seconds")
        else:
            error = _error(
                "Runtime.ExitError", f"Runtime exited during initialization: {self._exit_status()}"
            )
        self.stop()
        raise StartError(error, self._log.take())

    def invoke(
        self, payload: bytes, *, request_id: str, function_arn: str, seconds: float, trace_id: str = ""
    ) -> Outcome:
        """Run the handler. After a time-out or a crash the process is gone and has to be replaced."""
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + seconds) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": function_arn,
            "Lambda-Runtime-Trace-Id": trace_id,
        }
        deadline = time.monotonic() + seconds
        self._invocations.put((headers, payload))
        answer = self._await(request_id, deadline)
        if isinstance(answer, tuple):
            return Outcome(payload=answer[2], failed=answer[1], log=self._log.take())
        if answer is TIMED_OUT:
            self.stop()
            kind, what = "Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds"
        else:
            kind, what = "Runtime.ExitError", f"Runtime exited with error: {self._exit_status()}"
            self.stop()
        message = f"RequestId: {request_id} Error: {what}"
        return Outcome(_error(kind, message), failed=True, log=f"{self._log.take()}{message}\n")

    def stop(self) -> None:
        """End the process and the server, once. An invocation that runs is lost, as on AWS."""
        with self._stopping:
            if self._stopped:
                return
            self._stopped = True
        if self._process:
            self._process.kill()
            self._process.wait()
            self._log.drain()
            if self._process.stdout:
                self._log.close()
                self._process.stdout.close()
        self._invocations.put(None)
        self._server.stop()

    def _environment(self) -> dict[str, str]:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        own = {
            "LANG": "C.UTF-8",
            "TZ": "UTC",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python",
            "LAMBDA_RUNTIME_DIR": str(self._package.runtime),
            "LAMBDA_TASK_ROOT": str(self._package.code),
            "_HANDLER": self._handler,
            "AWS_LAMBDA_RUNTIME_API": f"{HOST}:{self.port}",
            "PYTHONPATH": self._package.search_path(),
        }
        if path := self._variables.get("PYTHONPATH"):
            own["PYTHONPATH"] = f"{path}{os.pathsep}{own['PYTHONPATH']}"
        return {**inherited, **self._variables, **own}

    def _await(self, request_id: str, deadline: float) -> "tuple[str, bool, bytes] | _NoAnswer":
        """The answer to this request; TIMED_OUT or ENDED when there is none."""
        while True:
            dead = not self.alive  # looked at first: what it answered before it ended is in the queue by now
            try:
                answer = self._answers.get(
                    timeout=0 if dead else min(0.05, max(0.0, deadline - time.monotonic()))
                )
            except queue.Empty:
                if dead:
                    return ENDED
                if time.monotonic() >= deadline:
                    return TIMED_OUT
                continue
            if answer[0] == request_id:
                return answer

    def _exit_status(self) -> str:
        assert self._process
        code = self._process.wait()
        return f"signal {-code}" if code < 0 else f"exit status {code}"


class _NoAnswer:
    """Why there is no answer."""


TIMED_OUT = _NoAnswer()
ENDED = _NoAnswer()
INITIALIZED = "initialized"


class _Log:
    """What the process writes, read all the time so that it never blocks on a full pipe."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._chunks: list[bytes] = []
        if descriptor >= 0:
            os.set_blocking(descriptor, False)
            threading.Thread(target=self._pump, daemon=True).start()

    def take(self) -> str:
        """All that was written until now, read to the last line: none is left for the next invocation."""
        self.drain()
        with self._lock:
            text = b"".join(self._chunks).decode(errors="replace")
            self._chunks.clear()
        return text if not text or text.endswith("\n") else f"{text}\n"

    def drain(self) -> bool:
        """Read what is there; False once the process has closed its end."""
        with self._lock:
            while self._descriptor >= 0:
                try:
                    chunk = os.read(self._descriptor, 65536)
                except BlockingIOError:
                    return True
                if not chunk:
                    return False
                self._chunks.append(chunk)
        return False

    def close(self) -> None:
        """Forget the pipe, which is about to be closed."""
        with self._lock:
            self._descriptor = -1

    def _pump(self) -> None:
        descriptor = self._descriptor
        poll = select.poll()
        poll.register(descriptor, select.POLLIN | select.POLLHUP)
        while self._descriptor == descriptor:
            poll.poll(60_000)
            if not self.drain():
                return


def _serve(
    invocations: "queue.Queue[tuple[dict[str, str], bytes] | None]",
    answers: "queue.Queue[tuple[str, bool, bytes]]",
) -> "_Server":
    """The Runtime API for one process: hands out `invocations`, puts what it posts in `answers`."""

    class RuntimeApi(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # header and body in one packet

        def do_GET(self) -> None:
            if self.path != f"{API}/invocation/next":
                self._reply(HTTPStatus.NOT_FOUND)
                return
            answers.put((INITIALIZED, False, b""))
            invocation = invocations.get()
            if invocation is None:
                self.close_connection = True
                return
            self._reply(HTTPStatus.OK, *invocation)

        def do_POST(self) -> None:
            body = self._body()
            match self.path.removeprefix(f"{API}/").split("/"):
                case ["init", "error"]:
                    answers.put((INITIALIZED, True, body))
                case ["invocation", request_id, ("response" | "error") as kind]:
                    answers.put((request_id, kind == "error", body))
                case _:
                    self._reply(HTTPStatus.NOT_FOUND)
                    return
            self._reply(HTTPStatus.ACCEPTED)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            chunks = []
            while size := int(self.rfile.readline(), 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)

        def _reply(
            self, status: HTTPStatus, headers: Mapping[str, str] | None = None, body: bytes = b""
        ) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: the invocation is logged by the emulator."""

    return _Server((HOST, 0), RuntimeApi)


class _Server(ThreadingHTTPServer):
    """An HTTP server that sleeps until it is called: hundreds of them cost an idle laptop nothing."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(address, handler)
        self._stopped = False
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def stop(self) -> None:
        """Close the port."""
        self._stopped = True
        with socket.create_connection((HOST, self.server_port)):
            pass  # wakes the thread that waits for a connection
        self._acceptor.join()

    def _accept(self) -> None:
        while not self._stopped:
            self.handle_request()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that breaks is a process that ended, which `RuntimeProcess` notices for itself."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()
