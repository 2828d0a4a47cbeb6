"""From an event to a call to a response: the one pipeline that every operation runs in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from common.operation import (
    Command,
    CustomResource,
    LogSubscription,
    Operation,
    Route,
    Schedule,
    Topic,
    Upload,
)

Handler = Callable[[Any, Any], Any]


def pipeline(operation: Operation[..., Any]) -> Handler:
    """The handler for an operation's trigger."""
    match operation.trigger:
        case Route():
            from common.http import HttpPipeline

            return HttpPipeline(operation)
        case Topic():
            from common.consumer import TopicPipeline

            return TopicPipeline(operation)
        case Schedule() | Upload() | LogSubscription() | CustomResource() | Command():
            from common.background import BackgroundPipeline

            return BackgroundPipeline(operation)
