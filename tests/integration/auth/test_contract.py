"""Every operation of the identity service keeps the contract of the document, whatever it is sent."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.integration import contract
from tests.integration.asgi import Api
from tests.integration.auth.people import application, request_of
from tests.integration.platform import Platform

# Schemathesis warns of what its own dependencies will drop.
pytestmark = pytest.mark.filterwarnings("default")

OFF = {"enabled": False}
CHECKS: dict[str, dict[str, dict[str, bool]]] = {
    # DELETE deactivates a user, who stays readable.
    "users": {"use_after_free": OFF},
    # An idempotency key drawn again gets the first answer again: of a role that may have been removed since.
    "roles": {"ensure_resource_availability": OFF},
}
# A sign-in is sent back to its application; a spent link is 410; who guesses on has to wait.
REFUSALS = (*contract.REFUSALS, "302", "303", "410", "429")

LINKED = ("users", "roles", "clients")
UNLINKED = (
    "me(/|$)",
    "events|imports|exports|permissions|tenant$",
    "authorize|end-session",
    "token|introspect|revoke",
    "login|refresh|password-resets|email-verifications",
    "tenants|keys|userinfo|.well-known",
    "sessions/",
    "sessions$",
    "logout",
)
GUESSES = {
    "DELETE /auth/me/totp",
    "DELETE /auth/sessions/{id}",
    "DELETE /auth/users/{id}/roles/{role_id}",
    "DELETE /auth/users/{id}/totp",
    "POST /auth/email-verifications/confirm",
    "POST /auth/introspect",
    "POST /auth/login",
    "POST /auth/me/password",
    "POST /auth/me/totp/confirm",
    "POST /auth/password-resets/confirm",
    "POST /auth/refresh",
    "POST /auth/revoke",
    "POST /auth/token",
    "PUT /auth/users/{id}/roles/{role_id}",
}
"""What answers with a success only to who knows a password, a code, a token or two ids that go together."""


def found(platform: Platform, path: str, *phases: str) -> contract.Findings:
    owner = platform.register()
    asked = request_of(application(owner))

    def narrow(document: dict[str, Any]) -> None:
        """Let requests for signing in name an application that there is."""
        item = document["paths"]["/auth/authorize"]
        for parameter in item["get"]["parameters"]:
            if parameter["name"] in asked:
                parameter["example"] = asked[parameter["name"]]
            if parameter["name"] in ("client_id", "redirect_uri"):
                parameter["schema"]["enum"] = [asked[parameter["name"]]]
        document["components"]["schemas"]["SignIn"]["example"] = asked

    return contract.probe(
        platform,
        ["auth"],
        f"/auth/({path})",
        phases,
        token=owner.token,
        checks=CHECKS.get(path, {}),
        refusals=REFUSALS,
        document=narrow,
    )


@pytest.mark.parametrize("path", LINKED)
@pytest.mark.parametrize("phases", [contract.SYSTEMATIC, contract.RANDOM], ids="-".join)
def test_no_request_and_no_chain_of_them_breaks_the_contract(
    platform: Platform, path: str, phases: tuple[str, ...]
) -> None:
    findings = found(platform, path, *phases)
    assert findings.breaches == []
    assert findings.requests > 20
    if phases == contract.RANDOM:
        assert {*findings.fruitless} <= GUESSES


@pytest.mark.parametrize("path", UNLINKED)
def test_no_request_breaks_the_contract(fresh_platform: Platform, path: str) -> None:
    findings = found(fresh_platform, path, *contract.SYSTEMATIC, "fuzzing")
    assert findings.breaches == []
    assert {*findings.fruitless} <= GUESSES


def test_every_operation_is_among_them(platform: Platform) -> None:
    expression = re.compile(f"/auth/({'|'.join(LINKED + UNLINKED)}|health|metrics|graphql)")
    missed = [path for path in Api(platform, ["auth"]).document["paths"] if not expression.match(path)]
    assert missed == []


def test_the_document_says_how_the_pages_refuse_and_what_may_be_left_out(platform: Platform) -> None:
    paths = Api(platform, ["auth"]).document["paths"]
    page = "text/html; charset=utf-8"
    sign_in = paths["/auth/authorize"]["post"]
    assert set(sign_in["responses"]["401"]["content"]) == {page, "application/problem+json"}
    assert set(sign_in["responses"]["303"]["content"]) == {page}
    assert set(sign_in["responses"]["415"]["content"]) == {"application/problem+json"}
    assert paths["/auth/end-session"]["post"]["requestBody"]["required"] is False
    assert paths["/auth/login"]["post"]["requestBody"]["required"] is True
    assert {"401", "429"} <= set(paths["/auth/login"]["post"]["responses"])
    assert "410" in paths["/auth/password-resets/confirm"]["post"]["responses"]
