"""Files in the stage's bucket: links to put and get them, read and written in pieces."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from common.errors import Unavailable
from common.settings import settings

PIECE = 4 * 1024 * 1024
"""Bytes of a file that are held at once while it is read."""
PART = 8 * 1024 * 1024
"""Bytes of a file that are held at once while it is written; S3 takes 10,000 such parts."""


@dataclass(frozen=True)
class Stored:
    """A file that is there."""

    size: int
    etag: str


@cache
def _client(endpoint: str) -> Any:
    import boto3
    from botocore.config import Config

    # Path-style where an endpoint is named: a local one answers under no bucket's host name.
    configuration = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if endpoint else "auto"},
        retries={"total_max_attempts": 4},
    )
    return boto3.client("s3", endpoint_url=endpoint or None, config=configuration)


@contextmanager
def _reachable() -> Iterator[Any]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield _client(os.environ.get("AWS_ENDPOINT_URL", ""))
    except (BotoCoreError, ClientError) as error:
        raise Unavailable("The file store does not answer; nothing was changed.") from error


def put_link(key: str, media_type: str, seconds: int) -> str:
    """A link by which anyone who has it may put the file, once or more, until it expires."""
    place = {"Bucket": settings().bucket, "Key": key, "ContentType": media_type}
    with _reachable() as s3:
        return str(s3.generate_presigned_url("put_object", place, ExpiresIn=seconds))


def get_link(key: str, filename: str, seconds: int) -> str:
    """A link by which anyone who has it may get the file, under a name, until it expires."""
    place = {
        "Bucket": settings().bucket,
        "Key": key,
        "ResponseContentDisposition": f'attachment; filename="{filename}"',
    }
    with _reachable() as s3:
        return str(s3.generate_presigned_url("get_object", place, ExpiresIn=seconds))


def find(key: str) -> Stored | None:
    """The file's size and tag, or None if there is none."""
    from botocore.exceptions import ClientError

    with _reachable() as s3:
        try:
            head = s3.head_object(Bucket=settings().bucket, Key=key)
        except ClientError as error:
            # Without the right to list, S3 says 403 of what is not there.
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (403, 404):
                return None
            raise
    return Stored(head["ContentLength"], head["ETag"])


def put(key: str, content: bytes, media_type: str) -> None:
    """Write a small file at once."""
    with _reachable() as s3:
        s3.put_object(Bucket=settings().bucket, Key=key, Body=content, ContentType=media_type)


def piece(key: str, stored: Stored, start: int, size: int) -> bytes:
    """A piece of a file; refused if it is no longer the file that was found."""
    if start >= stored.size:
        return b""
    end = min(start + size, stored.size) - 1
    with _reachable() as s3:
        answer = s3.get_object(
            Bucket=settings().bucket, Key=key, Range=f"bytes={start}-{end}", IfMatch=stored.etag
        )
        return bytes(answer["Body"].read())


def pieces(key: str, stored: Stored, start: int) -> Iterator[bytes]:
    """A file from an offset on, a piece at a time, however long each takes to deal with."""
    while start < stored.size:
        found = piece(key, stored, start, PIECE)
        start += len(found)
        yield found


class Upload:
    """A file written a piece at a time; it is there when the ``with`` block has ended well."""

    def __init__(self, key: str, media_type: str) -> None:
        self._place = {"Bucket": settings().bucket, "Key": key}
        self._media_type = media_type
        self._held = bytearray()
        self._parts: list[dict[str, Any]] = []
        self._upload: str | None = None
        self.size = 0

    def write(self, content: bytes) -> None:
        """Add to the file."""
        self._held += content
        self.size += len(content)
        if len(self._held) >= PART:
            self._flush()

    def _flush(self) -> None:
        with _reachable() as s3:
            if self._upload is None:
                made = s3.create_multipart_upload(**self._place, ContentType=self._media_type)
                self._upload = made["UploadId"]
            number = len(self._parts) + 1
            part = s3.upload_part(
                **self._place, UploadId=self._upload, PartNumber=number, Body=bytes(self._held)
            )
        self._parts.append({"PartNumber": number, "ETag": part["ETag"]})
        self._held.clear()

    def __enter__(self) -> Upload:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            # What was uploaded of it expires by the bucket's rule for unfinished uploads.
            return
        if self._upload is None:
            put(self._place["Key"], bytes(self._held), self._media_type)
            return
        if self._held:
            self._flush()
        with _reachable() as s3:
            s3.complete_multipart_upload(
                **self._place, UploadId=self._upload, MultipartUpload={"Parts": self._parts}
            )
