"""What the gateway refuses, beyond what every service does."""

from __future__ import annotations

from typing import Any

from common.errors import Conflict, Forbidden, Problem, TooManyRequests, Unavailable


class QuotaUsedUp(TooManyRequests):
    """A token bucket is empty. What was counted and said of it stands."""

    title = "Slow down"
    keep = True


class OperatorOnly(Forbidden):
    """The registry and the safelist are the whole platform's."""

    code, title = "operator_only", "For the platform's operator"


class OwnService(Conflict):
    """The five services come with every deployment; the registry only lists them."""

    code, title = "own_service", "The platform's own service"


class AddressRefused(Problem):
    """The URL leads where the gateway must not go."""

    status, code, title = 422, "address_refused", "This address cannot be registered"


class Uncomposed(Unavailable):
    """The release ships no supergraph."""

    code, title = "graph_uncomposed", "There is no graph"


class NotAcceptable(Problem):
    """None of the media types that the caller accepts can be given (RFC 9110, 15.5.7)."""

    status, code, title = 406, "not_acceptable", "Not acceptable"


class MethodNotAllowed(Problem):
    """The document's operation needs another method (RFC 9110, 15.5.6)."""

    status, code, title = 405, "method_not_allowed", "Send this as POST"


def as_graphql(problem: Problem) -> dict[str, Any]:
    """A refusal as a GraphQL client reads it: one error, its ``code`` in capitals."""
    extensions = {"code": problem.code.upper(), "status": problem.status, **problem.members}
    return {"errors": [{"message": problem.detail, "extensions": extensions}]}
