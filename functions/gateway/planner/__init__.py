"""The federated query planner and executor: a supergraph, a document and a way to reach subgraphs in, a
response out.

supergraph = Supergraph.parse(sdl) made = PlanCache().plan(supergraph, document, operation_name)   # raises
RequestError response = execute(made, variables, fetch, timeout=5.0)

`fetch(subgraph, request)` sends `{"query", "variables", "operationName"}` to a subgraph and returns its
response. Nothing here knows HTTP, Lambda or tokens. Source: Apollo Federation 2 subgraph and join
specifications.
"""

from gateway.planner.answers import FetchError
from gateway.planner.errors import LimitExceeded, PlanningError, RequestError
from gateway.planner.execute import execute
from gateway.planner.joins import Subgraph
from gateway.planner.limits import Limits
from gateway.planner.plan import PlanCache, QueryPlan, plan
from gateway.planner.supergraph import Supergraph

__all__ = [
    "FetchError",
    "LimitExceeded",
    "Limits",
    "PlanCache",
    "PlanningError",
    "QueryPlan",
    "RequestError",
    "Subgraph",
    "Supergraph",
    "execute",
    "plan",
]
