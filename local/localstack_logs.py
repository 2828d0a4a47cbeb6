"""LocalStack's log groups, with subscriptions that lose nothing. Loaded in its own virtual environment.

As it is, creating a stream in a group that has a subscription fails, so the first lines of each execution
environment are lost; what a subscriber refuses is not sent again; and filter patterns are ignored.
"""

import json
from typing import Any

from localstack.aws.connect import connect_to
from localstack.services.logs import provider  # noqa: F401 (its changes to moto's classes come before ours)
from moto.core.utils import unix_time_millis
from moto.logs import exceptions, models

from local.log_delivery import Delivery, LogEvent, matches

moto: Any = models


def _invoke_subscriber(function: str, event: dict[str, Any]) -> str | None:
    client = connect_to().lambda_
    try:
        answer = client.invoke(FunctionName=function, Payload=json.dumps(event))
    except Exception as error:
        return repr(error)
    return answer["Payload"].read().decode() if answer.get("FunctionError") else None


delivery = Delivery(_invoke_subscriber)


def _create_log_stream(group: Any, name: str) -> None:
    if name in group.streams:
        raise exceptions.ResourceAlreadyExistsException()
    group.streams[name] = moto.LogStream(group, name)
    group.streams[name].filter_pattern = None


def _put_log_events(stream: Any, events: list[dict[str, Any]]) -> str:
    stream.last_ingestion_time = int(unix_time_millis())
    stream.stored_bytes += sum(len(event["message"]) for event in events)
    stream.events += [moto.LogEvent(stream.last_ingestion_time, event) for event in events]
    stream.upload_sequence_token += 1
    group = stream.log_group
    for subscription in list(group.subscription_filters.values()):
        function = subscription.destination_arn.partition(":function:")[2]
        if function and group.name != f"/aws/lambda/{function}":
            lines = [
                LogEvent(event["timestamp"], event["message"].rstrip("\n"))
                for event in events
                if matches(subscription.filter_pattern, event["message"])
            ]
            delivery.add(function, subscription.name, group.name, stream.log_stream_name, lines)
    return f"{stream.upload_sequence_token:056d}"


def install() -> None:
    """Take over the two methods and begin to deliver."""
    moto.LogGroup.create_log_stream = _create_log_stream
    moto.LogStream.put_log_events = _put_log_events
    delivery.start()
