"""A bucket for the tests, and what AWS would send when something is put into it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import boto3
from moto import mock_aws

from masterdata import exports, imports, storage
from tests.integration.platform import Caller, Platform

BUCKET = "groundwork-test-files"


@contextmanager
def bucket(platform: Platform) -> Iterator[Any]:
    """An S3 client of a simulated AWS with the platform's bucket."""
    platform.configure("masterdata", bucket=BUCKET)
    credentials = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with mock.patch.dict(os.environ, credentials), mock_aws():
        storage._client.cache_clear()
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client
        storage._client.cache_clear()


def created(key: str) -> dict[str, Any]:
    """The event of an object that was put."""
    return {"Records": [{"s3": {"bucket": {"name": BUCKET}, "object": {"key": key}}}]}


def start(owner: Caller, **new: Any) -> dict[str, Any]:
    """A new import."""
    answer: dict[str, Any] = owner.call(imports.create, new).ok(201)
    return answer


def key_of(owner: Caller, job: dict[str, Any]) -> str:
    return f"masterdata/imports/{owner.tenant}/{job['id']}"


def put(s3: Any, owner: Caller, job: dict[str, Any], content: bytes | str) -> None:
    """Put the import's file, as who has the link does."""
    body = content.encode() if isinstance(content, str) else content
    s3.put_object(Bucket=BUCKET, Key=key_of(owner, job), Body=body)


def work(owner: Caller, job: dict[str, Any]) -> dict[str, Any]:
    """Let the worker hear of the file; how the import stands then."""
    owner.platform.invoke(imports.work_off, created(key_of(owner, job)))
    return read(owner, job)


def read(owner: Caller, job: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = owner.call(imports.read, path={"id": job["id"]}).ok()
    return answer


def run(s3: Any, owner: Caller, content: bytes | str, **new: Any) -> dict[str, Any]:
    """A whole import; how it ended."""
    job = start(owner, **new)
    put(s3, owner, job, content)
    return work(owner, job)


def errors(owner: Caller, job: dict[str, Any]) -> list[dict[str, Any]]:
    """The errors of all rows, page by page."""
    found, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = owner.call(imports.errors, path={"id": job["id"]}, query=query).ok()
        found += page["items"]
        if (cursor := page["next"]) is None:
            return found


def export(s3: Any, owner: Caller, **new: Any) -> tuple[dict[str, Any], bytes]:
    """A whole export; how it ended, and its file."""
    job = owner.call(exports.create, new).ok(202)
    key = f"masterdata/exports/requests/{owner.tenant}/{job['id']}"
    s3.head_object(Bucket=BUCKET, Key=key)
    owner.platform.invoke(exports.work_off, created(key))
    ended = owner.call(exports.read, path={"id": job["id"]}).ok()
    result = s3.get_object(Bucket=BUCKET, Key=f"masterdata/exports/results/{owner.tenant}/{job['id']}")
    return ended, result["Body"].read()
