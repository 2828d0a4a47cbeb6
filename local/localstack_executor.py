"""LocalStack's way to run a Lambda, without Docker: its executor interface over `local.executor`.

LocalStack finds `ProcessExecutorPlugin` by the entry point that `local.localstack` writes, and takes it when
`LAMBDA_RUNTIME_EXECUTOR` is "groundwork". Loaded in LocalStack's own virtual environment.
"""

import os
import time
from pathlib import Path
from typing import Any

from localstack import config
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from local import localstack_logs
from local.executor import HOST, Environment, Outcome, Package, StartError


class ProcessExecutor(RuntimeExecutor):  # type: ignore[misc]
    """One execution environment as LocalStack sees it. LocalStack gives it one invocation at a time."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:  # noqa: A002 (LocalStack's name)
        super().__init__(id, function_version)
        self._variables: dict[str, str] = {}
        self._environment: Environment | None = None

    def start(self, env_vars: dict[str, Any]) -> None:
        """Take the variables. The process starts with the first invocation, which so gets its log lines."""
        self._variables = {name: str(value) for name, value in env_vars.items()}

    def stop(self) -> None:
        """End the process."""
        if self._environment:
            self._environment.stop()

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Run the handler, in a new process if there is none or the last one crashed or timed out."""
        request_id = payload["invoke-id"]
        started = time.monotonic()
        outcome = self._outcome(payload)
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
        """Unpack code and layers."""
        for archive in _archives(function_version):
            archive.prepare_for_execution()

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Nothing: LocalStack removes the unpacked code with the function."""

    def _outcome(self, payload: dict[str, str]) -> Outcome:
        try:
            environment = self._ready_environment()
        except StartError as error:
            return Outcome(error.payload, failed=True, log=error.log)
        return environment.invoke(
            payload["payload"].encode(),
            request_id=payload["invoke-id"],
            function_arn=payload["invoked-function-arn"],
            seconds=float(self.function_version.config.timeout),
            trace_id=payload["trace-id"],
        )

    def _ready_environment(self) -> Environment:
        if self._environment and self._environment.alive:
            return self._environment
        if self._environment:
            self._environment.stop()
        self.prepare_version(self.function_version)
        code, *layers = [archive.get_unzipped_code_location() for archive in _archives(self.function_version)]
        package = Package(
            python=os.environ["GROUNDWORK_LAMBDA_PYTHON"],
            runtime=Path(os.environ["GROUNDWORK_LAMBDA_RUNTIME"]),
            code=code,
            layers=layers,
        )
        handler = self.function_version.config.handler.replace("/", ".")
        self._environment = Environment(package, handler, self._variables)
        self._environment.start()
        return self._environment

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
        return ProcessExecutor


def _archives(function_version: FunctionVersion) -> list[Any]:
    return [function_version.config.code, *(layer.code for layer in function_version.config.layers)]
