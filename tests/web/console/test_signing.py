"""Two people sign in the console, by keys that are kept on the server under their passphrases."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from followup.catalogue.signers import file_name
from followup.context import AppContext
from followup.domain.roles import Role
from followup.releases.gate import gate_of
from followup.releases.kept_keys import make_kept_key
from followup.signatures.secret_key import Effort
from tests.support.apps import clock_of
from tests.support.people import CLINIC, PROTOCOL
from tests.support.signing import approved, live_app, live_folder
from tests.web.console.conftest import make_asgi
from tests.web.console.visitors import Visitor, join

SECRET = "four words are enough"
SIGN = f"/content/sign/{CLINIC}/{PROTOCOL}"
RELEASES = "/content/releases"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return live_folder(tmp_path)


@pytest.fixture
def live(migrated_sqlite_url: str, folder: Path, monkeypatch) -> Iterator[AppContext]:
    # A passphrase of a test is worth no second of work.
    quick = partial(make_kept_key, effort=Effort(2**15, 2**20))
    monkeypatch.setattr("followup.web.console.pages.words.signing.make_kept_key", quick)
    app = live_app(migrated_sqlite_url, folder)
    yield app
    app.close()


def signer(app: AppContext, folder: Path, name: str) -> Visitor:
    """Let somebody make a key here, and the clinic add their file to its signers."""
    visitor = join(app, make_asgi(app), Role.MANAGE, name=name)
    page = visitor.post("/account/signing-key", {"passphrase": SECRET, "again": SECRET})
    text = page.page.one("pre").text
    (folder / "signers" / f"{file_name(name)}.toml").write_text(_lines(text), encoding="utf-8")
    return visitor


def _lines(text: str) -> str:
    """Return a file whose line breaks a page's text has lost."""
    for key in ("roles =", "# Key", "public_key =", "from =", "until ="):
        text = text.replace(f" {key}", f"\n{key}")
    return text


def test_two_people_sign_in_the_console(live: AppContext, folder: Path):
    ann, bob = signer(live, folder, "Ann Console"), signer(live, folder, "Bob Console")
    signed = ann.post(SIGN, {"passphrase": SECRET})
    release = signed.path.partition("?")[0]

    refused = ann.post(f"{release}/approve", {"passphrase": SECRET}, status=422)
    assert refused.errors[0].startswith("Open each change first")
    unread = bob.post(f"{release}/approve", {"passphrase": SECRET}, status=422)
    assert unread.errors[0].startswith("Open each change first")

    for visitor in (ann, bob):
        for link in [one for one in signed.links().values() if one.startswith(f"{release}/")]:
            visitor.get(link)
    (alone,) = ann.post(f"{release}/approve", {"passphrase": SECRET}, status=422).errors
    assert "two people are needed" in alone
    (wrong,) = bob.post(f"{release}/approve", {"passphrase": f"{SECRET} "}, status=422).errors
    assert "does not open this key" in wrong

    done = bob.post(f"{release}/approve", {"passphrase": SECRET})
    assert "Approved: two people signed it" in done.text
    assert done.text.count("by a key kept on the server") == 2
    with live.store.read() as session:
        clearance = gate_of(live).of_protocols(session, live)[CLINIC, PROTOCOL]
    assert clearance.reason is None, clearance


def test_what_waits_is_sent_back_with_a_remark_and_what_is_approved_withdrawn_by_one(
    live: AppContext, folder: Path
):
    ann = signer(live, folder, "Ann Console")
    first = ann.post(SIGN, {"passphrase": SECRET}).path.partition("?")[0]
    told = ann.post(f"{first}/send-back", {"remark": "  "}, status=422)
    back = ann.post(f"{first}/send-back", {"remark": "Say how long it may hurt."})
    assert told.errors
    assert "Sent back: its author is to correct it" in back.text
    assert "Say how long it may hurt." in back.text

    release = approved(live)
    path = f"{RELEASES}/{release.id}"
    gone = ann.post(f"{path}/withdraw", {"why": "The leaflet was recalled."})
    assert "Withdrawn: nothing goes out by it" in gone.text
    assert "were withdrawn" in ann.get(RELEASES).text


def test_a_change_is_shown_before_and_after(live: AppContext, folder: Path):
    approved(live)
    facts = folder / "clinics" / f"{CLINIC}.toml"
    facts.write_text(facts.read_text().replace("01752 437706", "01752 437707"))
    clock_of(live)
    other = live_app(str(live.store.engine.url), folder)
    try:
        ann = signer(other, folder, "Ann Console")
        page = ann.get(SIGN)
        assert "taken out: 437706" in page.text
        assert "put in: 437707" in page.text
    finally:
        other.close()


def test_a_key_needs_a_passphrase_that_is_typed_twice(live: AppContext):
    ann = join(live, make_asgi(live), Role.AUDIT)

    differ = ann.post("/account/signing-key", {"passphrase": SECRET, "again": "x"}, status=422)
    short = ann.post("/account/signing-key", {"passphrase": "x", "again": "x"}, status=422)
    unsigned = ann.post(SIGN, {"passphrase": SECRET}, status=422)

    assert differ.errors == ["The two passphrases differ"]
    assert "12 characters" in short.errors[0]
    assert "make one on the page of your account" in unsigned.errors[0]
