"""The life of a change of words in the console: edited, signed by two, live, and back again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from html import unescape
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, update

from followup.catalogue.signers import file_name
from followup.context import AppContext
from followup.domain.reasons import Reason
from followup.domain.roles import Role
from followup.enrolment.page_tokens import token_of
from followup.releases.gate import gate_of
from followup.releases.go_live import go_live
from followup.releases.in_force import with_words_in_force
from followup.releases.kept_keys import make_kept_key
from followup.releases.watch import check_words
from followup.signatures.secret_key import Effort
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Attempt
from followup.store.models.patients import Patient
from followup.store.models.releases import Release
from followup.store.models.words import ReleasedWords, WordDraft
from tests.support.apps import clock_of, enrol_one, message, sms_of, tasks, tick
from tests.support.people import CLINIC, PROTOCOL, SMS
from tests.support.signing import approved, live_app, live_folder
from tests.web.console.conftest import make_asgi
from tests.web.console.visitors import SAME_ORIGIN, Visitor, join

SECRET = "four words are enough"
EDIT = f"/content/edit/{CLINIC}/{PROTOCOL}/dressing/en"
SIGN = f"/content/sign/{CLINIC}/{PROTOCOL}"
OURS = """\
{{ clinic.short_name }}: you can peel the small dressing off now.
Do not worry if it has already come off. Unwell? Ring NHS 111.
{% include "_layout/en/sms-page.txt" %}
{% include "_layout/en/sms-stop-short.txt" %}
"""
RELEASES = "/content/releases"
HIDDEN = re.compile('<input type="hidden" name="([^"]*)" value="([^"]*)"')
TYPED = re.compile('<textarea[^>]* name="(text-[0-9]+)"[^>]*>(.*?)</textarea>', re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return live_folder(tmp_path)


@pytest.fixture
def live(migrated_sqlite_url: str, folder: Path, monkeypatch) -> Iterator[AppContext]:
    # A passphrase of a test is worth no second of work.
    quick = partial(make_kept_key, effort=Effort(2**15, 2**20))
    monkeypatch.setattr("followup.web.console.pages.words.signing.make_kept_key", quick)
    app = live_app(migrated_sqlite_url, folder)
    approved(app)
    clock_of(app).advance(timedelta(minutes=5))
    yield app
    app.close()


@dataclass
class People:
    """An author and an approver, each with a key that the clinic knows."""

    app: AppContext
    ann: Visitor
    bob: Visitor

    @classmethod
    def at(cls, app: AppContext, folder: Path) -> People:
        asgi = make_asgi(app)
        ann = join(app, asgi, Role.MANAGE, name="Ann Console")
        bob = join(app, asgi, Role.MANAGE, name="Bob Console")
        for visitor, name in ((ann, "Ann Console"), (bob, "Bob Console")):
            page = visitor.post("/account/signing-key", {"passphrase": SECRET, "again": SECRET})
            text = page.page.one("pre").text
            for key in ("roles =", "# Key", "public_key =", "from =", "until ="):
                text = text.replace(f" {key}", f"\n{key}")
            (folder / "signers" / f"{file_name(name)}.toml").write_text(text, encoding="utf-8")
        return cls(app, ann, bob)

    def typed(self, **texts: str) -> dict[str, str]:
        """Return the form of the editor as a browser sends it, with other texts in some fields."""
        html = self.ann.get(EDIT).html
        form = dict(HIDDEN.findall(html))
        form |= {name: unescape(text.lstrip("\n")) for name, text in TYPED.findall(html)}
        fields = {path: name[5:] for name, path in form.items() if name.startswith("path-")}
        return form | {
            f"text-{fields[f'dressing/en/{name}.txt']}": text for name, text in texts.items()
        }

    def release(self) -> str:
        """Sign the draft and approve it; return the address of the release."""
        signed = self.ann.post(SIGN, {"passphrase": SECRET})
        address = signed.path.partition("?")[0]
        for link in self.bob.get(address).links().values():
            if link.startswith(f"{address}/"):
                self.bob.get(link)
        self.bob.post(f"{address}/approve", {"passphrase": SECRET})
        return address


def now_sent(app: AppContext) -> str:
    """Return the words of the dressing text as the send path has them now."""
    clock_of(app).advance(timedelta(seconds=2))
    mine = with_words_in_force(app)
    made = mine.content.render(
        "dressing", language="en", channel=SMS, clinic=mine.catalogue.clinics[CLINIC],
        protocol=PROTOCOL,
    )  # fmt: skip
    return made.text


def standing(app: AppContext) -> tuple[str | None, str]:
    clock_of(app).advance(timedelta(seconds=2))
    mine = with_words_in_force(app)
    with app.store.read() as session:
        found = gate_of(mine).of_protocols(session, mine)[CLINIC, PROTOCOL]
    return found.reason, found.sentence


def test_a_change_is_edited_signed_by_two_goes_live_and_is_taken_back(
    live: AppContext, folder: Path
):
    people = People.at(live, folder)
    before = now_sent(live)
    saved = people.ann.post(EDIT, people.typed(sms=OURS))
    assert "Your draft is saved" in saved.text
    assert "2 segments of at most 2" in saved.text
    # What came back as it was sent is no draft, whatever a field did to the space around it.
    with live.store.read() as session:
        assert session.scalars(select(WordDraft.path)).all() == ["dressing/en/sms.txt"]
    assert now_sent(live) == before

    release = people.release()
    assert standing(live)[0] is None
    assert now_sent(live) == before
    live_now = people.bob.post(f"{release}/go-live", {"when": "now"})

    assert "It is live" in live_now.text
    assert "peel the small dressing off" in now_sent(live)
    assert standing(live) == (None, "")

    enrolment = enrol_one(live, channels=(SMS,))
    # Nobody's session ends meanwhile.
    due = message(live, enrolment, "dressing").due_at
    clock_of(live).advance_service(due - live.clock.now())
    tick(with_words_in_force(live))
    taken = [*sms_of(live).taken.values()][-1].outgoing
    with live.store.read() as session:
        pinned = session.scalars(
            select(Attempt.release_id).where(Attempt.id == taken.attempt_id)
        ).one()
    assert "peel the small dressing off" in taken.text
    assert f"{RELEASES}/{pinned}" == release

    # One person takes it back at once, and goes back to what was approved before.
    people.ann.post(f"{release}/withdraw", {"why": "A word is wrong."})
    assert standing(live)[0] == Reason.WORDS_WITHDRAWN
    older = f"{RELEASES}/{_ids(live)[0]}"
    refused = people.ann.post(f"{older}/go-back", {"reason": " "}, status=422)
    back = people.ann.post(f"{older}/go-back", {"reason": "A word is wrong."})
    assert refused.errors
    assert "It is in force again" in back.text
    assert now_sent(live) == before
    assert standing(live)[0] is None


def test_a_byte_that_is_changed_in_the_database_is_held_and_told(live: AppContext, folder: Path):
    people = People.at(live, folder)
    enrol_one(live, channels=(SMS,))
    people.ann.post(EDIT, people.typed(sms=OURS))
    release = people.release()
    at = {"when": "later", "on": "27", "on-month": "10", "on-year": "2026", "at": "7:30"}
    planned = people.bob.post(f"{release}/go-live", at)
    go_live(live)
    assert "It goes live on" in planned.text
    assert "peel" not in now_sent(live)
    clock_of(live).advance_to(datetime(2026, 10, 27, 7, 29, 58, tzinfo=UTC))
    go_live(live)
    assert "peel" not in now_sent(live)
    go_live(live)
    assert "peel" in now_sent(live)

    for spoilt, told in (
        (lambda kept: kept.replace("peel", "pull"), "words/dressing/en/sms.txt"),
        (lambda kept: kept[:-9], "can't be read"),
        (lambda kept: kept.replace("clinic.short_name", "clinic.nobody"), "clinic.nobody"),
    ):
        kept = _words(live)
        _put_words(live, spoilt(kept))
        reason, sentence = standing(live)
        check_words(with_words_in_force(live))
        assert (reason, told in sentence) == (Reason.WORDS_CHANGED, True), sentence
        assert any(told in str(one.detail) for one in tasks(live))
        _put_words(live, kept)
        assert standing(live)[0] is None
        check_words(with_words_in_force(live))
        clock_of(live).advance(timedelta(minutes=1))
        assert all(one.state == "closed" for one in tasks(live))


def test_what_is_no_text_is_not_signed_and_nobody_overwrites_another(
    live: AppContext, folder: Path
):
    people = People.at(live, folder)
    typed = people.typed(sms="{% for a in 'ab' %}{{ clinic.__class__ }}{% endfor %}")
    seen = people.ann.client.post(f"{EDIT}/preview", data=typed, headers=SAME_ORIGIN)
    assert seen.status_code == 200
    assert "words are not worked out" in seen.text
    assert "clinic.__class__" in seen.text
    refused = people.ann.post(SIGN, {"passphrase": SECRET}, status=422)
    assert "words are not worked out" in refused.text

    # What somebody else wrote meanwhile is not overwritten.
    stale = people.typed(sms="Other words.")
    people.ann.post(EDIT, people.typed(sms="Mine."))
    late = people.bob.post(EDIT, stale, status=422)
    assert "since you opened it" in late.errors[0]
    assert "discarded" in people.ann.post(f"{SIGN}/discard").text

    # A part that others share is told of in each of them, to the author and to the approver.
    shared = people.typed()
    [stop] = [n[5:] for n, path in shared.items() if path == "_layout/en/sms-stop-short.txt"]
    shared[f"text-{stop}"] = (
        "To stop these texts at any time, whenever you like, please reply STOP."
    )
    too_long = "flare-over/en by sms at occurrence 1: takes 3 segments, where 2 are meant"
    assert too_long in people.ann.post(EDIT, shared).text
    assert too_long in people.ann.get(SIGN).text
    waits = people.ann.post(SIGN, {"passphrase": SECRET})
    assert too_long in waits.text
    remark = {"remark": "It is too long."}
    people.bob.post(f"{waits.path.partition('?')[0]}/send-back", remark)


def _ids(app: AppContext) -> list[UUID]:
    with app.store.read() as session:
        return list(session.scalars(select(Release.id).order_by(Release.signed_at)))


def _words(app: AppContext) -> str:
    with app.store.read() as session:
        return session.scalars(select(ReleasedWords.words)).one()


def _put_words(app: AppContext, words: str) -> None:
    with app.store.write() as session:
        session.execute(update(ReleasedWords).values(words=words))


EDIT_PAGE = f"/content/edit-page/{CLINIC}/{PROTOCOL}/en"
LEAFLET = f"patient/leaflets/{PROTOCOL}/en.html"
PHRASES = "patient/locale/en/LC_MESSAGES/patient.po"
RING, MOVES = "Ring the clinic: %(number)s", "If your procedure moves, these dates move too."


def field_of(people: People, phrase: str) -> str:
    """Return what the field of a phrase is called on the page of the editor."""
    labels = people.ann.get(EDIT_PAGE).page.all("label")
    return next(one.attributes["for"] for one in labels if one.text == phrase)


def typed_page(people: People, **changes: str) -> dict[str, str]:
    """Return the form of the page's editor as a browser sends it, with some fields otherwise."""
    html = people.ann.get(EDIT_PAGE).html
    return {**dict(HIDDEN.findall(html)), "leaflet": leaflet_in(html), **changes}


def leaflet_in(html: str) -> str:
    found = re.search(r'<textarea[^>]* name="leaflet"[^>]*>(.*?)</textarea>', html, re.DOTALL)
    assert found
    return unescape(found[1].lstrip("\n"))


def shown_to_patient(people: People, path: str) -> str:
    """Return what a patient reads on their page now."""
    clock_of(people.app).advance(timedelta(seconds=2))
    return people.ann.client.get(path).text


def page_link(app: AppContext) -> str:
    enrolment_id = enrol_one(app, channels=(SMS,))
    with app.store.read() as session:
        enrolment = session.get_one(Enrolment, enrolment_id)
        patient = session.get_one(Patient, enrolment.patient_id)
        return f"/p/{token_of(app, enrolment, patient)}"


def test_a_leaflet_and_a_phrase_are_edited_signed_by_two_live_and_taken_back(
    live: AppContext, folder: Path
):
    people = People.at(live, folder)
    link = page_link(live)
    ring, moves = field_of(people, RING), field_of(people, MOVES)
    leaflet = typed_page(people)["leaflet"].replace("<li>a fever</li>", "<li>a high fever</li>")
    changes = {"leaflet": leaflet, ring: "Call us: %(number)s", moves: "These dates may move."}

    saved = people.ann.post(EDIT_PAGE, typed_page(people, **changes))
    frame = people.ann.client.get(f"{EDIT_PAGE}/shown")
    assert "Your draft is saved" in saved.text
    for told in ("a high fever", "Call us: 0", "These dates may move."):
        assert told in saved.text
    assert "a high fever" in frame.text
    assert " href=" not in frame.text
    assert "sandbox" in frame.headers["Content-Security-Policy"]
    with live.store.read() as session:
        assert sorted(session.scalars(select(WordDraft.path))) == [LEAFLET, PHRASES]
    assert "a high fever" not in shown_to_patient(people, link)

    # Who wrote it can't approve it, and the other opens each change first.
    signed = people.ann.post(SIGN, {"passphrase": SECRET})
    address = signed.path.partition("?")[0]
    alone = people.ann.post(f"{address}/approve", {"passphrase": SECRET}, status=422)
    unread = people.bob.post(f"{address}/approve", {"passphrase": SECRET}, status=422)
    [part] = [one for one in people.bob.get(address).links().values() if f"{address}/" in one]
    seen = people.bob.get(part).text
    assert "Open each change first" in alone.errors[0]
    assert "Open each change first" in unread.errors[0]
    for told in (f"patient, en, {RING}", "put in: high", "Call us: %(number)s"):
        assert told in seen
    people.ann.get(part)
    alone = people.ann.post(f"{address}/approve", {"passphrase": SECRET}, status=422)
    assert "two people are needed" in alone.errors[0]
    people.bob.post(f"{address}/approve", {"passphrase": SECRET})
    assert "a high fever" not in shown_to_patient(people, link)

    assert "It is live" in people.bob.post(f"{address}/go-live", {"when": "now"}).text
    now = shown_to_patient(people, link)
    assert "a high fever" in now
    assert "Call us:" in now
    assert standing(live) == (None, "")
    # Another protocol's patients read what they read before.
    other = with_words_in_force(live).content.page(CLINIC, "caudal-epidural")
    assert other.translations("en").gettext(RING) == RING

    # One byte: what two people did not sign is not shown to the patient either.
    kept = _words(live)
    _put_words(live, kept.replace("a high fever", "no fever"))
    assert standing(live)[0] == Reason.WORDS_CHANGED
    assert LEAFLET in standing(live)[1]
    held = shown_to_patient(people, link)
    assert "<li>a fever</li>" in held
    assert "Call us:" not in held
    _put_words(live, kept)
    assert "a high fever" in shown_to_patient(people, link)

    people.ann.post(f"{address}/withdraw", {"why": "A word is wrong."})
    assert standing(live)[0] == Reason.WORDS_WITHDRAWN
    assert "<li>a fever</li>" in shown_to_patient(people, link)
    people.ann.post(f"{RELEASES}/{_ids(live)[0]}/go-back", {"reason": "A word is wrong."})
    assert standing(live) == (None, "")
    assert "Call us:" not in shown_to_patient(people, link)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("{{ ''.__class__ }}", "take a fact as in"),
        ("{{ clinic.__class__ }}", "clinic.__class__"),
        ("{% for n in range(10**9) %}x{% endfor %}", "words are not worked out"),
        ("{{ 'x' * 10**9 }}", "words are not worked out"),
        (f'{{% include "{PROTOCOL}/en.html" %}}', "takes in nothing else"),
        ('{% include "../../../etc/passwd" %}', "takes in nothing else"),
        ("{{ self.title() }}", "a block can't stand in a block"),
        ("{{ code }}", "code is nothing that a leaflet is given"),
        ("{% if clinic.stop_contact > 3 %}\nx\n{% endif %}", "compares by == and != alone"),
        ("<script>alert(1)</script>", "does not belong in a message"),
        ('<a href="javascript:alert(1)">x</a>', "does not belong in a message"),
        ("<img src='https://example.com/x'>", "does not belong in a message"),
        ("x" * 15_000, "Write at most 16000"),
        ("Ring 01752 999999.", "take names, numbers and addresses from the clinic"),
    ],
    ids=lambda each: each[:30],
)
def test_what_reaches_further_than_words_is_said_and_not_signed(
    live: AppContext, folder: Path, words: str, told: str
):
    people = People.at(live, folder)
    whole = typed_page(people)["leaflet"].replace("<h3>Your pain</h3>", f"{words}\n<h3>Pain</h3>")

    form = typed_page(people, leaflet=whole)
    answer = people.ann.client.post(f"{EDIT_PAGE}/preview", data=form, headers=SAME_ORIGIN)

    assert answer.status_code == 200
    assert told in unescape(answer.text)
    if "numbers and addresses" not in told and "most" not in told:
        refused = people.ann.post(SIGN, {"passphrase": SECRET}, status=422)
        assert told in refused.text


def test_a_phrase_that_the_page_could_not_show_is_refused_beside_its_field(
    live: AppContext, folder: Path
):
    people = People.at(live, folder)
    ring, moves = field_of(people, RING), field_of(people, MOVES)
    for field, words in (
        (ring, "Call us"),
        (ring, "Call us: %(number)s or %(password)s"),
        (moves, "They move by 100% at most"),
        (moves, "<script>alert(1)</script>"),
        (moves, "&lt;b&gt;"),
        (moves, "long " * 200),
    ):
        refused = people.ann.post(EDIT_PAGE, typed_page(people, **{field: words}), status=422)
        assert len(refused.errors) == 1, words
        assert refused.page.one("textarea", id=field).attributes["aria-describedby"]
    with live.store.read() as session:
        assert not session.scalars(select(WordDraft.path)).all()


def test_a_leaflet_in_another_language_is_begun_and_nobody_overwrites_another(
    live: AppContext, folder: Path
):
    people = People.at(live, folder)
    stale = typed_page(people, leaflet=typed_page(people)["leaflet"].replace("fever", "chill"))
    people.ann.post(EDIT_PAGE, typed_page(people, leaflet="Mine."))
    late = people.bob.post(EDIT_PAGE, stale, status=422)
    missing = people.ann.get(EDIT_PAGE).text
    assert "since you opened it" in late.errors[0]
    assert "has no block 'urgent'" in missing
    # Words that are as they were are no draft any more.
    assert "discarded" in people.ann.post(f"{SIGN}/discard").text
    people.ann.post(EDIT_PAGE, typed_page(people))
    with live.store.read() as session:
        assert not session.scalars(select(WordDraft.path)).all()
    assert people.ann.get(EDIT_PAGE.replace("/en", "/xx"), status=404).status == 404
