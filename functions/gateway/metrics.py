"""What the gateway counts."""

from __future__ import annotations

from common.metrics import counter, histogram

federated_queries_total = counter(
    "gateway", "federated_queries_total", "Operations on the graph, by their kind.", "operation"
)
response_times_seconds = histogram(
    "gateway", "response_times_seconds", "Time from a graph operation's receipt to its answer.", "operation"
)
error_rates_total = counter(
    "gateway", "error_rates_total", "Errors in the graph's answers, by their code.", "code"
)
rate_limits_total = counter(
    "gateway", "rate_limits_total", "Requests refused for their rate, by whose quota was used up.", "scope"
)
subgraph_requests_total = counter(
    "gateway",
    "subgraph_requests_total",
    "Requests to subgraphs, by how they ended.",
    "subgraph",
    "result",
)
