"""Ministack with two of its parts exchanged. Run by ministack's own interpreter, never by the project's.

Its Python workers give way to `local.executor`: they run in ministack's virtual environment, unpack every
layer anew for each worker (a second and a hundred megabytes each) and end at the first uncaught exception.
And its log subscriptions, a call for each invocation and forgotten when the destination fails, are delivered
in batches with stable event ids until the destination has taken them, as CloudWatch Logs does.

The version is pinned in `requirements-ministack.txt`; `tests/integration/local` watches what is assumed here.
"""

import json
import os
from pathlib import Path
from typing import Any

from ministack import app  # type: ignore[import-not-found]
from ministack.core import lambda_runtime  # type: ignore[import-not-found]
from ministack.services import cloudwatch_logs, lambda_svc  # type: ignore[import-not-found]

from local.executor import Environment, Outcome, Package, StartError
from local.log_delivery import Delivery, LogEvent, matches
from local.unpack import Unpacker

PYTHON = os.environ["GROUNDWORK_LAMBDA_PYTHON"]
RUNTIME = Path(os.environ["GROUNDWORK_LAMBDA_RUNTIME"])
ENDPOINT = f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}"
unpacker = Unpacker(Path(os.environ["GROUNDWORK_LAMBDA_CACHE"]))


class PythonWorker(lambda_runtime.Worker):  # type: ignore[misc]
    """Ministack's worker, its process an execution environment of ours."""

    environment: Environment | None = None

    def _spawn(self) -> None:
        """Start the environment, under the worker's lock: for the first invocation and after a crash."""
        if self.environment:
            self.environment.stop()
        layers = [lambda_svc._resolve_layer_zip(layer) for layer in self.config.get("Layers", [])]
        package = Package(
            python=PYTHON,
            runtime=RUNTIME,
            code=unpacker.directory(self.code_zip),
            layers=[unpacker.directory(layer) for layer in layers if layer],
        )
        self.environment = Environment(package, self.config["Handler"].replace("/", "."), self._variables())
        self.environment.start()
        self._proc = self.environment.process

    def invoke(
        self,
        event: Any,
        request_id: str,
        *,
        trace_id: str | None = None,
        invoked_function_arn: str | None = None,
    ) -> dict[str, Any]:
        """Run one invocation and say how it went in the words of ministack's workers for custom runtimes."""
        with self._lock:
            cold = self.environment is None or not self.environment.alive
            try:
                if cold:
                    self._spawn()
            except StartError as error:
                return _result(Outcome(error.payload, failed=True, log=error.log), cold)
            assert self.environment
            outcome = self.environment.invoke(
                json.dumps(event).encode(),
                request_id=request_id,
                function_arn=invoked_function_arn or self.config["FunctionArn"],
                seconds=float(self.config.get("Timeout", 3)),
                trace_id=trace_id or "",
            )
            return _result(outcome, cold)

    def _discard_tmpdir(self) -> None:
        if self.environment:
            self.environment.stop()

    def _variables(self) -> dict[str, str]:
        config = self.config
        _, region = lambda_runtime._account_region_from_function_config(config)
        name = config["FunctionName"]
        return {
            "AWS_ENDPOINT_URL": ENDPOINT,
            **{key: str(value) for key, value in lambda_svc._runtime_env_vars(config).items()},
            **lambda_runtime.execution_credentials(config),
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": config.get("Version", "$LATEST"),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.get("MemorySize", 128)),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": (config.get("LoggingConfig") or {}).get(
                "LogGroup", f"/aws/lambda/{name}"
            ),
        }


def _result(outcome: Outcome, cold: bool) -> dict[str, Any]:
    answer = json.loads(outcome.payload or b"null")
    base = {"log": outcome.log.rstrip("\n"), "cold_start": cold}
    if not outcome.failed:
        return {"status": "ok", "result": answer, **base}
    message = answer.get("errorMessage", "") if isinstance(answer, dict) else str(answer)
    return {"status": "error", "error": message, "error_payload": answer, **base}


def _invoke_subscriber(function: str, event: dict[str, Any]) -> str | None:
    """Invoke a log subscription's destination; what went wrong, or None."""
    record = lambda_svc._functions.get(function)
    if record is None:
        return f"the function {function} does not exist"
    result = lambda_svc._execute_function_with_config_scope(record, event)
    return json.dumps(result.get("body")) if result.get("error") else None


delivery = Delivery(_invoke_subscriber)


def _fan_out(group: str, stream: str, events: list[dict[str, Any]]) -> None:
    """In place of ministack's function of the same purpose."""
    filters = (cloudwatch_logs._log_groups.get(group) or {}).get("subscriptionFilters") or {}
    for subscription in filters.values():
        function = subscription.get("destinationArn", "").partition(":function:")[2].split(":")[0]
        if not function or group == f"/aws/lambda/{function}":
            continue
        pattern = subscription.get("filterPattern", "")
        matching = [
            LogEvent(event["timestamp"], event["message"])
            for event in events
            if matches(pattern, event["message"])
        ]
        delivery.add(function, subscription["filterName"], group, stream, matching)


def _worker_class_for(config: dict[str, Any]) -> type[lambda_runtime.Worker]:
    return (
        PythonWorker
        if str(config.get("Runtime", "")).startswith("python")
        else original_worker_class_for(config)
    )


def _execute_function_warm(function: dict[str, Any], event: Any, request_id: str) -> dict[str, Any]:
    """Python by the way of the custom runtimes, which passes the function's own error report on."""
    config = function.get("config") or function
    if str(config.get("Runtime", "")).startswith("python"):
        return dict(lambda_svc._execute_function_provided_warm(function, event, request_id))
    return dict(original_execute_function_warm(function, event, request_id))


original_worker_class_for = lambda_runtime._worker_class_for
original_execute_function_warm = lambda_svc._execute_function_warm


def main() -> None:
    """Exchange the parts and serve."""
    lambda_runtime._worker_class_for = _worker_class_for
    lambda_svc._execute_function_warm = _execute_function_warm
    cloudwatch_logs._fanout_to_subscription_filters = _fan_out
    delivery.start()
    unpacker.prune()
    app.main()


if __name__ == "__main__":
    main()
