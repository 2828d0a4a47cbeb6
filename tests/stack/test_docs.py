"""The generated reference is what the declarations say today."""

from __future__ import annotations

import json

import pytest

from infra.docs import DOCS, pages


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_page_is_up_to_date(name: str) -> None:
    assert (DOCS / name).read_text() == pages()[name], "run `make docs` and commit what it writes"


@pytest.mark.parametrize("name", ["openapi.json", "asyncapi.json"])
def test_every_reference_within_a_document_resolves(name: str) -> None:
    document = json.loads(pages()[name])

    def walk(node: object) -> None:
        if isinstance(node, dict):
            if isinstance(node.get("$ref"), str):
                target = document
                for part in node["$ref"].removeprefix("#/").split("/"):
                    target = target[part.replace("~1", "/").replace("~0", "~")]
            for inner in node.values():
                walk(inner)
        elif isinstance(node, list):
            for inner in node:
                walk(inner)

    walk(document)
