"""`python -m local logs FUNCTION`: the latest lines of a function's log."""

import difflib
import time

from rich.console import Console

from local import aws
from local.errors import LocalError

MINUTES = 15
PREFIX = "groundwork-local-"


def show(console: Console, function: str) -> None:
    """Print what the function logged in the last quarter of an hour. The stage's prefix may be left out."""
    name = function if function.startswith(PREFIX) else f"{PREFIX}{function}"
    logs = aws.client("logs")
    since = int((time.time() - MINUTES * 60) * 1000)
    try:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{name}", startTime=since
        )
        events = [event for page in pages for event in page["events"]]
    except logs.exceptions.ResourceNotFoundException:
        groups = logs.get_paginator("describe_log_groups").paginate(
            logGroupNamePrefix=f"/aws/lambda/{PREFIX}"
        )
        names = [g["logGroupName"].rpartition("/")[2] for page in groups for g in page["logGroups"]]
        near = difflib.get_close_matches(name, names, n=5, cutoff=0.3)
        raise LocalError(f"There is no function {name}.", f"There are {', '.join(near) or names}.") from None
    for event in sorted(events, key=lambda event: event["timestamp"]):
        moment = time.strftime("%H:%M:%S", time.localtime(event["timestamp"] / 1000))
        console.print(f"{moment} {event['message'].rstrip()}", markup=False, highlight=False, soft_wrap=True)
    if not events:
        console.print(f"{name} logged nothing in the last {MINUTES} minutes.")
