"""The link in every e-mail: opening it changes nothing, one click stops e-mails, for good."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html.parser import HTMLParser
from urllib.parse import quote, urlsplit
from uuid import UUID

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from followup.consent.objections import lodge_objection
from followup.context import AppContext
from followup.signed_links import SignedLinks
from followup.store.models.audit import AuditEvent
from followup.store.models.patients import Objection, Patient
from tests.support.apps import clock_of, email_of, enrol_one, messages, rows, run_jobs, sms_of
from tests.support.people import EMAIL, SMS
from tests.web.conftest import served

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
FORM = "application/x-www-form-urlencoded"


def link_in_mail(app: AppContext) -> str:
    """Enrol somebody who is reached by e-mail alone, and return the path of their link."""
    enrol_one(app, channels=(EMAIL,))
    run_jobs(app)
    sent = email_of(app).calls[-1]
    assert sent.unsubscribe_url is not None
    assert sent.unsubscribe_url in sent.text
    return urlsplit(sent.unsubscribe_url).path


def in_force(app: AppContext) -> list[Objection]:
    return [one for one in rows(app, Objection) if one.lifted_at is None]


class Page(HTMLParser):
    """What a page holds, as far as a reader and a screen reader care."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = html.unescape(
            re.sub(r"<style>.*?</style>|<[^>]+>", " ", answer.text, flags=re.DOTALL)
        )
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


# ------------------------------------------------------------------------------ opening


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_opening_the_link_changes_nothing_however_often(app, client, method):
    path = link_in_mail(app)

    answers = [client.request(method, path) for _ in range(3)]

    assert {answer.status_code for answer in answers} == {200}
    assert rows(app, Objection) == []


def test_the_page_has_one_button_that_posts_to_itself(app, client):
    answer = client.get(link_in_mail(app))

    page = Page(answer)
    assert answer.status_code == 200
    assert page.all("form") == [{"method": "post"}]
    assert page.all("button") == [{"type": "submit"}]
    assert "This page changes nothing by itself" in page.words


def test_no_name_nor_address_stands_on_the_page(app, client):
    enrol_one(app, channels=(EMAIL,))
    run_jobs(app)
    path = urlsplit(str(email_of(app).calls[-1].unsubscribe_url)).path

    for answer in (client.get(path), client.post(path, data=ONE_CLICK), client.get(path)):
        for private in ("Test", "Patient-", "patient1", "example.com", "447700900001", "999000"):
            assert private not in answer.text
        assert "Derriford Pain Clinic" in answer.text


# ------------------------------------------------------------------------------ stopping


def test_the_button_stops_e_mails_and_shows_that_it_did(app, client):
    path = link_in_mail(app)

    pressed = client.post(path, content=b"", headers={"Content-Type": FORM})
    shown = client.get(path)

    [objection] = in_force(app)
    assert (pressed.status_code, pressed.headers["location"]) == (303, path)
    assert (objection.channel, objection.source, objection.lodged_by) == (
        "email",
        "link",
        "patient",
    )
    assert "You will get no more emails" in shown.text
    assert Page(shown).all("form") == []


@pytest.mark.parametrize("multipart", [False, True], ids=["urlencoded", "multipart"])
def test_one_click_of_a_mail_program_stops_e_mails_without_a_redirect(app, client, multipart):
    path = link_in_mail(app)

    if multipart:
        answer = client.post(path, files={"List-Unsubscribe": (None, "One-Click")})
    else:
        answer = client.post(path, data=ONE_CLICK)

    assert answer.status_code == 200
    assert [one.channel for one in in_force(app)] == ["email"]


def test_clicking_again_and_at_once_is_one_objection(app, client):
    path = link_in_mail(app)

    with ThreadPoolExecutor(8) as executor:
        answers = list(executor.map(lambda _: client.post(path, data=ONE_CLICK), range(8)))

    assert {answer.status_code for answer in answers} == {200}
    assert len(rows(app, Objection)) == 1
    lodged = [one for one in rows(app, AuditEvent) if one.action == "objection.lodged"]
    assert len(lodged) == 1


def test_after_the_click_no_e_mail_goes_and_texts_still_do(app, client):
    enrol_one(app, channels=(EMAIL, SMS))
    link = app.links.stop_url(rows(app, Patient)[0].id)
    client.post(urlsplit(link).path, data=ONE_CLICK)

    clock_of(app).advance(timedelta(days=2))
    run_jobs(app)

    assert email_of(app).calls == []
    assert len(sms_of(app).calls) > 0
    assert "sent" in {one.state for one in messages(app)}


def test_an_objection_to_everything_counts_as_stopped(app, client):
    path = link_in_mail(app)
    with app.store.write() as session:
        [patient] = session.query(Patient).all()
        lodge_objection(session, app.by("patient"), patient=patient, channel=None, source="sms")

    assert "You will get no more emails" in client.get(path).text
    client.post(path, data=ONE_CLICK)
    assert [one.channel for one in in_force(app)] == [None]


def test_a_link_works_for_as_long_as_the_mail_is_kept(app, client):
    path = link_in_mail(app)
    clock_of(app).advance(timedelta(days=3650))

    assert client.post(path, data=ONE_CLICK).status_code == 200


# --------------------------------------------------------------------------- wrong links


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_link_that_we_never_made_is_a_page_that_says_what_to_do(app, client, method):
    right = link_in_mail(app)
    other_key = urlsplit(
        SignedLinks("https://x.example.com", b"k" * 32).stop_url(rows(app, Patient)[0].id)
    )
    unknown = urlsplit(app.links.stop_url(UUID(int=7)))

    for path in (right[:-1], right[:-1] + "~", f"{right}x", "/u/x", "/u/é", other_key.path,
                 unknown.path):  # fmt: skip
        answer = client.request(method, path, data=ONE_CLICK if method == "POST" else None)

        assert answer.status_code == 404, path
        assert "This link does not work" in answer.text
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert rows(app, Objection) == []


@settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(token=st.text(st.characters(codec="utf-8", exclude_characters="/?#."), min_size=1))
def test_no_made_up_token_is_a_server_error(sqlite_client, token):
    # An address with NUL in it is no address: it is refused before anything is looked for.
    expected = 400 if "\0" in token else 404
    assert sqlite_client.get("/u/" + quote(token, safe="")).status_code == expected


def test_while_the_database_is_away_the_page_says_so(postgres_outage):
    app, server, client = postgres_outage
    path = link_in_mail(app)
    server.stop()

    for answer in (client.get(path), client.post(path, data=ONE_CLICK)):
        assert answer.status_code == 503
        assert "Nothing was changed" in answer.text
        assert Page(answer).all("h1")


# -------------------------------------------------------------------------------- pages


def test_every_page_can_be_read_by_anybody(sqlite_app):
    with served(sqlite_app) as client:
        path = link_in_mail(sqlite_app)
        asked = client.get(path)
        answers = [asked, client.post(path, data=ONE_CLICK), client.get(path), client.get("/u/x")]

    for answer in answers:
        page = Page(answer)
        title = re.search("<title>(.*)</title>", answer.text)
        heading = re.search("<h1>(.*)</h1>", answer.text)
        assert title is not None
        assert heading is not None
        assert title[1] == heading[1] != ""
        assert page.all("html") == [{"lang": "en"}]
        assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all(
            "meta"
        )
        assert len(page.all("main")) == len(page.all("h1")) == 1
        assert page.all("script") == page.all("img") == page.all("link") == []
        assert not any("style" in attributes for _, attributes in page.tags)


def test_the_policy_of_a_page_allows_its_own_styles_and_nothing_else(sqlite_client):
    answer = sqlite_client.get("/u/x")

    [styles] = re.findall("<style>(.*?)</style>", answer.text, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(styles.encode()).digest()).decode()
    assert answer.headers["content-security-policy"] == (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
