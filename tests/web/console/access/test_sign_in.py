"""Signing in: passwords, limits, one-time codes, sessions that end, links that work once."""

from __future__ import annotations

from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import select

from followup.domain.errors import Conflict, InvalidInput
from followup.domain.roles import Role
from followup.staff.invitations import first_link, invite_member, reset_link
from followup.staff.members import (
    MemberDetails,
    add_member,
    change_access,
    disable_member,
    reset_second_factor,
)
from followup.staff.passwords import problems_of
from followup.staff.sign_in_throttle import PER_ACCOUNT, PER_ADDRESS
from followup.store.models.audit import AuditEvent
from followup.store.models.staff import Staff, StaffSession
from followup.web.app import create_app
from tests.support.apps import clock_of
from tests.web.conftest import settings_for
from tests.web.console.conftest import make_asgi
from tests.web.console.visitors import Visitor, join

PASSWORD = "walnut ladder frost"
EMAIL = "nurse@example.com"
WRONG = "The e-mail address or the password is wrong"


def add(app, email=EMAIL, roles=(Role.ENROL,)):
    who = MemberDetails(email=email, name="Nia Nurse", roles=roles, clinics=None)
    return add_member(app, who, password=PASSWORD, actor="cli:test")


def try_in(visitor, email=EMAIL, password=PASSWORD, **options):
    return visitor.post("/sign-in", {"email": email, "password": password, "next": ""}, **options)


def actions(app):
    with app.store.read() as session:
        return [
            (e.action, e.actor) for e in session.scalars(select(AuditEvent).order_by(AuditEvent.id))
        ]


def code_now(app, key):
    return pyotp.TOTP(key).at(clock_of(app).real_now())


def set_up(visitor, app, path="/sign-in/set-up"):
    """Set a second factor up as somebody with an app does, and return its key."""
    key = visitor.get(path).page.one("code").text.replace(" ", "")
    visitor.post(path, {"code": code_now(app, key)})
    return key


# ------------------------------------------------------------------------------ password


def test_a_password_opens_the_console_and_the_trail_says_so(sqlite_app, nobody):
    add(sqlite_app)

    home = try_in(nobody)

    assert home.path == "/"
    assert ("staff.signed-in", f"web:{EMAIL}") in actions(sqlite_app)


def test_after_signing_in_one_is_where_one_wanted_to_go(sqlite_app, nobody):
    add(sqlite_app)
    asked = nobody.get("/account")

    page = nobody.post("/sign-in", {"email": EMAIL, "password": PASSWORD, **wanted(asked)})

    assert page.path == "/account"


def wanted(seen):
    return {"next": seen.values("/sign-in")["next"]}


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example.com", "//evil.example.com", "/\\evil.example.com", "javascript:1"],
)
def test_nobody_is_sent_to_another_site(sqlite_app, nobody, elsewhere):
    add(sqlite_app)

    page = nobody.post("/sign-in", {"email": EMAIL, "password": PASSWORD, "next": elsewhere})

    assert page.path == "/"


@pytest.mark.parametrize(
    ("email", "password"),
    [(EMAIL, "walnut ladder frosts"), ("else@example.com", PASSWORD), (EMAIL, "x" * 5000)],
    ids=["wrong password", "unknown address", "endless password"],
)
def test_what_is_wrong_is_not_told(sqlite_app, nobody, email, password):
    add(sqlite_app)

    page = try_in(nobody, email, password, status=422)

    assert page.errors == [WRONG]
    assert password not in page.html


def test_the_case_of_an_address_makes_no_difference(sqlite_app, nobody):
    add(sqlite_app)

    assert try_in(nobody, " Nurse@Example.com ").path == "/"


def test_somebody_switched_off_neither_signs_in_nor_stays(sqlite_app, asgi, nobody):
    staff_id = add(sqlite_app)
    try_in(nobody)

    disable_member(sqlite_app, staff_id, actor="web:boss")

    assert nobody.get("/").path == "/sign-in"
    assert try_in(Visitor(asgi), status=422).errors == [WRONG]


def test_too_many_wrong_passwords_keep_everybody_out_for_a_while(sqlite_app, asgi, nobody):
    add(sqlite_app)
    for _ in range(PER_ACCOUNT):
        try_in(nobody, password="not this one at all", status=422)

    assert "too many tries" in try_in(nobody, status=422).errors[0]
    clock_of(sqlite_app).advance(timedelta(minutes=15, seconds=1))
    assert try_in(nobody).path == "/"


def test_the_limit_tells_nothing_of_whether_an_account_is_there(nobody):
    for _ in range(PER_ACCOUNT):
        try_in(nobody, "ghost@example.com", status=422)

    assert "too many tries" in try_in(nobody, "ghost@example.com", status=422).errors[0]


def test_one_address_may_not_try_account_after_account(sqlite_app, nobody, monkeypatch):
    monkeypatch.setattr("followup.staff.sign_in.is_password", lambda *_: False)
    for serial in range(PER_ADDRESS):
        try_in(nobody, f"ghost{serial}@example.com", status=422)

    assert "too many tries" in try_in(nobody, "another@example.com", status=422).errors[0]


def test_those_who_sign_in_well_are_not_counted(sqlite_app, asgi):
    add(sqlite_app)

    for _ in range(PER_ACCOUNT + 2):
        assert try_in(Visitor(asgi)).path == "/"


@pytest.mark.parametrize(
    "password",
    ["short", "password1234", "aaaaaaaaaaaaaa", "qwertyuiop12", "nurse nurse nurse", "x" * 129,
     "123456789012", "Hospital2026!"],
)  # fmt: skip
def test_a_password_that_is_easy_to_guess_is_refused(password):
    assert problems_of(password, email=EMAIL, name="Nia Nurse")


def test_three_words_make_a_password():
    assert problems_of(PASSWORD, email=EMAIL, name="Nia Nurse") == []


# ----------------------------------------------------------------------------- sessions


def test_the_cookie_is_out_of_reach_of_scripts_and_sent_to_no_other_site(sqlite_app, nobody):
    add(sqlite_app)

    answer = nobody.client.post(
        "/sign-in", data={"email": EMAIL, "password": PASSWORD}, follow_redirects=False
    )

    parts = answer.headers["set-cookie"].split("; ")
    assert parts[0].startswith("followup=")
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(parts)


def test_over_https_the_cookie_is_held_to_one_host(sqlite_app):
    add(sqlite_app)

    answer = Visitor(create_app(sqlite_app, settings_for())).client.post(
        "/sign-in", data={"email": EMAIL, "password": PASSWORD}, follow_redirects=False
    )

    parts = answer.headers["set-cookie"].split("; ")
    assert parts[0].startswith("__Host-followup=")
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure"} <= set(parts)
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


def test_only_a_hash_of_the_token_is_kept(sqlite_app, admin):
    token = admin.client.cookies["followup"]

    with sqlite_app.store.read() as session:
        kept = session.scalars(select(StaffSession.token_hash)).one()

    assert token.encode() not in kept


def test_a_session_ends_after_a_quarter_of_an_hour_without_a_request(sqlite_app, admin):
    clock_of(sqlite_app).advance(timedelta(minutes=14, seconds=59))
    assert admin.get("/").path == "/"
    clock_of(sqlite_app).advance(timedelta(minutes=14, seconds=59))
    assert admin.get("/").path == "/"

    clock_of(sqlite_app).advance(timedelta(minutes=15, seconds=1))

    assert admin.get("/").path == "/sign-in"


def test_a_session_ends_after_half_a_day_whatever_happens(sqlite_app, admin):
    for _ in range(12 * 6 - 1):
        clock_of(sqlite_app).advance(timedelta(minutes=10))
        assert admin.get("/").path == "/"

    clock_of(sqlite_app).advance(timedelta(minutes=10))

    assert admin.get("/").path == "/sign-in"


def test_the_page_asks_how_long_is_left_without_prolonging_it(sqlite_app, admin):
    clock_of(sqlite_app).advance(timedelta(minutes=14))

    assert admin.client.get("/session").json() == {"seconds_left": 60}
    clock_of(sqlite_app).advance(timedelta(minutes=2))
    assert admin.client.get("/session").json() == {"seconds_left": 0}


def test_whoever_says_that_they_are_there_stays(sqlite_app, admin):
    clock_of(sqlite_app).advance(timedelta(minutes=14))

    assert admin.client.post("/session").status_code == 204
    clock_of(sqlite_app).advance(timedelta(minutes=14))
    assert admin.get("/").path == "/"


def test_signing_out_ends_the_session_on_the_server_too(sqlite_app, admin):
    token = admin.client.cookies["followup"]

    assert "signed out" in admin.post("/sign-out").text
    admin.hold(token)

    assert admin.get("/").path == "/sign-in"


def test_signing_out_everywhere_ends_every_session(sqlite_app, asgi):
    add(sqlite_app)
    one, other = Visitor(asgi), Visitor(asgi)
    try_in(one)
    try_in(other)

    one.post("/sign-out", {"everywhere": "yes"})

    assert other.get("/").path == "/sign-in"


def test_a_made_up_token_opens_nothing(nobody):
    for token in ("x", "a" * 43, "=" * 43):
        nobody.hold(token)
        assert nobody.get("/account").heading == "Sign in"


def test_a_fragment_that_a_page_asks_for_leads_to_the_sign_in_page_too(nobody):
    answer = nobody.client.get("/account", headers={"HX-Request": "true"}, follow_redirects=False)

    assert answer.status_code == 204
    assert answer.headers["hx-redirect"] == "/sign-in?ended=1"


# ------------------------------------------------------------------------- second factor


@pytest.fixture
def strict(sqlite_app):
    """Somebody at a console where every role needs a second factor."""
    return Visitor(make_asgi(sqlite_app, second_factor="all"))


def test_who_needs_a_second_factor_sets_it_up_before_seeing_anything(sqlite_app, strict):
    add(sqlite_app)

    page = try_in(strict)

    assert page.path == "/sign-in/set-up"
    assert page.page.all("svg")
    assert strict.get("/account").path == "/sign-in/set-up"
    set_up(strict, sqlite_app)
    assert strict.get("/account").path == "/account"
    assert ("staff.code-set-up", f"web:{EMAIL}") in actions(sqlite_app)


def test_the_second_factor_is_asked_for_at_the_next_sign_in(sqlite_app, asgi, strict):
    add(sqlite_app)
    try_in(strict)
    key = set_up(strict, sqlite_app)
    strict.post("/sign-out")
    clock_of(sqlite_app).advance(timedelta(minutes=1))

    assert try_in(strict).path.startswith("/sign-in/code")
    assert strict.get("/account").path.startswith("/sign-in/code")
    assert strict.post("/sign-in/code", {"code": "000000"}, status=422).errors
    assert strict.post("/sign-in/code", {"code": code_now(sqlite_app, key)}).path == "/"


def test_a_code_counts_once(sqlite_app, asgi, strict):
    add(sqlite_app)
    try_in(strict)
    key = set_up(strict, sqlite_app)
    strict.post("/sign-out")
    try_in(strict)

    used = strict.post("/sign-in/code", {"code": code_now(sqlite_app, key)}, status=422)

    assert "used before" in used.errors[0]


def test_the_token_changes_with_each_step(sqlite_app, strict):
    add(sqlite_app)
    try_in(strict)
    before = strict.client.cookies["followup"]

    set_up(strict, sqlite_app)

    assert strict.client.cookies["followup"] != before
    strict.hold(before)
    assert strict.get("/").heading == "Sign in"


def test_codes_can_not_be_tried_through(sqlite_app, strict):
    add(sqlite_app)
    try_in(strict)
    key = set_up(strict, sqlite_app)
    strict.post("/sign-out")
    clock_of(sqlite_app).advance(timedelta(minutes=1))
    try_in(strict)
    for guess in range(PER_ACCOUNT):
        strict.post("/sign-in/code", {"code": f"{guess:06d}"}, status=422)

    page = strict.post("/sign-in/code", {"code": code_now(sqlite_app, key)}, status=422)

    assert "too many wrong codes" in page.errors[0]


def test_a_wrong_first_code_sets_nothing_up(sqlite_app, strict):
    add(sqlite_app)
    try_in(strict)

    page = strict.post("/sign-in/set-up", {"code": "000000"}, status=422)

    assert page.errors == ["this is not the code that the app shows now: look again"]
    with sqlite_app.store.read() as session:
        assert session.scalars(select(Staff.code_key_sealed)).one() is None


def test_whose_phone_is_lost_sets_up_another(sqlite_app, strict):
    staff_id = add(sqlite_app)
    try_in(strict)
    set_up(strict, sqlite_app)
    strict.post("/sign-out")

    reset_second_factor(sqlite_app, staff_id, actor="web:boss")

    assert try_in(strict).path == "/sign-in/set-up"


def test_anybody_may_have_a_second_factor(sqlite_app, admin):
    set_up(admin, sqlite_app, "/account/code")

    assert "An authenticator app" in admin.get("/account").text


# --------------------------------------------------------------------------------- links


def test_the_first_link_makes_an_account_that_may_do_everything(sqlite_app, nobody):
    token = first_link(sqlite_app, actor="cli:test")

    page = nobody.post(
        f"/join/{token}",
        {"email": EMAIL, "name": "Nia Nurse", "password": PASSWORD, "again": PASSWORD},
    )

    assert page.path == "/"
    assert "Manage content and team" in nobody.get("/account").text


def test_a_link_works_once(sqlite_app, asgi, nobody):
    token = first_link(sqlite_app, actor="cli:test")
    told = {"email": EMAIL, "name": "Nia Nurse", "password": PASSWORD, "again": PASSWORD}
    nobody.post(f"/join/{token}", told)

    Visitor(asgi).get(f"/join/{token}", status=404)
    assert first_link(sqlite_app, actor="cli:test") is None


def test_only_the_last_first_link_counts(sqlite_app, nobody):
    old = first_link(sqlite_app, actor="cli:test")
    new = first_link(sqlite_app, actor="cli:test")

    nobody.get(f"/join/{old}", status=404)
    assert nobody.get(f"/join/{new}").heading == "Make the first account"


def test_a_first_link_is_worth_nothing_once_there_is_an_account(sqlite_app, nobody):
    token = first_link(sqlite_app, actor="cli:test")
    add(sqlite_app)

    told = {"email": "x@example.com", "name": "X", "password": PASSWORD, "again": PASSWORD}
    nobody.post(f"/join/{token}", told, status=404)


def test_an_invitation_makes_an_account_of_its_own_address_and_roles_alone(sqlite_app, nobody):
    token = invite_member(sqlite_app, EMAIL, roles=[Role.AUDIT], clinics=None, actor="web:boss")

    nobody.post(
        f"/join/{token}",
        {"email": "other@example.com", "name": "Al", "password": PASSWORD, "again": PASSWORD},
    )

    with sqlite_app.store.read() as session:
        staff = session.scalars(select(Staff)).one()
    assert (staff.email, staff.roles) == (EMAIL, ["audit"])


def test_an_invitation_runs_out_after_a_week(sqlite_app, nobody):
    token = invite_member(sqlite_app, EMAIL, roles=[Role.AUDIT], clinics=None, actor="web:boss")

    clock_of(sqlite_app).advance(timedelta(days=7, seconds=1))

    assert nobody.get(f"/join/{token}", status=404).heading == "Page not found"


def test_passwords_that_differ_or_are_weak_are_said_so(sqlite_app, nobody):
    token = first_link(sqlite_app, actor="cli:test")
    told = {"email": EMAIL, "name": "Nia"}

    differ = nobody.post(f"/join/{token}", {**told, "password": PASSWORD, "again": "x"}, status=422)
    weak = nobody.post(f"/join/{token}", {**told, "password": "x", "again": "x"}, status=422)

    assert differ.errors == ["This differs from the password above: type it again"]
    assert weak.errors[0].startswith("use at least 12 characters")


def test_a_new_password_ends_the_old_one_and_every_session(sqlite_app, asgi, nobody):
    staff_id = add(sqlite_app)
    try_in(nobody)
    token = reset_link(sqlite_app, staff_id, actor="web:boss")

    other = Visitor(asgi)
    other.post(f"/join/{token}", {"password": "copper tulip storm", "again": "copper tulip storm"})

    assert nobody.get("/").path == "/sign-in"
    assert try_in(nobody, status=422).errors == [WRONG]
    assert try_in(nobody, password="copper tulip storm").path == "/"


# ------------------------------------------------------------------------------ accounts


def test_an_address_has_one_account(sqlite_app):
    add(sqlite_app)

    with pytest.raises(Conflict, match="has an account"):
        add(sqlite_app, "NURSE@example.com")


def test_everything_wrong_with_an_account_is_said_at_once(sqlite_app):
    who = MemberDetails(email="x", name=" ", roles=(), clinics=("nowhere",))

    with pytest.raises(InvalidInput) as refused:
        add_member(sqlite_app, who, password=PASSWORD, actor="cli:test")

    fields = [problem.field for problem in refused.value.problems]
    assert fields == ["email", "name", "roles", "clinics"]


def test_two_managers_are_left_at_least(sqlite_app):
    ids = [add(sqlite_app, f"m{n}@example.com", (Role.MANAGE,)) for n in range(3)]
    disable_member(sqlite_app, ids[0], actor="web:boss")

    with pytest.raises(Conflict, match="at least 2"):
        disable_member(sqlite_app, ids[1], actor="web:boss")
    with pytest.raises(Conflict, match="at least 2"):
        change_access(sqlite_app, ids[1], roles=[Role.ENROL], clinics=None, actor="web:boss")


def test_the_account_page_says_where_one_is_signed_in(sqlite_app, asgi):
    visitor = join(sqlite_app, asgi, Role.ENROL, name="Nia Nurse")

    text = visitor.get("/account").text

    assert "Nia Nurse" in text
    assert "Chrome on Linux (this one)" in text
