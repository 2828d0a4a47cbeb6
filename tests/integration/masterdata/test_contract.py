"""Every operation keeps the contract of the generated OpenAPI document, whatever it is sent."""

from __future__ import annotations

import pytest

from tests.integration import contract
from tests.integration.asgi import Api
from tests.integration.masterdata import files
from tests.integration.platform import Platform

# Schemathesis warns of what its own dependencies will drop.
pytestmark = pytest.mark.filterwarnings("default")

# DELETE archives: the record stays readable.
CHECKS = {"use_after_free": {"enabled": False}}


@pytest.mark.parametrize("path", ["customers", "vendors", "products", "accounts", "imports|exports"])
@pytest.mark.parametrize("phases", [contract.SYSTEMATIC, contract.RANDOM], ids="-".join)
def test_no_request_breaks_the_contract(platform: Platform, path: str, phases: tuple[str, ...]) -> None:
    with files.bucket(platform):
        findings = contract.probe(platform, ["masterdata"], f"/masterdata/({path})", phases, checks=CHECKS)
    assert findings.breaches == []
    assert findings.requests > 50


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
