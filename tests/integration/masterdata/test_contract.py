"""Every operation keeps the contract of the generated OpenAPI document, whatever it is sent.

Schemathesis makes the requests from the document: its examples, the corners of each schema, random data good
and bad, and chains of requests along the document's links.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.asgi import Api
from tests.integration.masterdata import files
from tests.integration.platform import Platform

schemathesis = pytest.importorskip("schemathesis")

# It warns of what its own dependencies will drop.
pytestmark = pytest.mark.filterwarnings("default")

EXAMPLES = 8
"""Random requests for each operation; chains for the whole of a resource are five times as many."""

# What a schema cannot say: check digits, code lists, the state of the records, which version is current.
REFUSALS = ["2xx", "304", "308", "400", "401", "403", "404", "409", "412", "422", "428"]


def _configuration(token: str, phases: tuple[str, ...]) -> Any:
    from schemathesis.config import SchemathesisConfig

    stateful = {
        "enabled": "stateful" in phases,
        "max-steps": 8,
        "inference": {"algorithms": []},
        "generation": {"mode": "positive", "max-examples": 5 * EXAMPLES},
    }
    return SchemathesisConfig.from_dict(
        {
            "seed": 7,
            "auth": {"openapi": {"bearer": {"bearer": token}}},
            "phases": {p: {"enabled": p in phases} for p in ("examples", "coverage", "fuzzing")}
            | {"stateful": stateful},
            "generation": {"max-examples": EXAMPLES, "deterministic": True},
            "checks": {
                "positive_data_acceptance": {"expected-statuses": REFUSALS},
                # A missing If-Match is 428 (RFC 6585, section 3).
                "missing_required_header": {"expected-statuses": [400, 401, 403, 422, 428]},
                # DELETE archives: the record stays readable.
                "use_after_free": {"enabled": False},
            },
        }
    )


def _run(platform: Platform, path: str, phases: tuple[str, ...]) -> tuple[list[str], int]:
    """The breaches found under a path, and the number of requests made."""
    from schemathesis.engine import events, from_schema

    owner = platform.register()
    api = Api(platform, ["masterdata"])
    schema = schemathesis.openapi.from_asgi("/openapi.json", api, config=_configuration(owner.token, phases))
    breaches: dict[str, None] = {}
    requests = 0
    for event in from_schema(schema.include(path_regex=f"^/masterdata/({path})")).execute():
        if isinstance(event, events.ScenarioFinished):
            requests += len(event.recorder.interactions)
            for checks in event.recorder.checks.values():
                for check in checks:
                    if check.failure_info is not None:
                        failure = check.failure_info.failure
                        breaches[f"{failure.operation}: {failure.title}: {failure.message[:300]}"] = None
        elif isinstance(event, (events.NonFatalError, events.FatalError)):
            breaches[
                f"schemathesis failed: {event.value if hasattr(event, 'value') else event.exception}"
            ] = None
    return list(breaches), requests


@pytest.mark.parametrize("path", ["customers", "vendors", "products", "accounts", "imports|exports"])
@pytest.mark.parametrize("phases", [("examples", "coverage"), ("fuzzing", "stateful")], ids="-".join)
def test_no_request_breaks_the_contract(platform: Platform, path: str, phases: tuple[str, ...]) -> None:
    with files.bucket(platform):
        breaches, requests = _run(platform, path, phases)
    assert breaches == []
    assert requests > 50


def test_the_document_leads_from_a_record_to_what_can_be_done_with_it(platform: Platform) -> None:
    document = Api(platform, ["masterdata"]).document
    create = document["paths"]["/masterdata/customers"]["post"]
    links = create["responses"]["201"]["links"]
    assert links["masterdata.customers.patch"]["parameters"] == {
        "id": "$response.body#/id",
        "If-Match": "$response.header.ETag",
    }
    assert set(links) == {
        f"masterdata.customers.{name}"
        for name in ("read", "replace", "patch", "archive", "restore", "history", "merge")
    }


def test_the_document_says_what_a_read_may_answer(platform: Platform) -> None:
    paths = Api(platform, ["masterdata"]).document["paths"]
    assert {"200", "304", "308", "404"} <= paths["/masterdata/customers/{id}"]["get"]["responses"].keys()
    assert "308" not in paths["/masterdata/products/{id}"]["get"]["responses"]
    assert "404" in paths["/masterdata/accounts/tree"]["get"]["responses"]
    assert {"304", "503"} & paths["/masterdata/health/ready"]["get"]["responses"].keys() == {"503"}
