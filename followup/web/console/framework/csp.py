"""Content security policy of the console, and whose posts are believed."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request

SAFE_METHODS = frozenset({"GET", "HEAD"})


def content_policy(nonce: str) -> str:
    """Return the content security policy of a page: nothing but our own, and that by its nonce."""
    return (
        "default-src 'none'; "
        f"script-src 'nonce-{nonce}'; "
        f"style-src 'nonce-{nonce}'; "
        "img-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


FRAMED_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; sandbox; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
"""For an e-mail shown in a frame: its own inlined styles, no scripts, no forms, no images."""


def is_our_own(request: Request) -> bool:
    """Say whether a request came from a page of this site, or changes nothing.

    Browsers say so in Sec-Fetch-Site; where it is missing (plain http on a network), the Origin
    must be the address that the request was sent to.
    """
    if request.method in SAFE_METHODS:
        return True
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = urlsplit(request.headers.get("origin", "")).netloc
    return bool(origin) and origin == request.headers.get("host")
