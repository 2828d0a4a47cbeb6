"""LocalStack's way to run a Lambda, without Docker: its executor interface over `local.executor`.

LocalStack finds `ProcessExecutorPlugin` by the entry point that `local.localstack` writes, and takes it when
`LAMBDA_RUNTIME_EXECUTOR` is "groundwork". Loaded in LocalStack's own virtual environment.
"""

import base64
import io
import os
import time
from pathlib import Path
from typing import Any

from localstack import config
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from local import localstack_logs
from local.environments import Environment, Warm
from local.executor import HOST, Package
from local.unpack import Unpacker

unpacker = Unpacker(Path(os.environ["GROUNDWORK_LAMBDA_CACHE"]))
warm = Warm(int(os.environ["GROUNDWORK_LAMBDA_WARM"]))


class ProcessExecutor(RuntimeExecutor):  # type: ignore[misc]
    """One execution environment as LocalStack sees it. LocalStack gives it one invocation at a time."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:  # noqa: A002 (LocalStack's name)
        super().__init__(id, function_version)
        self._environment: Environment | None = None

    def start(self, env_vars: dict[str, Any]) -> None:
        """Take the variables. The process starts with the first invocation, which so gets its log lines."""
        variables = {name: str(value) for name, value in env_vars.items()}
        handler = self.function_version.config.handler.replace("/", ".")
        self._environment = Environment(self._package, handler, variables, warm)

    def stop(self) -> None:
        """End the process."""
        if self._environment:
            self._environment.end()

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Run the handler."""
        assert self._environment
        request_id = payload["invoke-id"]
        started = time.monotonic()
        outcome = self._environment.invoke(
            payload["payload"].encode(),
            request_id=request_id,
            function_arn=payload["invoked-function-arn"],
            seconds=float(self.function_version.config.timeout),
            trace_id=payload["trace-id"],
        )
        log = self._framed(outcome.log, request_id, milliseconds=(time.monotonic() - started) * 1000)
        return InvocationResult(request_id, outcome.payload, is_error=outcome.failed, logs=log)

    def get_address(self) -> str:
        """Where the process is."""
        return HOST

    def get_endpoint_from_executor(self) -> str:
        """The host under which the process reaches LocalStack."""
        return HOST

    def get_runtime_endpoint(self) -> str:
        """Of no use here: LocalStack's init program, which calls it, is not part of this."""
        return f"http://{HOST}:{config.GATEWAY_LISTEN[0].port}/_localstack_lambda/{self.id}"

    def get_logs(self) -> str:
        """Nothing: each invocation's result carries its own lines."""
        return ""

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Nothing: code and layers are unpacked for the first invocation."""

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Nothing: unpacked code may be another function's too."""

    def _package(self) -> Package:
        version = self.function_version.config
        code, *layers = [
            _unpacked(archive) for archive in (version.code, *(each.code for each in version.layers))
        ]
        return Package(
            python=os.environ["GROUNDWORK_LAMBDA_PYTHON"],
            runtime=Path(os.environ["GROUNDWORK_LAMBDA_RUNTIME"]),
            code=code,
            layers=layers,
        )

    def _framed(self, log: str, request_id: str, milliseconds: float) -> str:
        version, memory = self.function_version.id.qualifier, self.function_version.config.memory_size
        return (
            f"START RequestId: {request_id} Version: {version}\n"
            f"{log}"
            f"END RequestId: {request_id}\n"
            f"REPORT RequestId: {request_id}\tDuration: {milliseconds:.2f} ms\tMemory Size: {memory} MB\n"
        )


class ProcessExecutorPlugin(RuntimeExecutorPlugin):  # type: ignore[misc]
    """What LocalStack's plugin manager loads."""

    name = "groundwork"

    def load(self, *_args: Any, **_keywords: Any) -> type[RuntimeExecutor]:
        """The executor class."""
        localstack_logs.install()
        unpacker.prune()
        return ProcessExecutor


def _unpacked(archive: Any) -> Path:
    """LocalStack would unpack it for each function or layer anew, though their content is often the same."""

    def fetch() -> bytes:
        content = io.BytesIO()
        archive._download_archive_to_file(content)
        return content.getvalue()

    return unpacker.directory_of(base64.b64decode(archive.code_sha256).hex(), fetch)
