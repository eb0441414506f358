"""Who may open what: every page with every role and with none."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest

from followup.domain.roles import Role
from followup.staff.sessions import Stage
from followup.web.console.framework.app import all_pages
from followup.web.console.framework.routes import PUBLIC
from tests.web.console.visitors import Visitor, join

PAGES = sorted(all_pages(), key=lambda page: (page.path, page.method))


def address(path: str) -> str:
    """Return the path with identifiers of nothing in its gaps."""
    parts = [str(uuid4()) if part.startswith("{") else part for part in path.split("/")]
    return "/".join(parts)


def ids(page):
    return f"{page.method} {page.path}"


def wrongly_answered(arrive, right) -> list[tuple[str, int, str]]:
    """Ask for every page, as one person until a page ends their session; return what is wrong."""
    wrong, visitor = [], arrive()
    for page in PAGES:
        answer = visitor.client.request(page.method, address(page.path), follow_redirects=False)
        place = answer.headers.get("location", "")
        if not right(page, answer.status_code, place):
            wrong.append((ids(page), answer.status_code, place))
        if "set-cookie" in answer.headers:
            visitor = arrive()
    return wrong


def test_there_are_pages_for_each_kind_of_access():
    assert {page.may for page in PAGES} >= {None, Stage.CODE, Stage.ENROL_CODE, tuple(Role)}


OF_ONE_ROLE = {
    "team": {Role.MANAGE},
    "system": {Role.MANAGE},
    "audit": {Role.AUDIT},
    "audit.csv": {Role.AUDIT},
    "erasures": {Role.AUDIT},
    "retention": {Role.AUDIT},
    "enrol": {Role.ENROL},
    "enrolments": {Role.ENROL},
}
ABOUT_PATIENTS = {"patients", "procedures", "attention", "feeds", "messages", "messages.csv"}
READING = re.compile(
    r"GET /attention/closed(\.csv)?"
    r"|GET /(attention|messages|patients)(/\{\w+\})?|GET /procedures"
    r"|GET /messages(\.csv|/\{message\}/mail)"
    r"|GET /attention/returned(/\{mail\})?"
    r"|GET /attention/news"
    r"|GET /attention/enrolments(/\{draft\})?|GET /feeds(/\{message\})?"
    r"|(POST|GET) /patients(/found/\{draft\})?|POST /\w+/\{\w+\}/reveal"
    r"|(POST|GET) /patients/\{patient\}/erase"
)


def test_a_page_is_for_the_roles_that_its_address_says():
    """What a route declares is held against a rule that stands elsewhere."""
    assert {ids(page): page.may for page in PAGES if not _as_its_address_says(page)} == {}


def _as_its_address_says(page) -> bool:
    part = page.path.split("/")[1]
    if part in ABOUT_PATIENTS:
        reads = READING.fullmatch(ids(page)) is not None
        return set(page.may) == ({Role.ENROL, Role.AUDIT} if reads else {Role.ENROL})
    if part in OF_ONE_ROLE:
        return set(page.may) == OF_ONE_ROLE[part]
    return part in {"", "account", "accessibility", "content", "figures", "figures.csv", "join",
                    "protocols", "session", "sign-in", "sign-out"}  # fmt: skip


def test_no_two_pages_answer_the_same_request():
    requests = [(page.method, page.path) for page in PAGES]

    assert len(requests) == len(set(requests))


def test_nobody_gets_further_than_the_sign_in_page(shared_asgi):
    def right(page, status, place):
        if page.may is PUBLIC:
            return status in {200, 404, 422} and not place.startswith("/sign-in?next")
        return status == 303 and place.startswith("/sign-in")

    assert wrongly_answered(lambda: Visitor(shared_asgi), right) == []


@pytest.mark.uncounted
@pytest.mark.parametrize("role", list(Role))
def test_a_role_opens_its_own_pages_and_no_others(shared_app, shared_asgi, role):
    def right(page, status, place):
        if page.may is PUBLIC:
            return status in {200, 303, 404, 422}
        if isinstance(page.may, Stage):
            return (status, place) == (303, "/")
        return status in {200, 204, 303, 404, 409, 422} if role in page.may else status == 403

    assert wrongly_answered(lambda: join(shared_app, shared_asgi, role), right) == []


@pytest.mark.uncounted
@pytest.mark.parametrize("stage", [Stage.CODE, Stage.ENROL_CODE])
def test_a_password_alone_opens_nothing_while_the_code_is_owed(shared_app, shared_asgi, stage):
    def right(page, status, place):
        if page.may is PUBLIC or page.may is stage:
            return True
        return status == 303 and place.startswith("/sign-in/")

    assert wrongly_answered(lambda: join(shared_app, shared_asgi, stage=stage), right) == []


@pytest.mark.uncounted
def test_a_form_of_another_site_changes_nothing(shared_app, shared_asgi):
    visitor = join(shared_app, shared_asgi)
    for page in PAGES:
        if page.method == "POST":
            require_turned_away(visitor, page, {"Sec-Fetch-Site": "cross-site"})


@pytest.mark.parametrize("page", [each for each in PAGES if each.method == "POST"][::20], ids=ids)
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://elsewhere.example.com"},
        {"Origin": "null"},
        {},
    ],
    ids=str,
)
def test_another_site_is_known_by_whatever_a_browser_says(shared_app, shared_asgi, page, headers):
    require_turned_away(join(shared_app, shared_asgi), page, headers)


def require_turned_away(visitor, page, headers):
    visitor.client.headers.pop("Sec-Fetch-Site", None)

    answer = visitor.client.post(address(page.path), headers=headers, follow_redirects=False)

    assert (ids(page), answer.status_code) == (ids(page), 403)
    assert "came from elsewhere" in answer.text


def test_where_the_browser_does_not_say_the_origin_must_be_our_own(sqlite_app, asgi):
    visitor = join(sqlite_app, asgi)
    del visitor.client.headers["Sec-Fetch-Site"]

    answer = visitor.client.post(
        "/session", headers={"Origin": "http://127.0.0.1:8000"}, follow_redirects=False
    )

    assert answer.status_code == 204


def test_the_navigation_leads_only_to_pages_that_are_there_and_may_be_opened(
    shared_app, shared_asgi
):
    for role in Role:
        visitor = join(shared_app, shared_asgi, role)
        menu = visitor.get("/").page.one("nav", **{"aria-label": "Menu"})
        places = [link.attributes["href"] for link in menu.all("a")]

        assert places[0] == "/"
        assert {visitor.get(place).status for place in places} == {200}
