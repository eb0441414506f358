"""A word is changed in the console by two people, from the editor to the next message."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import expect

from followup.domain.roles import Role
from followup.releases.export import export_parts, write_parts
from followup.releases.in_force import with_words_in_force
from followup.releases.kept_keys import make_kept_key
from followup.releases.queries import releases_of
from followup.signatures.secret_key import Effort
from followup.signed_links import SignedLinks
from tests.browser.screen import PATIENCE, Screen
from tests.browser.site import Site
from tests.support.apps import HandClock, clock_of, enrol_one, message, sms_of, tick
from tests.support.people import CLINIC, ENROLLED_AT, PROTOCOL, SMS
from tests.support.signing import approved, live_app, live_folder

SECRET = "four words are enough"
EDIT = f"/content/edit/{CLINIC}/{PROTOCOL}/dressing/en"


def live_site(site: Site, folder: Path) -> None:
    """Let the site be that of a clinic in live use, whose words two people signed."""
    site.app.close()
    clock = HandClock(ENROLLED_AT, real=datetime.now(UTC))
    app = live_app(site.database_url, folder, clock=clock)
    site.app = replace(app, links=SignedLinks(site.address, app.keyring.links_key))
    approved(site.app)
    clock.advance(timedelta(minutes=5))


def joins(screen: Screen, folder: Path, name: str, *, javascript: bool) -> None:
    """Let somebody make a key, and the clinic add their file to its signers."""
    screen.go("/account/signing-key")
    screen.look()
    if javascript:
        screen.press(screen.page.get_by_role("button", name="Make a key in this browser"))
    else:
        screen.page.get_by_label("Passphrase", exact=True).fill(SECRET)
        screen.page.get_by_label("The same again", exact=True).fill(SECRET)
        screen.press(screen.page.get_by_role("button", name="Make a key", exact=True))
    file = screen.page.locator("pre").inner_text()
    (folder / "signers" / f"{name}.toml").write_text(file, encoding="utf-8")


def signs(screen: Screen, button: str, *, javascript: bool) -> None:
    if javascript:
        words = f"{button} with the key in this browser"
        screen.press(screen.page.get_by_role("button", name=words))
    else:
        screen.page.get_by_label("Passphrase of your signing key").fill(SECRET)
        screen.press(screen.page.get_by_role("button", name=button, exact=True))


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without"])
def test_a_word_is_changed_by_two_people(site, window, tmp_path, monkeypatch, javascript):
    # A passphrase of a test is worth no second of work.
    quick = partial(make_kept_key, effort=Effort(2**15, 2**20))
    monkeypatch.setattr("followup.web.console.pages.words.signing.make_kept_key", quick)
    folder = live_folder(tmp_path)
    live_site(site, folder)
    site.serve()
    ann, bob = (
        window(site, token=site.session(Role.MANAGE, name=name), javascript=javascript)
        for name in ("Ann Writer", "Bob Reader")
    )
    joins(ann, folder, "ann", javascript=javascript)
    joins(bob, folder, "bob", javascript=javascript)

    ann.go(EDIT)
    field = ann.page.get_by_label("The text message")
    field.fill(field.input_value().replace("take the small", "peel the small"))
    if not javascript:
        ann.press(ann.page.get_by_role("button", name="Save and preview"))
    # The rules are asked about the whole protocol each time that somebody stops typing.
    shown = ann.page.locator("#preview .fu-bubble").first
    expect(shown).to_contain_text("peel the small dressing", timeout=8 * PATIENCE)
    ann.look()
    ann.press(ann.page.get_by_role("button", name="Compare and sign"))
    ann.look()
    signs(ann, "Sign as the author", javascript=javascript)
    expect(ann.page.locator("main")).to_contain_text("You signed it")

    address = ann.page.url.partition("?")[0].removeprefix(site.address)
    bob.go(address)
    links = bob.page.locator(f"a[href^='{address}/']")
    for part in [link.get_attribute("href") for link in links.all()]:
        bob.go(part)
        expect(bob.page.locator("del").first).to_contain_text("take")
        expect(bob.page.locator("ins").first).to_contain_text("peel")
        bob.look()
    bob.go(address)
    signs(bob, "Approve", javascript=javascript)
    bob.page.get_by_label("Now", exact=True).check()
    bob.look()
    bob.press(bob.page.get_by_role("button", name="Go live"))
    expect(bob.page.locator("main")).to_contain_text("It is live")
    bob.look()

    sent = next_message(site)
    assert "peel the small dressing off" in sent
    verified_by_debian(site, tmp_path / "pack", kept=not javascript)


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without"])
def test_the_page_and_the_card_are_changed_by_two_people(
    site, window, tmp_path, monkeypatch, javascript
):
    quick = partial(make_kept_key, effort=Effort(2**15, 2**20))
    monkeypatch.setattr("followup.web.console.pages.words.signing.make_kept_key", quick)
    folder = live_folder(tmp_path)
    live_site(site, folder)
    site.serve()
    ann, bob = (
        window(site, token=site.session(Role.MANAGE, name=name), javascript=javascript)
        for name in ("Ann Writer", "Bob Reader")
    )
    joins(ann, folder, "ann", javascript=javascript)
    joins(bob, folder, "bob", javascript=javascript)

    ann.go(f"/protocols/{PROTOCOL}")
    ann.press(ann.page.get_by_role("button", name="Edit in English").first)
    ann.look()
    leaflet = ann.page.get_by_label("The leaflet")
    leaflet.fill(leaflet.input_value().replace("<li>a fever</li>", "<li>a high fever</li>"))
    ann.page.get_by_text("Phrases of the card").click()
    moves = ann.page.get_by_label("If your procedure moves, these dates move too.")
    moves.fill("These dates <may> move.")
    if not javascript:
        ann.press(ann.page.get_by_role("button", name="Save and preview"))
        expect(ann.page.get_by_role("alert")).to_contain_text("a phrase is plain text")
        ann.page.get_by_text("Phrases of the card").click()
    else:
        wrong = ann.page.locator("#preview")
        expect(wrong).to_contain_text("a phrase is plain text", timeout=8 * PATIENCE)
    ann.look()
    moves.fill("These dates may move.")
    if not javascript:
        ann.press(ann.page.get_by_role("button", name="Save and preview"))
    card = ann.page.locator("#preview .fu-hand-card")
    expect(card).to_contain_text("These dates may move.", timeout=8 * PATIENCE)
    expect(card).to_contain_text("a high fever")
    frame = ann.page.frame_locator("#preview iframe")
    expect(frame.locator("main")).to_contain_text("a high fever")
    ann.page.emulate_media(forced_colors="active")
    ann.look()
    ann.page.emulate_media(forced_colors="none")
    ann.press(ann.page.get_by_role("button", name="Compare and sign"))
    ann.look()
    signs(ann, "Sign as the author", javascript=javascript)

    address = ann.page.url.partition("?")[0].removeprefix(site.address)
    bob.go(address)
    [part] = bob.page.locator(f"a[href^='{address}/']").all()
    bob.press(part)
    expect(bob.page.locator("main")).to_contain_text("These dates may move.")
    expect(bob.page.locator("ins").first).to_contain_text("high")
    bob.look()
    bob.go(address)
    signs(bob, "Approve", javascript=javascript)
    bob.page.get_by_label("Now", exact=True).check()
    bob.press(bob.page.get_by_role("button", name="Go live"))
    expect(bob.page.locator("main")).to_contain_text("It is live")

    app = with_words_in_force(site.app)
    leaflet_now = app.content.page(CLINIC, PROTOCOL).leaflet(
        PROTOCOL, "en", app.catalogue.clinics[CLINIC]
    )
    assert leaflet_now is not None
    assert "a high fever" in leaflet_now.urgent


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without"])
def test_a_change_of_a_protocol_is_tried(site, window, javascript):
    site.serve()
    ann = window(site, token=site.session(Role.MANAGE), javascript=javascript)

    ann.go(f"/protocols/{PROTOCOL}")
    ann.press(ann.page.get_by_role("button", name="Draft a change"))
    ann.look()
    field = ann.page.get_by_label("The file of the protocol")
    text = field.input_value()
    field.fill(text.replace("priority = 6", "priority = 60", 1))
    ann.press(ann.page.get_by_role("button", name="Check and preview"))
    expect(ann.page.get_by_role("alert")).to_contain_text("Correct 1 thing")
    expect(ann.page.locator("main table")).to_contain_text("priority = 60")
    ann.look()
    field.fill(text.replace("{ day = 8,", "{ day = 9,"))
    ann.press(ann.page.get_by_role("button", name="Check and preview"))
    expect(ann.page.locator("main")).to_contain_text("moved from day 8 at 10am to day 9 at 10am")
    ann.page.emulate_media(forced_colors="active")
    ann.look()
    with ann.page.expect_download() as file:
        ann.page.get_by_role("button", name="Download the file").click()
    assert "day = 9" in Path(file.value.path()).read_text("utf-8")


def next_message(site: Site) -> str:
    app = site.app
    enrolment = enrol_one(app, channels=(SMS,))
    clock_of(app).advance_to(message(app, enrolment, "dressing").due_at)
    tick(with_words_in_force(app))
    return [*sms_of(app).taken.values()][-1].outgoing.text


def verified_by_debian(site: Site, pack: Path, *, kept: bool) -> None:
    with site.app.store.read() as session:
        release = releases_of(session)[0]
        assert (release.author_key_kept, release.approver_key_kept) == (kept, kept)
        write_parts(pack, export_parts(session, site.app, release))
    minisign = shutil.which("minisign")
    assert minisign, "minisign is missing: .ci/run installs it"
    for who in ("author", "approver"):
        done = subprocess.run(
            [minisign, "-V", "-p", f"{who}.pub", "-m", "release.txt",
             "-x", f"release.txt.{who}.minisig"],
            cwd=pack, check=False, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert f"role:{who}" in done.stdout
    # The list holds exactly the bytes, those that lie in no file too.
    subprocess.run(["sha256sum", "--check", "--quiet", "release.txt"], cwd=pack, check=True)
    assert "peel the small" in (pack / "words/dressing/en/sms.txt").read_text("utf-8")
