"""Every page in each of its states, found by its route: accessible, narrow, and by the rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest

from followup.clock import TimeLapseClock
from followup.domain.errors import Conflict, InvalidInput, NotFound, StoreUnavailable
from followup.domain.roles import Role
from followup.enrolment.page_tokens import replace_page_token
from followup.staff.sessions import Stage
from followup.web.console.framework.app import all_pages
from followup.web.console.pages import home
from tests.browser.screen import NARROW, Screen
from tests.browser.site import Site
from tests.browser.test_patient_page import rules as rules_for_patients
from tests.support.full_clinic import FullClinic, add_staff, begin_session, fill

# Each looks at dozens of pages: on a busy machine that takes its time.
pytestmark = pytest.mark.timeout(300)

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
NOT_A_PAGE = {
    "/session",
    "/audit.csv",
    "/messages.csv",
    "/attention/news",
    "/attention/closed.csv",
    "/figures.csv",
    "/figures/times.csv",
    "/figures/balance.csv",
    "/audit/patients/{patient}/report.pdf",
    "/enrolments/{enrolment}/card/card.pdf",
    "/enrol/list/template.csv",
    "/enrol/list/{list}/to-correct.csv",
    # A part of a page, which asks for it by itself.
    "/enrol/list/{list}/progress",
    # What a frame of a page shows: an e-mail as it was written.
    "/messages/{message}/mail",
    "/content/{template}/mail/{language}",
    "/content/edit/{clinic}/{protocol}/{template}/{language}/mail",
    "/content/edit/{clinic}/{protocol}/{template}/{language}/page",
    "/content/edit-page/{clinic}/{protocol}/{language}/shown",
    # What a script asks for while somebody types: a part of the page that it is in.
}
A_FILE = "/audit/patients/{patient}/data"
"""What its button gets is a download."""
PREVIEWS = {
    "/content/edit/{clinic}/{protocol}/{template}/{language}/preview",
    "/content/edit-page/{clinic}/{protocol}/{language}/preview",
}
"""Parts of an editor's page, which its script asks for while somebody types."""
LAST = ("/sign-out", "/session")
INSIDE = [page for page in all_pages() if isinstance(page.may, tuple)]
OUTSIDE = [page for page in all_pages() if not isinstance(page.may, tuple)]
PARTS = 4
"""Into how many tests the walk is cut, so that they can run side by side."""
NEED_AN_ANSWER = {
    "/account/code",
    "/account/signing-key",
    "/account/signing-key/browser",
    "/attention/{item}/call",
    "/audit/patients/{patient}/restrict",
    "/attention/{item}/contacts",
    "/attention/{item}/contacts/{draft}",
    "/attention/{item}/done",
    "/attention/{item}/hand-over",
    "/attention/{item}/text",
    "/content/releases/{release}/approve",
    "/content/releases/{release}/call-off",
    "/content/releases/{release}/go-back",
    "/content/releases/{release}/go-live",
    "/content/releases/{release}/send-back",
    "/content/releases/{release}/withdraw",
    "/content/sign/{clinic}/{protocol}",
    "/enrol/list",
    "/enrolments/{enrolment}/answers",
    "/enrolments/{enrolment}/text",
    "/system/api-keys",
    "/system/webhooks",
    "/enrol/quick",
    "/enrol/{draft}/code",
    "/enrolments/{enrolment}/end",
    "/enrolments/{enrolment}/time",
    "/patients/{patient}/call",
    "/patients/{patient}/contacts",
    "/patients/{patient}/contacts/{draft}",
    "/patients/{patient}/erase",
    "/patients/{patient}/merge/{other}",
    "/patients/{patient}/stop",
    "/protocols/{protocol}/draft",
    "/retention/{review}/decide",
    "/system/stop",
    "/system/webhooks/{webhook}/replay",
    "/team/invite",
    "/team/{member}/access",
}
SEND = """path => {
    const form = Object.assign(document.createElement("form"), {method: "post", action: path});
    document.body.append(form);
    form.submit();
}"""
LINKS = "links => links.map(link => link.getAttribute('href'))"


class Full(NamedTuple):
    """A site where everything has happened."""

    site: Site
    clinic: FullClinic


@pytest.fixture(scope="module")
def full(migrated_sqlite: Path, sqlite_folder: Path) -> Iterator[Full]:
    with TemporaryDirectory(dir=sqlite_folder) as folder:
        copyfile(migrated_sqlite, file := Path(folder) / "site.sqlite3")
        with Site(f"sqlite:///{file}") as site:
            clinic = fill(site.app)
            # Nobody answers there: the page that says so is one to look at too.
            provider = {"oidc_issuer": "http://127.0.0.1:1", "oidc_client_id": "followup"}
            site.serve(**provider, oidc_client_secret="secret", second_factor="all")
            yield Full(site, clinic)


def look(screen: Screen, address: str, *, status: int | None = None) -> None:
    screen.go(address)
    assert screen.status == (status or screen.status), f"{address}: {screen.status}"
    screen.examine((NARROW,))


def send(screen: Screen, address: str) -> None:
    """Send a form without a single answer. Where it leads on, that page was looked at before."""
    with screen.page.expect_navigation():
        screen.page.evaluate(SEND, address)
    if screen.page.url.endswith(address):
        screen.examine((NARROW,))


def gets(pages):
    return [page.path for page in pages if page.method == "GET" and page.path not in NOT_A_PAGE]


# -------------------------------------------------------------------------------- looking


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_of_a_full_clinic(window, full, part):
    screen = window(full.site, token=full.clinic.token, width=NARROW)
    links = set()
    for route in gets(INSIDE)[part::PARTS]:
        for address in full.clinic.addresses(route):
            look(screen, address)
            assert screen.status in {200, 422}, f"{address}: {screen.status}"
            links |= set(screen.page.locator("a[href^='/']").evaluate_all(LINKS))

    screen.check()
    looked_at = {
        ID.sub("", each) for route in gets(INSIDE) for each in full.clinic.addresses(route)
    }
    alike = {ID.sub("", link): link for link in links}
    for link in sorted(alike[each] for each in alike.keys() - looked_at):
        assert screen.context.request.get(full.site.address + link).status == 200, link


def test_what_is_no_page_is_there_too(window, full):
    screen = window(full.site, token=full.clinic.token)

    for route in NOT_A_PAGE:
        (address, *_) = full.clinic.addresses(route)
        assert screen.context.request.get(full.site.address + address).status == 200, route


def test_every_page_of_an_empty_one_whose_time_flies(window, site):
    site.app = replace(
        site.app, clock=TimeLapseClock(site.app.clock.now(), datetime.now(UTC), speed=3600)
    )
    screen = window(site.serve(), width=NARROW)

    for route in gets(INSIDE):
        if "{" not in route:
            look(screen, route, status=200)
            assert "Time-lapse: 60 minutes pass here each second" in screen.page.content()


def test_every_page_before_somebody_is_signed_in(window, full):
    nia = full.clinic.fills[""]["member"][0]
    app, seen = full.site.app, set()
    windows = {None: window(full.site, signed_in=False, width=NARROW)}
    for stage in (Stage.CODE, Stage.ENROL_CODE):
        token = begin_session(app, nia, stage=stage)
        windows[stage] = window(full.site, token=token, width=NARROW)
    windows[None].may_fail = True
    for route, stage in {page.path: page.may for page in OUTSIDE}.items():
        if route in NOT_A_PAGE:
            continue
        for address in full.clinic.addresses(route):
            look(windows[stage], address)
            seen.add(windows[stage].heading)

    assert {"Sign in", "Your organisation’s sign-in does not answer"} <= seen


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (NotFound("x"), 404),
        (Conflict("this was dealt with by somebody else"), 409),
        (InvalidInput.of("x", "y"), 422),
        (RuntimeError("x"), 500),
        (StoreUnavailable("x"), 503),
    ],
    ids=lambda given: given if isinstance(given, int) else type(given).__name__,
)
def test_every_page_that_says_what_went_wrong(window, full, monkeypatch, problem, status):
    def fail(*_args: object) -> None:
        raise problem

    monkeypatch.setattr(home, "health_problems", fail)
    screen = window(full.site, token=full.clinic.token, width=NARROW)
    screen.may_fail = True

    look(screen, "/", status=status)

    assert screen.page.get_by_role("navigation", name="Menu").is_visible()


def test_what_is_not_there_or_not_for_everybody(window, full):
    auditor = add_staff(full.site.app, "al@example.com", Role.AUDIT)
    screen = window(full.site, token=begin_session(full.site.app, auditor), width=NARROW)

    look(screen, "/team", status=403)
    look(screen, "/nothing/here", status=404)
    look(screen, "/sign-out", status=405)


# ------------------------------------------------------------------------ the patient's page


@pytest.mark.parametrize(
    ("name", "language", "direction"),
    [
        ("active", "en", "ltr"),
        ("welsh", "en", "ltr"),
        ("arabic", "ar", "rtl"),
        ("ended", "en", "ltr"),
        ("stopped", "en", "ltr"),
    ],
)
def test_the_patients_own_page(window, full, name, language, direction):
    path = f"/p/{replace_page_token(full.site.app, full.clinic.enrolments[name], actor='cli:test')}"
    screen = window(full.site, signed_in=False, rules=rules_for_patients, width=NARROW)

    look(screen, path, status=200)

    page = screen.page.locator("html")
    assert page.get_attribute("lang") == language
    assert page.evaluate("page => getComputedStyle(page).direction") == direction


# -------------------------------------------------------------------------------- sending


def test_every_form_sent_empty(window, full):
    """What needs an answer says so and names itself in error; all else is done, and says so."""
    token = begin_session(full.site.app, full.clinic.staff_id)
    screen = window(full.site, token=token, width=NARROW)
    posted = [page.path for page in INSIDE if page.method == "POST"]
    routes = [path for path in posted if path not in {*LAST, A_FILE, *PREVIEWS}]
    screen.go("/")
    refused = set()
    for route in routes:
        send(screen, full.clinic.addresses(route)[0])
        assert screen.status in {200, 409, 422}, f"{route}: {screen.status}"
        refused |= {route} if screen.page.title().startswith("Error: ") else set()
    screen.check()

    assert refused == NEED_AN_ANSWER
    send(screen, "/sign-out")
    assert screen.heading == "Sign in"
