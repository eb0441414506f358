"""Attacks on the web process: floods, forged headers, half-sent and oversized requests."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from followup.domain.errors import InvalidInput
from followup.domain.roles import Role
from followup.staff.api_keys import add_api_key
from followup.staff.sign_in_throttle import (
    FROM_EVERYWHERE,
    PER_ACCOUNT,
    THROTTLE_WINDOW,
    begin_attempt,
    record_success,
)
from followup.store.models.audit import AuditEvent
from followup.web.caller import WRONG_KEYS
from followup.web.console.framework import costly, forms
from followup.web.console.framework.app import all_pages
from followup.web.console.framework.dates import real_day
from followup.web.console.framework.forms import MOST_FIELDS, Form, SentFile
from followup.web.gate import Gate
from tests.support.apps import clock_of, rows
from tests.web.conftest import served
from tests.web.console.conftest import make_asgi
from tests.web.console.visitors import SAME_ORIGIN, Visitor, join

HOME, ELSEWHERE = "192.0.2.1", "203.0.113.9"
FORM = "application/x-www-form-urlencoded"


def test_a_form_of_very_many_parts_is_given_up_early(monkeypatch):
    part = b'--B\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n\r\n'
    read = 0

    def counted(*given, **named):
        nonlocal read
        read += 1
        return SentFile(*given, **named)

    monkeypatch.setattr(forms, "SentFile", counted)
    with pytest.raises(InvalidInput, match="open the page again"):
        Form.parse_multipart(part * 20_000 + b"--B--\r\n", "multipart/form-data; boundary=B")

    assert read <= MOST_FIELDS


def attempt(app, address):
    return begin_attempt(app, account="nurse@example.com", address=address)


def test_whoever_guesses_from_elsewhere_locks_nobody_out_where_they_always_are(sqlite_app):
    at_home = attempt(sqlite_app, HOME)
    with sqlite_app.store.write() as session:
        record_success(session, at_home)
    for serial in range(FROM_EVERYWHERE + 1):
        attempt(sqlite_app, f"203.0.113.{serial}")

    assert not attempt(sqlite_app, "198.51.100.1").allowed, "guesses add up wherever they are from"
    assert attempt(sqlite_app, HOME).allowed
    assert [attempt(sqlite_app, HOME).allowed for _ in range(PER_ACCOUNT)][-1] is False
    clock_of(sqlite_app).advance(THROTTLE_WINDOW + timedelta(seconds=1))
    assert attempt(sqlite_app, "198.51.100.1").allowed


def test_a_flood_of_sign_ins_is_turned_away_at_once_and_pages_go_on(sqlite_app):
    visitor = Visitor(make_asgi(sqlite_app))
    places = costly.AT_ONCE + costly.WAITING
    assert all(costly._places.acquire(blocking=False) for _ in range(places))
    try:
        page = visitor.post("/sign-in", {"email": "a@example.com", "password": "x"}, status=503)
        assert page.heading == "Too many people are signing in at this moment"
        assert visitor.get("/sign-in").heading == "Sign in"
    finally:
        for _ in range(places):
            costly._places.release()
    assert {page.path for page in all_pages() if page.costly} == {
        "/sign-in", "/join/{token}", "/account/signing-key",
        "/content/sign/{clinic}/{protocol}", "/content/releases/{release}/approve",
    }  # fmt: skip


def test_a_second_factor_is_replaced_by_its_owner_alone(sqlite_app):
    import pyotp  # noqa: PLC0415 - for this test alone

    def code(key):
        return pyotp.TOTP(key).at(clock_of(sqlite_app).real_now())

    def offered(visitor):
        return visitor.get("/account/code").page.one("code").text.replace(" ", "")

    visitor = join(sqlite_app, make_asgi(sqlite_app), Role.ENROL)
    first = offered(visitor)
    visitor.post("/account/code", {"code": code(first)})

    second = offered(visitor)
    for current in ("", "000000", code(second)):
        sent = {"code": code(second), "current": current}
        visitor.post("/account/code", sent, status=422)
    clock_of(sqlite_app).advance(timedelta(minutes=1))
    sent = {"code": code(second), "current": code(first)}
    assert visitor.post("/account/code", sent).path == "/account"


def test_requests_that_no_route_should_see_are_answered_and_blamed_on_nobody(sqlite_app, capfd):
    with served(sqlite_app, public_url="https://followup.example.com") as client:
        evil = client.get("/team/", headers={"Host": "evil.example"})
        ours = [
            client.get("/sign-in", headers={"Host": host}).status_code
            for host in ("followup.example.com", "web:8000", "10.0.0.5", "[::1]:8000")
        ]
        slash = client.get("/team/")
        nul = [client.get(path) for path in ("/sign-in?next=%00", "/p/%00", "/%2500/%00")]
        form = client.post("/sign-in", data={"email": "a\0", "password": "b"}, headers=SAME_ORIGIN)
        long = [
            client.post(path, content=b"x" * 70_000, headers={"Content-Type": FORM, **more})
            for path in ("/api/v1/enrolments", "/hooks/twilio/status", "/sign-in", "/p/x")
            for more in ({}, {"Accept": "text/html"})
        ]

    assert (evil.status_code, "location" in evil.headers) == (421, False)
    assert ours == [200] * 4
    assert (slash.status_code, "location" in slash.headers) == (404, False)
    assert [answer.status_code for answer in nul] == [400] * 3
    assert form.status_code == 422
    assert [answer.status_code for answer in long] == [413] * 8
    assert {answer.headers["content-type"].split(";")[0] for answer in long} == {
        "application/json", "text/html",
    }  # fmt: skip
    assert all(answer.headers["x-content-type-options"] == "nosniff" for answer in (evil, *long))
    assert "web.failed" not in "".join(capfd.readouterr())


def test_a_link_that_a_member_opens_brings_no_words_into_a_files_name_or_the_trail(sqlite_app):
    visitor = join(sqlite_app, make_asgi(sqlite_app), *Role)
    words = "Jane\u20ac%22; filename=%22x.exe"
    for path in ("/attention/closed", "/messages", "/audit"):
        choice = "&".join(
            f"{name}={words}" for name in ("clinic", "step", "outcome", "who", "what")
        )
        file = visitor.client.get(f"{path}.csv?{choice}")
        assert (file.status_code, file.headers["cache-control"]) == (200, "no-store")
        assert re.fullmatch(
            r'attachment; filename="[a-z-]+-[0-9-]{10}\.csv"', file.headers["content-disposition"]
        )
    for year in ("9" * 400, "9" * 5000):
        page = visitor.get(f"/attention/closed?since=1&since-month=1&since-year={year}", status=422)
        assert page.errors == ["Enter a real date"]
    assert "Jane" not in str([event.detail for event in rows(sqlite_app, AuditEvent)])


def test_figures_are_for_the_house_or_for_whoever_has_the_token(sqlite_app):
    forwarded = {"X-Forwarded-For": ELSEWHERE}
    with served(sqlite_app) as client:
        assert client.get("/metrics").status_code == 200
        assert client.get("/metrics", headers=forwarded).status_code == 403
        assert client.get("/readyz", headers=forwarded).status_code == 403
        assert client.get("/healthz", headers=forwarded).status_code == 200
    token = "figures-are-not-for-everybody"
    with served(sqlite_app, metrics_token=token) as client:
        shown = {**forwarded, "Authorization": f"Bearer {token}"}
        assert client.get("/metrics", headers=shown).status_code == 200
        assert client.get("/metrics").status_code == 401


def test_wrong_keys_are_counted_and_a_right_one_is_never_refused_for_them(sqlite_app):
    secret = add_api_key(sqlite_app, "theatre", actor="cli:test")
    wrong = {"Authorization": f"Bearer fu_{'A' * 43}"}
    right = {"Authorization": f"Bearer {secret}"}
    with served(sqlite_app) as client:
        told = [client.get("/api/v1/balance", headers=wrong) for _ in range(WRONG_KEYS + 2)]
        assert [it.status_code for it in told] == [401] * WRONG_KEYS + [429] * 2
        assert told[-1].headers["retry-after"] == "600"
        elsewhere = {**wrong, "X-Forwarded-For": ELSEWHERE}
        assert client.get("/api/v1/balance", headers=elsewhere).status_code == 401
        assert client.get("/api/v1/balance", headers=right).status_code == 200
        fhir = client.get("/fhir/R4/Patient", headers=wrong)
        assert (fhir.status_code, fhir.json()["issue"][0]["code"]) == (429, "transient")
        clock_of(sqlite_app).advance(timedelta(minutes=11))
        assert client.get("/api/v1/balance", headers=wrong).status_code == 401


def test_a_half_sent_request_is_cut_off(sqlite_app, monkeypatch):
    monkeypatch.setattr("followup.web.impatient.HEADER_SECONDS", 0.05)
    with served(sqlite_app) as client:
        host, _, port = urlsplit(str(client.base_url)).netloc.partition(":")
        with socket.create_connection((host, int(port)), timeout=30) as half:
            half.sendall(b"GET /healthz HTTP/1.1\r\nHost: ")
            with contextlib.suppress(ConnectionResetError):
                assert half.recv(100) == b"", "closed without an answer"
        assert client.get("/healthz").status_code == 200


def test_a_body_that_never_ends_is_not_waited_for():
    sent = []

    async def app(_scope, receive, _send):
        while (await receive())["more_body"]:
            pass

    async def receive():
        if not sent:
            sent.append("part")
            return {"type": "http.request", "body": b"x", "more_body": True}
        return await asyncio.Future()

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/sign-in", "raw_path": b"/sign-in",
        "query_string": b"", "headers": [(b"host", b"localhost")], "client": (HOME, 1),
    }  # fmt: skip
    gate = Gate(app, public_url="http://localhost", part_seconds=0.01)
    # A thread of its own: after a test in a browser, a loop runs in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, gate(scope, receive, send)).result()

    assert sent[1]["status"] == 408
    assert "did not come in time" in json.loads(sent[2]["body"])["error"]


@pytest.mark.parametrize("year", ["07700900123", "9" * 5000, "0", "-1", "2201"])
def test_a_number_in_a_box_for_a_year_is_told_so_and_nothing_is_lost(year):
    with pytest.raises(ValueError, match=r"."):
        real_day(year, "1", "1")


def test_filters_by_date_say_what_is_wrong_with_a_year(sqlite_app):
    visitor = join(sqlite_app, make_asgi(sqlite_app))
    for path in ("/messages", "/audit"):
        for year in ("07700900123", "9999"):
            query = f"since=31&since-month=12&since-year={year}&until=31&until-month=12"
            answer = visitor.client.get(f"{path}?{query}&until-year={year}")
            assert "Enter a real date" in answer.text, path
    cursor = "20260101T000000000000_" + "9" * 40
    assert visitor.client.get(f"/audit?after={cursor}").status_code == 200
    answer = visitor.client.post(
        "/patients", data={"since": "1", "since-month": "1", "since-year": "07700900123"}
    )
    assert "Enter a real date" in answer.text
