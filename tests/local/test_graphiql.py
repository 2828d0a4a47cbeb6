"""A person's browser: GraphiQL signs in and runs a query, Swagger UI shows the API, all from the stack."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.local.stack import PASSWORD, Stack, Tenant
from tests.local.test_federation import node


def test_a_page_with_graphiql_loads_and_runs_a_query(stack: Stack, owner: Tenant, tmp_path: Path) -> None:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed")
    seen = node(
        "graphiql.mjs",
        "playwright-core",
        stack.api,
        str(tmp_path),
        owner.slug,
        owner.email,
        PASSWORD,
        program,
    )
    assert seen["answer"] == {
        "data": {
            "me": {"name": "Olive Owner", "email": owner.email, "tenant": {"slug": owner.slug}},
            "customers": {"nodes": []},
        }
    }
    assert "Query" in seen["explored"]
    assert {"auth", "gateway", "masterdata"} <= set(seen["tags"])
    assert seen["problems"] == []
    assert seen["elsewhere"] == []
    for picture in ("graphiql.png", "docs.png"):
        assert (tmp_path / picture).stat().st_size > 10_000
