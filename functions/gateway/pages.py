"""What a browser gets, all of it from the stack itself: GraphiQL, Swagger UI, and the API's documents."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import msgspec

from common.errors import NotFound
from common.etag import none_match
from common.operation import PUBLIC, operation
from common.request import Request, Response
from common.settings import settings

WEB = Path(__file__).with_name("web")
"""The pages and what they load; ``vendor`` below it is put there when the code is bundled."""
GENERATED = WEB / "vendor"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_FILE = re.compile(r"[a-z][a-z0-9-]*(\.[a-z0-9-]+)*\.(css|js|svg|txt)")

# Scripts and styles come from here only, and none is in the page. The one style that GraphiQL makes by script
# (it keeps the page behind a dialog from scrolling) does nothing on a page that does not scroll.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
GUARDED = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def graphiql() -> Response[str]:
    """GraphiQL on this API's graph."""
    return _page("graphiql.html")


@operation("GET /docs", permission=PUBLIC, database=False, produces="text/html", memory=256)
def docs() -> Response[str]:
    """Swagger UI on this API."""
    return _page("docs.html")


@operation(
    "GET /static/{file}",
    permission=PUBLIC,
    answers=(304,),
    database=False,
    produces="text/javascript",
    memory=256,
)
def asset(file: str, request: Request) -> Response[str]:
    """A script or style sheet of GraphiQL's or Swagger UI's page."""
    if not _FILE.fullmatch(file):
        raise NotFound("There is no such file.")
    content, tag = _file(file)
    headers = {
        "ETag": tag,
        "Cache-Control": "public, max-age=3600",
        "X-Content-Type-Options": "nosniff",
    }
    if none_match(request.headers.get("if-none-match"), tag):
        return Response("", status=304, headers=headers)
    return Response(content, media_type=MEDIA_TYPES[Path(file).suffix], headers=headers)


@operation("GET /openapi.json", permission=PUBLIC, answers=(404,), database=False, memory=256)
def openapi(request: Request) -> Response[str]:
    """This API as an OpenAPI 3.1 document."""
    document = _document("openapi.json", settings().public_url or request.base_url)
    return Response(document, media_type="application/json", headers={"Access-Control-Allow-Origin": "*"})


@operation("GET /asyncapi.json", permission=PUBLIC, answers=(404,), database=False, memory=256)
def asyncapi() -> Response[str]:
    """The platform's events as an AsyncAPI 3 document."""
    content, _ = _file("asyncapi.json")
    return Response(content, media_type="application/json", headers={"Access-Control-Allow-Origin": "*"})


def _page(name: str) -> Response[str]:
    content, _ = _file(name)
    return Response(
        content,
        media_type=MEDIA_TYPES[".html"],
        headers=GUARDED | {"Cache-Control": "no-cache", "Vary": "Accept"},
    )


@lru_cache(maxsize=32)
def _file(name: str) -> tuple[str, str]:
    """A file's text and its entity tag."""
    for folder in (WEB, GENERATED):
        path = folder / name
        if path.is_file():
            content = path.read_text()
            return content, f'"{sha256(content.encode()).hexdigest()[:16]}"'
    raise NotFound("There is no such file in this release.")


@lru_cache(maxsize=8)
def _document(name: str, base: str) -> str:
    """A document whose server is this stage's API, as its caller sees it."""
    content, _ = _file(name)
    document = msgspec.json.decode(content)
    document["servers"] = [{"url": base}]
    return msgspec.json.encode(document).decode()
