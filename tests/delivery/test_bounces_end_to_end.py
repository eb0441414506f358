"""Every mail system's report by every way that a mail comes in, into a real store."""

from __future__ import annotations

import mailbox
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from followup.context import AppContext
from followup.delivery.bounce_mailbox import fetch_bounces, read_bounce_mailbox
from followup.delivery.returned_mail_ledger import MailSource, TakenMail
from followup.providers.email.imap import ImapMailbox
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from followup.store.models.returned_mails import ReturnedMail
from tests.delivery.test_bounces import WRONG
from tests.stand_ins.imap import ImapServer
from tests.support.apps import email_of, enrol_many, rows, run_jobs
from tests.support.people import EMAIL
from tests.support.returned_mails import returned_mail
from tests.web.conftest import key_for, served

Way = Callable[[AppContext, list[bytes], Path], None]


def by_hook(app: AppContext, mails: list[bytes], _folder: Path) -> None:
    headers = key_for(app)
    with served(app) as client:
        for mail in mails:
            answer = client.post("/hooks/bounce", content=mail, headers=headers)
            assert answer.json() == {"bounced": True, "outcome": "bounced"}


def by_maildir(app: AppContext, mails: list[bytes], folder: Path) -> None:
    there = mailbox.Maildir(folder / "bounces")
    for mail in mails:
        there.add(mail)
    assert read_bounce_mailbox(app, folder / "bounces") == {TakenMail.BOUNCED: len(mails)}
    assert not list((folder / "bounces" / "new").iterdir())


def by_imap(app: AppContext, mails: list[bytes], _folder: Path) -> None:
    with ImapServer() as server:
        uids = {server.add(mail) for mail in mails}
        there = replace(app, bounce_mailbox=ImapMailbox(server.url()))
        assert fetch_bounces(there) == {TakenMail.BOUNCED: len(mails)}
        assert server.read == uids


@pytest.mark.parametrize(
    ("way", "source"),
    [
        (by_hook, MailSource.HOOK),
        (by_maildir, MailSource.MAILDIR),
        (by_imap, MailSource.IMAP),
    ],
    ids=lambda part: getattr(part, "__name__", ""),
)
def test_every_system_s_report_fails_its_own_e_mail_and_no_other(app, tmp_path, way, source):
    enrol_many(app, len(WRONG) + 1, channels=(EMAIL,))
    run_jobs(app)
    sent = {one.message_id: one.to for one in email_of(app).calls}
    [spared, *told] = sent
    mails = [
        returned_mail(system, message_id, {"patient1@example.com": sent[message_id]})
        for system, message_id in zip(WRONG, told, strict=True)
    ]

    way(app, mails, tmp_path)

    states = {one.id: one for one in rows(app, Message)}
    reasons = {system: states[one].reason for system, one in zip(WRONG, told, strict=True)}
    assert {states[one].state for one in told} == {"failed"}
    assert reasons == WRONG
    assert states[spared].state == "sent"
    unusable = [one.email_unusable for one in rows(app, Patient)]
    assert sorted(map(str, unusable)) == sorted([*WRONG.values(), "None"])
    assert {one.source for one in rows(app, ReturnedMail)} == {source.value}
