"""Entity tags: a resource's version as its strong validator (RFC 9110, sections 8.8.3 and 13.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from common.errors import BadRequest, PreconditionFailed, PreconditionRequired

_TAG = re.compile(r'(W/)?"([^"]*)"')
IF_MATCH = r'^(\*|(W/)?"[^"]*"([ \t]*,[ \t]*(W/)?"[^"]*")*)$'
"""What ``If-Match`` holds (RFC 9110, section 13.1.1)."""
_IF_MATCH = re.compile(IF_MATCH)


def etag(version: int) -> str:
    """The entity tag of a version: ``"7"``."""
    return f'"{version}"'


@dataclass(frozen=True)
class IfMatch:
    """The ``If-Match`` header of a change: the versions the caller accepts to overwrite."""

    tags: frozenset[str]

    @classmethod
    def of(cls, header: str | None) -> IfMatch:
        """Parse the header; absent is 428, malformed 400."""
        if header is None:
            raise PreconditionRequired("Send If-Match with the ETag you read, so that no change is lost.")
        if _IF_MATCH.fullmatch(header.strip()) is None:
            raise BadRequest('If-Match holds no entity tag; it looks like "7", with the quotes.')
        if header.strip() == "*":
            return cls(frozenset("*"))
        # Weak tags never match strongly (RFC 9110, 8.8.3.2), so they are read and dropped.
        return cls(frozenset(tag for weak, tag in _TAG.findall(header) if not weak))

    def check(self, version: int) -> None:
        """Raise 412 unless the present version is among those accepted."""
        if "*" not in self.tags and str(version) not in self.tags:
            raise PreconditionFailed(
                "Another change came first; read it again and repeat yours.", current=etag(version)
            )


def none_match(header: str | None, tag: str) -> bool:
    """Whether ``If-None-Match`` names the tag (weak comparison), so that 304 is the answer."""
    if not header:
        return False
    return header.strip() == "*" or any(f'"{name}"' == tag for _, name in _TAG.findall(header))
