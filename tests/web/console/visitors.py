"""People at the console: a browser each, which looks at every page it gets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from followup.context import AppContext
from followup.domain.roles import Role
from followup.staff import sessions
from followup.staff.members import MemberDetails, insert_member
from followup.staff.sessions import Stage
from tests.web.console.markup import Element, breaches, parse

HOME = "http://127.0.0.1:8000"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
ALL = tuple(Role)
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

_serials = count(1)


@dataclass(frozen=True)
class Seen:
    """A page as somebody got it."""

    status: int
    path: str
    html: str
    page: Element

    @property
    def text(self) -> str:
        return self.page.one("main").text

    @property
    def heading(self) -> str:
        return self.page.one("h1").text

    @property
    def errors(self) -> list[str]:
        """Return what the error summary lists."""
        return [
            link.text
            for summary in self.page.all("div", **{"data-module": "nhsuk-error-summary"})
            for link in summary.all("a")
        ]

    def links(self) -> dict[str, str]:
        """Return where each link of the content leads, by its words."""
        return {
            link.text: link.attributes.get("href", "") for link in self.page.one("main").all("a")
        }

    def values(self, action: str) -> dict[str, str]:
        """Return what the form to an address holds already, as a browser would send it."""
        (form,) = [
            form for form in self.page.all("form") if form.attributes.get("action") == action
        ]
        found = {}
        for control in form.all("input", "textarea", "select"):
            name, kind = control.attributes.get("name", ""), control.attributes.get("type")
            if kind in {"radio", "checkbox"} and "checked" not in control.attributes:
                continue
            if control.tag == "textarea":
                found[name] = control.text
            elif control.tag == "select":
                chosen = control.all("option", selected="") or control.all("option")
                found[name] = chosen[0].attributes.get("value", "")
            else:
                found[name] = control.attributes.get("value", "")
        return found


class Visitor:
    """Somebody with a browser that keeps cookies and follows redirects."""

    def __init__(self, asgi: FastAPI, *, app: AppContext | None = None) -> None:
        self.client = TestClient(asgi, base_url=HOME, headers=SAME_ORIGIN)
        self.app = app
        self.email = ""

    def get(self, path: str, *, status: int = 200, **options: Any) -> Seen:
        return self._look(self.client.get(path, **options), status)

    def post(
        self, path: str, data: Mapping[str, Any] | None = None, *, status: int = 200, **options: Any
    ) -> Seen:
        return self._look(self.client.post(path, data=data or {}, **options), status)

    def hold(self, token: str) -> None:
        """Send this token from now on."""
        self.client.cookies.clear()
        self.client.cookies.set("followup", token)

    def _look(self, answer: Any, status: int) -> Seen:
        page = parse(answer.text)
        assert answer.status_code == status, f"{answer.status_code}: {_summary(page)}"
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        found = breaches(page, status=answer.status_code)
        assert not found, found
        nonces = set(re.findall('nonce="([^"]*)"', answer.text))
        assert len(nonces) == 1
        assert answer.headers["content-security-policy"] == POLICY.format(nonce=nonces.pop())
        assert answer.headers["cache-control"] == "no-store"
        return Seen(answer.status_code, answer.url.raw_path.decode(), answer.text, page)


def _summary(page: Element) -> str:
    mains = page.all("main")
    return mains[0].text[:800] if mains else page.text[:800]


def join(
    app: AppContext,
    asgi: FastAPI,
    *roles: Role,
    clinics: Iterable[str] | None = None,
    stage: Stage = Stage.FULL,
    name: str = "Sam Staff",
) -> Visitor:
    """Return somebody of these roles (or of all) who has signed in, past the password."""
    email = f"staff{next(_serials)}@example.com"
    who = MemberDetails(
        email=email,
        name=name,
        roles=roles or ALL,
        clinics=None if clinics is None else tuple(clinics),
    )
    visitor = Visitor(asgi, app=app)
    with app.store.write() as session:
        staff = insert_member(session, app.by("cli:test"), who, password_hash=None)
        token = sessions.begin_session(session, app, staff, stage=stage, browser="Chrome on Linux")
    visitor.hold(token)
    visitor.email = email
    return visitor
