"""Every operation keeps the contract of the generated OpenAPI document, whatever it is sent."""

from __future__ import annotations

import importlib
import re
from itertools import count
from typing import Any

import pytest

from common.etag import IF_MATCH
from tests.integration import contract
from tests.integration.asgi import Api
from tests.integration.masterdata import files
from tests.integration.platform import Platform

# Schemathesis warns of what its own dependencies will drop.
pytestmark = pytest.mark.filterwarnings("default")

# DELETE archives: the record stays readable.
CHECKS = {"use_after_free": {"enabled": False}}


class Requests:
    """Gives requests what no schema can: a code that is not taken, a record that exists and its version.

    What was drawn to break the schema is left as it is; so is what a link led to.
    """

    def __init__(self, subject: str | None) -> None:
        self._subject = subject
        self._numbers = count()

    def prepare(self, case: Any) -> None:
        code = case.body.get("code") if isinstance(case.body, dict) else None
        if isinstance(code, str) and CODE.fullmatch(code):
            case.body["code"] = f"{code[:50]}-{next(self._numbers)}"
        identifier = str((case.path_parameters or {}).get("id", ""))
        if self._subject is None or not DRAWN.fullmatch(identifier):
            return
        case.path_parameters["id"] = self._subject
        headers = case.headers or {}
        if re.fullmatch(IF_MATCH, headers.get("If-Match", "")):
            headers["If-Match"] = "*"


CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")
DRAWN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[^7][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
"""A UUID, but none of ours: those are of version 7."""

SUBJECTS: dict[str, dict[str, Any]] = {
    "customers": {},
    "vendors": {},
    "products": {},
    "accounts": {"type": "asset"},
}


@pytest.mark.parametrize("path", [*SUBJECTS, "imports|exports"])
@pytest.mark.parametrize("phases", [contract.SYSTEMATIC, contract.RANDOM], ids="-".join)
def test_no_request_breaks_the_contract(platform: Platform, path: str, phases: tuple[str, ...]) -> None:
    owner, subject = platform.register(), None
    if path in SUBJECTS:
        create = importlib.import_module(f"masterdata.{path}").create
        subject = owner.call(create, {"code": "SUBJECT", "name": "Subject"} | SUBJECTS[path]).ok(201)["id"]
    with files.bucket(platform):
        findings = contract.probe(
            platform,
            ["masterdata"],
            f"/masterdata/({path})",
            phases,
            token=owner.token,
            prepare=Requests(subject).prepare,
            checks=CHECKS,
        )
    assert findings.breaches == []
    assert findings.requests > 50
    if phases is contract.RANDOM:
        # Chains reach everything, but for what takes a second record, or one archived in between.
        rare = {f"POST /masterdata/{path}/{{id}}/{last}" for last in ("merge", "restore")}
        assert set(findings.fruitless) <= rare
        assert findings.links


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
