"""A short run of e-mails to a mail server that fails at every step."""

from __future__ import annotations

import pytest

from tests.faults.emails import email_faults
from tests.faults.kills import Plan
from tests.faults.scenes.post_office import KILL
from tests.faults.scenes.report import Show

pytestmark = [pytest.mark.faults, pytest.mark.timeout(420)]


def test_no_email_is_lost_or_sent_twice_by_a_mail_server_that_fails_at_every_step(show: Show):
    result = show(email_faults(Plan(seed=41, messages=120, over=6, kills=4)))

    assert result.clean, result.account
    ambiguous = (KILL, "content-taken-reset", "content-taken-close")
    assert sum(result.injected[fault] for fault in ambiguous) > 0
    assert result.injected["recipient-greylisted"] > 0
