"""Every page of the console on PostgreSQL: opened with data in it, and each action done once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from uuid import UUID

import pyotp
import pytest

from followup.domain.roles import Role
from followup.staff.members import MemberDetails, add_member
from followup.web.console.framework.app import all_pages
from tests.support.apps import clock_of, make_app
from tests.support.full_clinic import ANSWERS, FullClinic, begin_session, code_of_last_text, fill
from tests.support.signing import ANN
from tests.web.console.conftest import make_asgi
from tests.web.console.visitors import Visitor

PASSWORD = "walnut ladder frost"
NUMBER = {"mobile": "07700 900222", "mobile_again": "07700 900222"}
MOVED = {"on": "20", "on-month": "10", "on-year": "2026", "at": "2:30pm", "confirmed": "yes"}
ANSWERED = {"attribute-diabetic": "yes", "attribute-steroid_given": "yes"}
MERGED = {"reason": "Asked him", "nhs_number": "survivor", "date_of_birth": "survivor"}
INSIDE = [page for page in all_pages() if isinstance(page.may, tuple)]
GETS = [page.path for page in INSIDE if page.method == "GET"]

LATER = {"phrase": "phrase-will-ring", "ring_on": "2026-10-20", "ring_at": "3:30pm"}
HOOK = {
    "name": "another-engine", "url": "https://engine.example.com/", "clinic": "all",
    "events": ["message"], "content": "ids",
}  # fmt: skip
SECRET = "four words are enough"
PUBLIC_KEY = ANN.public.line
ACTIONS: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("/attention/{item}/take", {}),
    ("/attention/{item}/reveal", {}),
    ("/attention/{item}/text", {"phrase": "phrase-please-ring"}),
    ("/attention/{item}/call", {"outcome": "no-answer", "done": "no", "note": "Rang twice."}),
    ("/attention/{item}/done", {"outcome": "told", "note": "By her daughter."}),
    ("/attention/{item}/contacts/{draft}/again", {}),
    ("/attention/{item}/contacts/{draft}", {"code": "of the text"}),
    ("/attention/{item}/mail", {}),
    ("/attention/returned/{mail}/dismiss", {}),
    ("/attention/enrolments/{draft}/complete", {}),
    ("/attention/enrolments/{draft}/dismiss", {}),
    ("/attention/{item}/contacts", NUMBER),
    ("/enrol", {"nhs_number": ANSWERS["nhs_number"]}),
    ("/enrol/quick", ANSWERS),
    ("/enrol/{draft}/{step}", {"nhs_number": ANSWERS["nhs_number"]}),
    ("/enrol/{draft}/code/again", {}),
    ("/enrol/{draft}/code", {"code": "of the text"}),
    ("/enrol/{draft}/check", {}),
    ("/enrolments/{enrolment}/page/new", {}),
    ("/enrolments/{enrolment}/page/off", {}),
    ("/enrolments/{enrolment}/time", MOVED),
    ("/enrolments/{enrolment}/answers", ANSWERED),
    ("/enrolments/{enrolment}/text", LATER),
    ("/enrolments/{enrolment}/pause", {}),
    ("/enrolments/{enrolment}/resume", {}),
    ("/enrolments/{enrolment}/end", {"why": "clinic"}),
    ("/messages/{message}/again", {"by": "sms"}),
    ("/patients", {"wanted": "Patient-00001"}),
    ("/patients/{patient}/reveal", {}),
    ("/patients/{patient}/contacts", {"email": "another@example.com"}),
    ("/patients/{patient}/contacts/{draft}/again", {}),
    ("/patients/{patient}/contacts/{draft}", {"code": "of the text"}),
    ("/patients/{patient}/needs", {"needs": ["large-print"], "language": "ar"}),
    ("/patients/{patient}/erase", {"ground": "asked"}),
    ("/patients/{patient}/call", {"outcome": "spoke", "note": "All is well."}),
    ("/patients/{patient}/stop", {"channel": "sms", "confirmed": "yes"}),
    ("/patients/{patient}/start", {}),
    ("/patients/{patient}/merge", {"wanted": "Patient-00009"}),
    ("/patients/{patient}/merge/{other}", MERGED),
    ("/patients/{patient}/merges/{merge}/undo", {}),
    ("/content/sign/{clinic}/{protocol}/discard", {}),
    ("/account/signing-key/browser", {"public_key": PUBLIC_KEY}),
    ("/content/releases/{release}/send-back", {"remark": "Say how long it may hurt."}),
    ("/content/releases/{release}/withdraw", {"why": "It names the wrong number."}),
    ("/account/sound", {"sound": "yes"}),
    ("/account/signing-key", {"passphrase": SECRET, "again": SECRET}),
    ("/system/stop", {"what": "all", "reason": "A drill"}),
    ("/system/switches/{switch}/lift", {}),
    ("/system/api-keys", {"name": "lists", "clinic": "all", "scopes": ["enrolments"]}),
    ("/system/api-keys/{key}/revoke", {}),
    ("/system/webhooks", HOOK),
    ("/system/webhooks/{webhook}/pause", {}),
    ("/system/webhooks/{webhook}/resume", {}),
    ("/system/webhooks/{webhook}/replay", {"number": "1"}),
    ("/team/invite", {"email": "joan@example.com", "roles": ["audit"], "where": "all"}),
    ("/team/invitations/{invitation}/withdraw", {}),
    ("/team/{member}/access", {"roles": ["manage", "audit"], "where": "all"}),
    ("/team/{member}/password-link", {}),
    ("/team/{member}/forget-code", {}),
    ("/team/{member}/sign-out", {}),
    ("/team/{member}/disable", {}),
    ("/team/{member}/enable", {}),
    ("/session", {}),
    ("/sign-out", {}),
)
"""What each form is sent with so that it is done, in an order in which all of it can be."""
SHOWN_AT_ONCE = {
    "/attention/{item}/reveal",
    "/patients/{patient}/reveal",
    "/patients/{patient}/merge",
    "/audit/patients/{patient}/seals",
    "/system/api-keys",
    "/system/webhooks",
    "/team/invite",
    "/team/{member}/password-link",
}
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
WITH_A_CODE = "/account/code"
"""Needs an answer that is worked out."""
NAMES_A_MESSAGE = "/attention/returned/{mail}/confirm"
"""Needs to be told which of the patient's e-mails came back: done in test_returned_mails.py."""

ELSEWHERE = {
    "/attention/{item}/hand-over",
    "/attention/{item}/same",
    "/attention/{item}/two",
    "/attention/{item}/undo",
    "/enrol/list",
    "/enrol/list/{list}/columns",
    "/enrol/list/{list}/enrol",
    "/enrol/list/{list}/remove",
    "/enrol/list/{list}/updates",
    "/feeds/{message}/replay",
    "/erasures/{request}",
    "/audit/patients/{patient}/data",
    "/audit/patients/{patient}/restrict",
    "/retention/{review}/acknowledge",
    "/retention/{review}/confirm",
    "/retention/{review}/decide",
    "/retention/{review}/export",
    "/retention/{review}/take-back",
    "/content/releases/{release}/approve",
    "/content/releases/{release}/go-live",
    "/content/releases/{release}/call-off",
    "/content/releases/{release}/go-back",
    "/content/edit/{clinic}/{protocol}/{template}/{language}",
    "/content/edit/{clinic}/{protocol}/{template}/{language}/preview",
    "/content/edit-page/{clinic}/{protocol}/{language}",
    "/content/edit-page/{clinic}/{protocol}/{language}/preview",
    "/content/sign/{clinic}/{protocol}",
    "/protocols/{protocol}/draft",
}
"""Need a file, or a state of their own: done in tests of what they are about."""


@pytest.fixture
def full(postgres_app_with_sandbox) -> FullClinic:
    return fill(postgres_app_with_sandbox)


@pytest.fixture
def postgres_app_with_sandbox(migrated_postgres_url):
    with closing(make_app(migrated_postgres_url, sandbox=True)) as made:
        yield made


@pytest.fixture
def sam(full) -> Visitor:
    """Somebody who may do everything."""
    visitor = Visitor(make_asgi(full.app))
    visitor.hold(full.token)
    return visitor


def test_every_page_opens_with_data(full, sam):
    for route in GETS:
        address = full.addresses(route)[0]
        assert sam.client.get(address).status_code == 200, address


def test_every_action_is_done(full, sam):
    routes = {page.path for page in INSIDE if page.method == "POST"}
    assert routes == {*dict(ACTIONS), WITH_A_CODE, NAMES_A_MESSAGE, *ELSEWHERE}

    key = sam.get(WITH_A_CODE).page.one("code").text.replace(" ", "")
    code = pyotp.TOTP(key).at(clock_of(full.app).real_now())
    sam.post(WITH_A_CODE, {"code": code})
    sam.hold(begin_session(full.app, full.staff_id))
    for route, data in ACTIONS:
        address = full.addresses(route)[0]
        told = {**data, "code": _code(full, address)} if "code" in data else data
        answer = sam.client.post(address, data=told, follow_redirects=False)
        wanted = 200 if route in SHOWN_AT_ONCE else 204 if route == "/session" else 303
        assert answer.status_code == wanted, f"{address}: {answer.text[-4000:]}"


def _code(full: FullClinic, address: str) -> str:
    return code_of_last_text(full.app, UUID(ID.findall(address)[-1]))


def test_signing_in_and_joining(full):
    who = MemberDetails(email="al@example.com", name="Al", roles=(Role.AUDIT,), clinics=None)
    add_member(full.app, who, password=PASSWORD, actor="cli:test")
    guest = Visitor(make_asgi(full.app, second_factor="all"))

    page = guest.post("/sign-in", {"email": who.email, "password": PASSWORD, "next": ""})
    key = page.page.one("code").text.replace(" ", "")
    now: datetime = clock_of(full.app).real_now()
    assert guest.post("/sign-in/set-up", {"code": pyotp.TOTP(key).at(now)}).heading == "Home"

    (join, *_) = full.addresses("/join/{token}")
    told = {"name": "Joan", "password": PASSWORD, "again": PASSWORD}
    joined = Visitor(make_asgi(full.app)).post(join, told)
    assert joined.heading == "Home"
