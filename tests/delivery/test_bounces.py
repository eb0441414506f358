"""Mails that came back: reports, complaints, and whatever else lies in a mailbox."""

from __future__ import annotations

import base64
import mailbox
from dataclasses import dataclass, replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followup.context import AppContext
from followup.delivery.bounce_intake import receive_bounce
from followup.delivery.bounce_mailbox import read_bounce_mailbox
from followup.delivery.returned_mail_ledger import MailSource, TakenMail
from followup.domain.errors import InvalidInput
from followup.providers.email.returned_mail import ReturnedKind, own_words, read_returned_mail
from followup.signed_links import SignedLinks
from followup.store.models.messages import Attempt
from followup.store.models.patients import Objection, Patient
from tests.support.apps import PUBLIC_URL, email_of, enrol_one, messages, rows, run_jobs
from tests.support.people import EMAIL
from tests.support.returned_mails import MESSAGE_ID, NAMES, returned_mail

RETURN_PATH = "bounces+{id}@example.org"
WRONG = {
    "amazon-ses": "5.1.1",
    "attached-by-a-colleague": "5.1.1",
    "exchange": "5.1.10",
    "exim": "5.1.1",
    "exim-plain": "5.1.1",
    "gmail": "5.1.1",
    "hmail": "5.1.1",
    "microsoft365": "5.1.1",
    "microsoft365-unknown-user": "5.1.1",
    "postfix": "5.1.1",
    "qmail": "5.1.1",
    "rfc6533": "5.1.1",
    "sendmail": "5.1.2",
}
"""Shapes by which a mail system says that there is no such mailbox, and the code it comes to."""


@dataclass(frozen=True, slots=True)
class Sent:
    """An app that has sent one e-mail, and nothing else."""

    app: AppContext
    message_id: UUID

    def receive(self, content: bytes, *, clinic: str | None = None) -> TakenMail:
        return receive_bounce(self.app, content, source=MailSource.HOOK, clinic=clinic)

    @property
    def state(self) -> str:
        return next(one.state for one in messages(self.app) if one.id == self.message_id)

    @property
    def unusable(self) -> str | None:
        return rows(self.app, Patient)[0].email_unusable


@pytest.fixture
def sent(sqlite_app: AppContext) -> Sent:
    """One e-mail that was sent."""
    return send_one(sqlite_app)


def with_return_path(app: AppContext, template: str = RETURN_PATH) -> AppContext:
    links = SignedLinks(PUBLIC_URL, app.keyring.links_key, return_path=template)
    return replace(app, links=links)


def send_one(app: AppContext) -> Sent:
    enrol_one(app, channels=(EMAIL,))
    run_jobs(app)
    [attempt] = rows(app, Attempt)
    return Sent(app, attempt.message_id)


# --------------------------------------------------------------------------- what proves it


@pytest.mark.parametrize("system", WRONG)
def test_every_system_s_report_fails_the_e_mail_and_gives_a_wrong_address_up(sent, system):
    assert sent.receive(returned_mail(system, sent.message_id)) is TakenMail.BOUNCED

    assert sent.state == "failed"
    assert sent.unusable == WRONG[system]


@pytest.mark.parametrize("system", WRONG)
def test_every_system_s_report_on_nothing_of_ours_changes_nothing(sent, system):
    assert sent.receive(returned_mail(system)) is TakenMail.UNMATCHED

    assert sent.state == "sent"
    assert sent.unusable is None


def bare(*lines: str, status: str = "Action: failed\nStatus: 5.1.1\n") -> bytes:
    """Return a report that proves by these headers alone which e-mail it is about."""
    head = "".join(f"{line}\n" for line in lines)
    return (
        f"{head}From: MAILER-DAEMON@mx.example.com\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.com\n"
        f"\nFinal-Recipient: rfc822; patient1@example.com\n{status}\n--b--\n"
    ).encode()


@pytest.mark.parametrize(
    "header",
    [
        "In-Reply-To: <{id}@127.0.0.1>",
        "References: <earlier@example.com>\n <{id}@127.0.0.1>",
        "X-Original-Message-ID: <{id}@127.0.0.1>",
        "X-Google-Original-Message-ID: <{id}@127.0.0.1>",
        "Original-Message-ID: <{id}@127.0.0.1>",
    ],
    ids=lambda header: header.partition(":")[0],
)
def test_our_message_id_proves_it_wherever_a_system_writes_it(sent, header):
    assert sent.receive(bare(header.format(id=sent.message_id))) is TakenMail.BOUNCED
    assert sent.state == "failed"


@pytest.mark.parametrize(
    "field", ["Original-Envelope-Id: {id}", "X-Original-Message-ID: <{id}@127.0.0.1>"]
)
def test_a_field_of_the_status_part_proves_it(sent, field):
    content = bare().replace(
        b"Reporting-MTA", f"{field.format(id=sent.message_id)}\nReporting-MTA".encode()
    )

    assert sent.receive(content) is TakenMail.BOUNCED


@pytest.mark.parametrize("header", ["To", "Delivered-To", "X-Original-To", "Envelope-To"])
@pytest.mark.parametrize(
    "template", [RETURN_PATH, "{id}@bounces.example.org", "bounces-{id}@example.org"]
)
def test_a_return_path_of_its_own_proves_it(sqlite_app, header, template):
    sent = send_one(with_return_path(sqlite_app, template))
    path = sent.app.links.return_path(sent.message_id)
    assert path is not None

    assert sent.receive(bare(f"{header}: <{path.upper()}>")) is TakenMail.BOUNCED


def test_a_return_path_that_somebody_made_up_proves_nothing(sqlite_app):
    sent = send_one(with_return_path(sqlite_app))
    path = sent.app.links.return_path(sent.message_id)
    forged = SignedLinks("https://x.example", b"k" * 32, return_path=RETURN_PATH)

    for address in (
        path.replace(path[12], "a" if path[12] != "a" else "b", 1),
        forged.return_path(sent.message_id),
        "bounces+@example.org",
    ):
        assert sent.receive(bare(f"To: {address}")) is TakenMail.UNMATCHED
    assert sent.state == "sent"


def test_every_e_mail_leaves_with_the_return_path_that_brings_it_back(sqlite_app):
    sent = send_one(with_return_path(sqlite_app))
    [outgoing] = email_of(sent.app).calls

    assert outgoing.return_path == sent.app.links.return_path(sent.message_id)


# --------------------------------------------------------------------------- who may write here


def test_a_recipient_alone_proves_nothing(sent):
    """Whoever knows an address could otherwise have its patient written to no more."""
    assert sent.receive(bare("To: pain-clinic@example.org")) is TakenMail.UNMATCHED
    assert sent.state == "sent"


def test_proofs_that_contradict_each_other_are_for_a_person(sent):
    app = sent.app
    enrol_one(app, serial=2, channels=(EMAIL,))
    run_jobs(app)
    other = next(one for one in rows(app, Attempt) if one.message_id != sent.message_id)

    content = bare(
        f"In-Reply-To: <{sent.message_id}@127.0.0.1>", f"References: <{other.message_id}@127.0.0.1>"
    )

    assert sent.receive(content) is TakenMail.UNMATCHED
    assert "failed" not in {one.state for one in messages(app)}


def test_an_answer_of_the_patient_never_fails_an_e_mail_whatever_its_words(sent):
    content = returned_mail("a-patient-answers", sent.message_id)

    assert sent.receive(content) is TakenMail.UNMATCHED
    assert sent.state == "sent"


def test_a_holiday_notice_and_a_delay_are_news_and_change_nothing(sent):
    for name in ("holiday-notice", "postfix-delayed"):
        assert sent.receive(returned_mail(name, sent.message_id)) is TakenMail.NEWS

    assert sent.state == "sent"


def test_a_report_from_the_system_of_one_clinic_moves_no_e_mail_of_another(sent):
    content = returned_mail("postfix", sent.message_id)

    assert sent.receive(content, clinic="another") is TakenMail.UNMATCHED
    assert sent.state == "sent"
    assert sent.receive(content, clinic=messages(sent.app)[0].clinic) is TakenMail.BOUNCED


# --------------------------------------------------------------------------- whom it is said of


def test_of_several_recipients_only_ours_counts(sent):
    """One got it, one does not exist: ours has a full mailbox, which is no wrong address."""
    assert sent.receive(returned_mail("several-recipients", sent.message_id)) is TakenMail.BOUNCED

    [failed] = [one for one in messages(sent.app) if one.state == "failed"]
    assert failed.reason == "5.2.2"
    assert sent.unusable is None


def test_a_failure_of_another_recipient_fails_nothing_that_reached_ours(sent):
    content = returned_mail(
        "several-recipients",
        sent.message_id,
        {"Patient1@Example.COM\nAction: failed": "Patient1@Example.COM\nAction: delivered"},
    )

    assert sent.receive(content) is TakenMail.NEWS
    assert sent.state == "sent"


def test_recipients_that_fared_differently_and_none_of_them_ours_are_for_a_person(sent):
    content = returned_mail(
        "several-recipients", sent.message_id, {"Patient1@Example.COM": "third@example.net"}
    )

    assert sent.receive(content) is TakenMail.UNMATCHED
    assert sent.state == "sent"


def test_a_mailbox_that_ours_passes_mail_on_to_is_not_the_patient_s_address(sent):
    content = returned_mail(
        "postfix", sent.message_id, {"patient1@example.com": "elsewhere@example.net"}
    )

    assert sent.receive(content) is TakenMail.BOUNCED
    assert sent.state == "failed"
    assert sent.unusable is None


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("5.2.2", "552 5.2.2 mailbox full"),
        ("5.7.1", "550 5.7.1 Message rejected due to content restrictions"),
        ("5.7.1", "550 5.1.1 Blocked: your IP is on a blocklist"),
        ("4.4.7", "Delivery time expired"),
    ],
)
def test_what_is_not_about_the_address_fails_the_e_mail_and_keeps_the_address(sent, code, words):
    content = bare(
        f"In-Reply-To: <{sent.message_id}@127.0.0.1>",
        status=f"Action: failed\nStatus: {code}\nDiagnostic-Code: smtp; {words}\n",
    )

    assert sent.receive(content) is TakenMail.BOUNCED
    assert [one.reason for one in messages(sent.app) if one.state == "failed"] == [code]
    assert sent.unusable is None


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ("Status: 5.0.0\nDiagnostic-Code: smtp; 550 5.2.2 try again later", "5.2.2"),
        ("Diagnostic-Code: smtp; 550 5.3.4 too big", "5.3.4"),
        ("Status: 5.2.2\nDiagnostic-Code: smtp; 550 5.3.4 too big", "5.2.2"),
        ("Status: 5.0.0\nDiagnostic-Code: smtp; connect to 192.5.1.1[192.5.1.1] failed", "5.0.0"),
        ("Diagnostic-Code: smtp; 550 sorry", "5.0.0"),
    ],
)
def test_the_more_exact_of_two_codes_counts_and_an_address_is_no_code(sent, told, code):
    content = bare(
        f"In-Reply-To: <{sent.message_id}@127.0.0.1>", status=f"Action: failed\n{told}\n"
    )

    sent.receive(content)

    assert [one.reason for one in messages(sent.app) if one.state == "failed"] == [code]


# --------------------------------------------------------------------------- complaints


def test_a_complaint_is_an_objection_to_e_mails(sent):
    assert sent.receive(returned_mail("arf", sent.message_id)) is TakenMail.OBJECTED

    [objection] = rows(sent.app, Objection)
    assert (objection.channel, objection.source) == ("email", "complaint")
    assert sent.state == "sent"


def test_the_same_complaint_twice_is_one_objection(sent):
    for _ in range(2):
        sent.receive(returned_mail("arf", sent.message_id))

    assert len(rows(sent.app, Objection)) == 1


def test_a_complaint_about_nothing_of_ours_stops_nobody(sent):
    assert sent.receive(returned_mail("arf")) is TakenMail.UNMATCHED
    assert rows(sent.app, Objection) == []


def test_a_report_that_something_is_no_junk_stops_nobody(sent):
    content = returned_mail(
        "arf", sent.message_id, {"Feedback-Type: abuse": "Feedback-Type: not-spam"}
    )

    assert sent.receive(content) is TakenMail.NEWS
    assert rows(sent.app, Objection) == []


# --------------------------------------------------------------------------- taken once


def test_the_same_report_twice_is_taken_once(sent):
    content = returned_mail("postfix", sent.message_id)
    sent.receive(content)
    before = [(one.id, one.state) for one in messages(sent.app)]

    sent.receive(content)

    assert [(one.id, one.state) for one in messages(sent.app)] == before


def test_what_is_new_in_a_maildir_is_read_once(sent, tmp_path):
    folder = mailbox.Maildir(tmp_path / "bounces")
    folder.add(returned_mail("postfix", sent.message_id))
    folder.add(b"Subject: hello\n\nhello")

    taken = read_bounce_mailbox(sent.app, tmp_path / "bounces")

    assert taken == {TakenMail.BOUNCED: 1, TakenMail.UNMATCHED: 1}
    assert read_bounce_mailbox(sent.app, tmp_path / "bounces") == {}


def test_a_path_that_is_no_mailbox_is_refused(sqlite_app, tmp_path):
    with pytest.raises(InvalidInput, match="neither a mail nor a maildir"):
        read_bounce_mailbox(sqlite_app, tmp_path / "nothing")


# --------------------------------------------------------------------------- no harm


@given(st.binary(max_size=2000))
def test_whatever_lies_in_a_mailbox_is_read_without_harm(content):
    assert read_returned_mail(content).kind in ReturnedKind


@given(name=st.sampled_from(NAMES), place=st.integers(0, 3000), junk=st.binary(max_size=20))
def test_a_damaged_mail_is_read_without_harm(name, place, junk):
    whole = returned_mail(name)

    read_returned_mail(whole[:place] + junk + whole[place:])


def test_a_mail_with_what_no_database_keeps_holds_up_no_mailbox(postgres_app):
    ids = (
        (b"7bit; charset=utf-8", b"<a\0@x.example>"),
        (b"base64; charset=utf-8", base64.b64encode(b"In-Reply-To: <a\0@x.example>\n")),
        (b"8bit; charset=unicode_escape", rb"In-Reply-To: <\ud800\u0000@x.example>"),
        (b"8bit; charset=undefined", b"Message-ID: <a@x.example>"),
    )
    for written, text in ids:
        encoding, _, charset = written.partition(b"; ")
        lines = (
            b"From: MAILER-DAEMON@x.example", b"Subject: Undelivered\0",
            b"In-Reply-To: <b\0@x.example>", b"Content-Type: text/plain; " + charset,
            b"Content-Transfer-Encoding: " + encoding, b"", text,
        )  # fmt: skip
        mail = b"\r\n".join(lines)
        assert receive_bounce(postgres_app, mail, source=MailSource.HOOK) in TakenMail


def test_parts_within_parts_without_end_are_read_without_harm():
    deep = "".join(
        f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(3000)
    )

    assert read_returned_mail(deep.encode()).kind is ReturnedKind.OTHER


def test_the_ids_of_a_mail_are_bounded():
    many = " ".join(f"<{n}@example.com>" for n in range(5000))
    mail = read_returned_mail(f"References: {many}\n\nx".encode())

    assert len(mail.ids) <= 200
    assert MESSAGE_ID not in mail.ids


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("Thanks\n\nOn Sat, 24 Oct 2026 the clinic wrote:\n> Weak leg?\n", "Thanks"),
        ("> Weak leg?\n\nYes, since noon", "Yes, since noon"),
        ("Thanks\n-----Original Message-----\nWeak leg?", "Thanks"),
        ("Thanks\r\nFrom: Clinic\r\nSent: Saturday\r\nWeak leg?", "Thanks"),
        ("A leg that is weak", "A leg that is weak"),
    ],
)
def test_what_somebody_quotes_is_not_their_own_word(text, own):
    assert own_words(text).strip() == own
