"""A file put to a presigned link is imported, and one exported comes back by its link."""

from __future__ import annotations

from typing import Any

import httpx

from tests.local.stack import Tenant, eventually

SPREADSHEET = "\ufeffcode;name\r\nX-1;Müller\r\nX-2;Ünal\r\n;nobody\r\n"


def finished(http: httpx.Client, place: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        job: dict[str, Any] = http.get(place).json()
        return job if job["finished_at"] else None

    job = eventually(look, seconds=60)
    assert job is not None
    return job


def test_a_spreadsheets_file_is_imported_and_exported(owner: Tenant) -> None:
    with owner.http as http:
        asked = http.post("/masterdata/imports", json={"entity": "customers", "format": "csv"})
        assert asked.status_code == 201, asked.text
        job = asked.json()
        headers = job["upload"].get("headers") or {"Content-Type": "text/csv"}
        put = httpx.put(job["upload"]["url"], content=SPREADSHEET.encode(), headers=headers)
        assert put.status_code == 200, put.text
        done = finished(http, f"/masterdata/imports/{job['id']}")
        assert (done["status"], done["created"], done["failed"]) == ("completed", 2, 1)
        (error,) = http.get(f"/masterdata/imports/{job['id']}/errors").json()["items"]
        assert error["row"] == 4
        names = [item["name"] for item in http.get("/masterdata/customers").json()["items"]]
        assert names == ["Müller", "Ünal"]

        asked = http.post("/masterdata/exports", json={"entity": "customers", "format": "csv"})
        assert asked.status_code == 202, asked.text
        done = finished(http, f"/masterdata/exports/{asked.json()['id']}")
        assert done["rows"] == 2
        file = httpx.get(done["download"]["url"])
        assert "Müller" in file.content.decode("utf-8-sig")
