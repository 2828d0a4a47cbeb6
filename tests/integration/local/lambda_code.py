"""Handlers that do what functions can do to an execution environment. The tests beside this deploy them."""

import base64
import gzip
import importlib.util
import os
import sys
import time

print("initialized")


def echo(event, context):
    print("got", event)
    sys.stderr.write("to stderr\n")
    return {
        "event": event,
        "request_id": context.aws_request_id,
        "function": context.function_name,
        "arn": context.invoked_function_arn,
        "remaining": context.get_remaining_time_in_millis(),
        "variable": os.environ.get("GREETING"),
        "root": os.environ["LAMBDA_TASK_ROOT"],
        "pid": os.getpid(),
    }


def fail(event, context):
    raise ValueError("no such thing")


def sleep(event, context):
    print("before")
    time.sleep(event["seconds"])
    return {"pid": os.getpid()}


def crash(event, context):
    print("dying")
    os._exit(3)


def much(event, context):
    for number in range(3000):
        print(f"line {number} " + "x" * 100)
    return "y" * 1_000_000


def libraries(event, context):
    layer, boto3 = importlib.import_module("from_layer"), importlib.import_module("boto3")
    pytest = importlib.util.find_spec("pytest")  # in the developer's environment, not in Lambda's
    return {"layer": layer.NAME, "boto3": boto3.__file__, "pytest": pytest is not None}


def collect(event, context):
    """What a log subscription delivered, appended to the file that the environment names."""
    if os.path.exists(os.environ["REFUSE"]):
        raise RuntimeError("not now")
    with open(os.environ["COLLECTED"], "a") as file:
        file.write(gzip.decompress(base64.b64decode(event["awslogs"]["data"])).decode() + "\n")
