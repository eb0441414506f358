"""Static files of the console: in memory, compressed, cached by hash."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

STATIC_PREFIX = "/static/"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    """A file as it is served. `address` changes with its content."""

    content: bytes
    compressed: bytes
    media_type: str
    address: str


@cache
def static_files() -> dict[str, StaticFile]:
    """Return every file that may be served, by its name."""
    folder = files("followup.web") / "static"
    return {
        entry.name: _load(entry.name, entry.read_bytes())
        for entry in folder.iterdir()
        if _suffix(entry.name) in TYPES
    }


def address_of(name: str) -> str:
    """Return the address of a file, for templates."""
    return static_files()[name].address


async def serve_static(request: Request) -> Response:
    """Answer with a file; whoever asks for an older one gets the one there is, uncached."""
    found = static_files().get(request.path_params["name"])
    if found is None:
        return Response(status_code=404)
    current = f"v={found.address.rpartition('=')[2]}" == request.url.query
    headers = {
        "Cache-Control": FOREVER if current else "no-cache",
        "Vary": "Accept-Encoding",
    }
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(found.content, media_type=found.media_type, headers=headers)
    headers["Content-Encoding"] = "gzip"
    return Response(found.compressed, media_type=found.media_type, headers=headers)


def _load(name: str, content: bytes) -> StaticFile:
    digest = hashlib.sha256(content).hexdigest()[:12]
    return StaticFile(
        content=content,
        compressed=gzip.compress(content, mtime=0),
        media_type=TYPES[_suffix(name)],
        address=f"{STATIC_PREFIX}{name}?v={digest}",
    )


def _suffix(name: str) -> str:
    return f".{name.rpartition('.')[2]}"
