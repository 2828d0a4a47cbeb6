"""What the reference says of the gateway's operations beyond their signatures."""

from __future__ import annotations

from typing import Any

import pytest

from common import openapi
from common.operation import discover

PATHS: dict[str, Any] = openapi.document(discover("gateway"), "0")["paths"]


@pytest.mark.parametrize(
    ("method", "path", "statuses"),
    [
        ("post", "/graphql", {"200", "400", "401", "406", "413", "415", "429", "503"}),
        ("get", "/graphql", {"200", "400", "401", "405", "406", "429", "503"}),
        ("get", "/asyncapi.json", {"200", "404"}),
        ("get", "/openapi.json", {"200", "404"}),
        ("get", "/static/{file}", {"200", "304", "404"}),
        ("get", "/metrics", {"200", "401"}),
        ("get", "/services/targets", {"200", "401"}),
    ],
)
def test_every_status_that_it_answers_is_declared(method: str, path: str, statuses: set[str]) -> None:
    assert statuses <= PATHS[path][method]["responses"].keys()


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/health/live"])
def test_a_platform_that_fails_answers_with_its_report_or_a_refusal(path: str) -> None:
    responses = PATHS[path]["get"]["responses"]
    content = responses["503"]["content"]
    assert content.keys() == {"application/json", "application/problem+json"}
    assert content["application/json"] == responses["200"]["content"]["application/json"]
