"""Structured logs: every line is declared once, with a code that an alarm or a runbook can name."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger

from common.settings import settings


def logger() -> Logger:
    """The container's logger; keys appended to it are on every line of the invocation."""
    return _logger(settings().service or "groundwork")


@cache
def _logger(service: str) -> Logger:
    return Logger(service=service, level="INFO", use_rfc3339=True, utc=True, location=None)


@dataclass(frozen=True)
class Line:
    """A log line: calling it writes it with the fields given."""

    code: str
    level: int
    message: str

    def __call__(self, *, exc_info: bool | BaseException = False, **fields: Any) -> None:
        write = getattr(logger(), logging.getLevelName(self.level).lower())
        write(self.message, exc_info=exc_info, extra={"code": self.code} | fields)


OPERATION_FAILED = Line("GW001", logging.ERROR, "The operation failed unexpectedly")
OPERATION_REFUSED = Line("GW002", logging.INFO, "The operation refused the request")
DATABASE_LOST = Line("GW003", logging.WARNING, "The database connection was lost; trying once more")
TRANSACTION_RETRIED = Line("GW004", logging.WARNING, "The transaction collided and is tried again")
RELAY_FAILED = Line("GW010", logging.ERROR, "The relay could not publish; the events stay in the outbox")
RELAY_PUBLISHED = Line("GW011", logging.INFO, "The relay published")
EVENT_DUPLICATE = Line("GW012", logging.INFO, "The event was dealt with before")
EVENT_FAILED = Line("GW013", logging.ERROR, "The event could not be dealt with")
METRIC_LINE_UNREADABLE = Line("GW020", logging.WARNING, "A metric line could not be read")
METRIC_LINES_TOO_LATE = Line(
    "GW021", logging.WARNING, "Metric lines came too late to tell whether they were counted"
)
DEAD_LETTERS_UNKNOWN = Line("GW022", logging.WARNING, "The dead letters could not be counted")
MIGRATED = Line("GW030", logging.INFO, "The migration command ended")
TOPICS_PROVISIONED = Line("GW031", logging.INFO, "The topics are as declared")
EVENTS_REPLAYED = Line("GW032", logging.INFO, "Stored events were published again")
SECRETS_RESEALED = Line("GW033", logging.INFO, "Secrets were encrypted anew")
DEAD_LETTER_REDRIVEN = Line("GW040", logging.INFO, "The dead letter was dealt with")
DEAD_LETTER_FAILED = Line("GW041", logging.WARNING, "The dead letter failed again and stays")
DEAD_LETTER_UNREADABLE = Line("GW042", logging.ERROR, "The dead letter could not be read and stays")
