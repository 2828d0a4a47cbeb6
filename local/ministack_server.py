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

from local.environments import Environment, Warm
from local.executor import Outcome, Package
from local.log_delivery import Delivery, LogEvent, matches
from local.unpack import Unpacker

PYTHON = os.environ["GROUNDWORK_LAMBDA_PYTHON"]
RUNTIME = Path(os.environ["GROUNDWORK_LAMBDA_RUNTIME"])
ENDPOINT = f"http://127.0.0.1:{os.environ['GATEWAY_PORT']}"
unpacker = Unpacker(Path(os.environ["GROUNDWORK_LAMBDA_CACHE"]))
warm = Warm(int(os.environ["GROUNDWORK_LAMBDA_WARM"]))
# Ministack opens a log stream for each invocation and keeps all of them in memory.
KEPT_STREAMS = 1000


class PythonWorker(lambda_runtime.Worker):  # type: ignore[misc]
    """Ministack's worker, its process an execution environment of ours."""

    def __init__(self, name: str, config: dict[str, Any], code_zip: bytes) -> None:
        super().__init__(name, config, code_zip)
        handler = config["Handler"].replace("/", ".")
        self._environment = Environment(self._package, handler, self._variables(), warm)

    def invoke(
        self,
        event: Any,
        request_id: str,
        *,
        trace_id: str | None = None,
        invoked_function_arn: str | None = None,
    ) -> dict[str, Any]:
        """Run one invocation and say how it went in the words of ministack's workers for custom runtimes."""
        outcome = self._environment.invoke(
            json.dumps(event).encode(),
            request_id=request_id,
            function_arn=invoked_function_arn or self.config["FunctionArn"],
            seconds=float(self.config.get("Timeout", 3)),
            trace_id=trace_id or "",
        )
        return _result(outcome)

    def _spawn(self) -> None:
        """Called to start a published version of a function ahead of its first invocation."""
        self._environment.start()

    def _discard_tmpdir(self) -> None:
        """Called when the worker is no longer needed."""
        self._environment.end()

    def _package(self) -> Package:
        layers = [lambda_svc._resolve_layer_zip(layer) for layer in self.config.get("Layers", [])]
        return Package(
            python=PYTHON,
            runtime=RUNTIME,
            code=unpacker.directory(self.code_zip),
            layers=[unpacker.directory(layer) for layer in layers if layer],
        )

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


def _result(outcome: Outcome) -> dict[str, Any]:
    answer = json.loads(outcome.payload or b"null")
    base = {"log": outcome.log.rstrip("\n")}
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
    found = cloudwatch_logs._log_groups.get(group) or {}
    _forget_old_streams(found.get("streams") or {})
    filters = found.get("subscriptionFilters") or {}
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


def _forget_old_streams(streams: dict[str, Any]) -> None:
    for name in list(streams)[:-KEPT_STREAMS]:
        streams.pop(name, None)


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
