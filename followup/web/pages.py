"""Public pages, with a policy that lets nothing in."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("templates", "."),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def _policy() -> str:
    """Return the content security policy: our own styles, known by their hash, and nothing else."""
    styles = _environment().get_template("pages/public/page.css").render()
    digest = base64.b64encode(hashlib.sha256(styles.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


def page(
    name: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **facts: object
) -> HTMLResponse:
    """Return a page of `templates/pages`."""
    html = _environment().get_template(f"pages/{name}").render(**facts)
    return HTMLResponse(
        html,
        status_code=status,
        headers={**(headers or {}), "Content-Security-Policy": _policy()},
    )
