"""What can be wrong with a request before or while it is planned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from graphql import GraphQLError

Response = dict[str, Any]


class RequestError(Exception):
    """The request cannot be carried out; `errors` are in the response format of the GraphQL specification
    (7.1.2).

    No field was executed, so the response has no `data` entry.
    """

    def __init__(self, errors: Sequence[Mapping[str, Any]]) -> None:
        super().__init__("; ".join(str(error["message"]) for error in errors))
        self.errors = [dict(error) for error in errors]

    @classmethod
    def of(cls, message: str, code: str) -> Self:
        """One error with its stable `code` in `extensions`."""
        return cls([{"message": message, "extensions": {"code": code}}])

    @classmethod
    def graphql(cls, errors: Sequence[GraphQLError], code: str) -> Self:
        """The errors of graphql-core's parser and validator."""
        formatted = []
        for error in errors:
            entry = dict(error.formatted)
            entry["extensions"] = {"code": code, **(error.extensions or {})}
            formatted.append(entry)
        return cls(formatted)

    def response(self) -> Response:
        """The response to send."""
        return {"errors": self.errors}


class LimitExceeded(RequestError):
    """The request asks for more than the gateway grants."""


class PlanningError(RequestError):
    """The request is valid, but no sequence of subgraph requests answers it: the supergraph is not
    satisfiable there.

    Its response has `data: null`: for the client it is an execution error at the root.
    """

    def response(self) -> Response:
        """The response to send."""
        return {"data": None, "errors": self.errors}
