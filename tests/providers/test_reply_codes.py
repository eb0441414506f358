"""Reply codes, judged by the words beside them: whose fault it is that an e-mail was refused."""

from __future__ import annotations

import pytest

from followup.domain.errors import ChannelRefused
from followup.providers.email.reply_codes import (
    SmtpReply,
    blames_mailbox,
    code_by_words,
    failure_of,
)

OUTLOOK = "[AM1FT1.eop-eur05.prod.protection.example.com 2026-10-24T12:00:04Z]"


@pytest.mark.parametrize(
    ("enhanced", "words", "means"),
    [
        ("5.4.1", f"550 5.4.1 Recipient address rejected: Access denied. {OUTLOOK}", "5.1.1"),
        ("5.4.1", "550 5.4.1 [a@example.com]: Recipient address rejected: Access denied", "5.1.1"),
        ("5.4.1", "550 5.4.1 All recipient addresses rejected : Access denied", "5.1.1"),
        ("5.0.0", "Unknown User", "5.1.1"),
        ("5.0.0", "550 5.0.0 <a@example.com>... User unknown", "5.1.1"),
        ("5.7.1", "550 5.7.1 Recipient not found. <a@example.com>", "5.1.1"),
        ("5.5.0", "550 5.5.0 Invalid recipient", "5.1.1"),
        ("5.2.0", "550 No such user here", "5.1.1"),
        (None, "550 sorry, no mailbox here by that name", "5.1.1"),
        (None, "550 The account does not exist", "5.1.1"),
        ("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found", "5.1.10"),
        ("5.4.4", "Host or domain name not found. Name service error", "5.1.2"),
        ("5.0.0", "550 Host unknown", "5.1.2"),
        ("5.0.0", "554 This account has been disabled", "5.2.1"),
        ("5.1.1", "550 5.1.1 User unknown; see https://spam.example.com/block", "5.1.1"),
    ],
)
def test_words_that_say_there_is_no_such_mailbox_blame_the_address(enhanced, words, means):
    assert code_by_words(enhanced, words) == means
    assert blames_mailbox(means)


@pytest.mark.parametrize(
    ("enhanced", "words", "means"),
    [
        ("5.1.1", "550 5.1.1 Message blocked: your IP is on a blocklist", "5.7.1"),
        ("5.1.1", "550 5.1.1 192.0.2.1 has sent to too many recipients this hour", "5.7.1"),
        ("5.1.1", "550 5.1.1 Sender address rejected: user unknown", "5.7.1"),
        ("5.7.1", "550 5.7.1 Access denied", "5.7.1"),
        ("5.7.1", "550 5.7.1 Recipient address rejected: policy; user unknown", "5.7.1"),
        ("5.7.26", "550 5.7.26 unauthenticated mail, SPF and DKIM did not pass", "5.7.26"),
        (None, "550 rejected as spam", "5.7.1"),
        (None, "550 relaying denied", "5.7.1"),
        ("5.1.1", "552 5.1.1 The recipient's mailbox is full", "5.2.2"),
        ("5.0.0", "552 user is over quota", "5.2.2"),
        ("5.4.1", "541 5.4.1 Mail rejected by destination domain", "5.4.1"),
        ("5.0.0", "550 <unknown-user@example.com> rejected", "5.0.0"),
        ("4.2.2", "user unknown", "4.2.2"),
    ],
)
def test_words_about_anything_else_leave_the_address_alone(enhanced, words, means):
    assert code_by_words(enhanced, words) == means
    assert not blames_mailbox(means)


@pytest.mark.parametrize(
    ("text", "blames"),
    [
        (b"5.4.1 Recipient address rejected: Access denied", True),
        (b"5.0.0 Unknown User", True),
        (b"5.7.1 Service unavailable, client host blocked using a blocklist", False),
        (b"Message refused: listed in an RBL", False),
        (b"no such user", True),
    ],
)
def test_a_refusal_at_rcpt_is_judged_by_its_words_too(text, blames):
    refusal = failure_of(SmtpReply.of("RCPT", 550, text))

    assert isinstance(refusal, ChannelRefused)
    assert refusal.recipient is blames


def test_a_refusal_of_the_content_never_blames_the_mailbox():
    refusal = failure_of(SmtpReply.of("content", 550, b"5.0.0 user unknown"))

    assert isinstance(refusal, ChannelRefused)
    assert not refusal.recipient


def test_only_so_much_of_a_server_s_words_is_looked_at():
    assert code_by_words("5.0.0", "x " * 5000 + "user unknown") == "5.0.0"
