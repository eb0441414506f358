"""What staff and operators see of a second SMS account: which one a text used, and since when."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from followup.monitoring.metrics import collect_metrics
from followup.providers.resilience.circuit_breaker import InProcessCircuitBreaker
from followup.routing.accounts import account_of
from followup.web.metrics import Scrapes
from tests.support.apps import enrol_one, make_app, message, run_until
from tests.support.people import EMAIL, ENROLLED_AT, SMS
from tests.support.scripted_channel import ScriptedChannel


@pytest.fixture
def sqlite_app(migrated_sqlite_url):
    """An app context with two SMS accounts, of which the first is away."""
    first = ScriptedChannel(SMS, account="AC-first")
    with closing(
        make_app(
            migrated_sqlite_url,
            channels={SMS: first, EMAIL: ScriptedChannel(EMAIL)},
            standby={SMS: ScriptedChannel(SMS, account="AC-second", sender="+447700900600")},
            breaker=InProcessCircuitBreaker(opens_after=1),
        )
    ) as made:
        made.breaker.note(account_of(first), [False])
        yield made


@pytest.fixture
def sent(sqlite_app):
    """The first text of a patient, sent by the second account."""
    enrolment = enrol_one(sqlite_app)
    run_until(sqlite_app, ENROLLED_AT)
    return message(sqlite_app, enrolment, "going-home")


def test_the_page_of_a_message_names_the_account_and_the_number(sent, auditor):
    page = auditor.get(f"/messages/{sent.id}")

    assert "second SMS account, from +447700900600" in page.text


def test_the_report_of_a_patient_names_them_too(sent, auditor):
    page = auditor.get(f"/audit/patients/{sent.patient_id}")

    assert "(second SMS account, from +447700900600)" in page.text


def test_with_one_account_nothing_is_said_of_it(sqlite_app, sent):
    alone = replace(sqlite_app, standby={})

    assert collect_metrics(alone).second_account == {}
    assert "second_account_seconds{" not in Scrapes(alone).text().decode()


def test_the_page_of_the_system_says_since_when(sent, manager):
    page = manager.get("/system")

    assert "Texts have been going through the second account since Mon 19 Oct 2026, " in page.text
    assert "AC-second, from +447700900600" in page.text


def test_the_trail_tells_of_it_in_words(sent, auditor):
    page = auditor.get("/audit")

    assert "switched texts to the second SMS account: the first was unavailable" in page.text


def test_figures_say_for_how_long(sqlite_app, sent):
    told = Scrapes(sqlite_app).text().decode()

    assert 'followup_second_account_seconds{channel="sms"} 0.0' in told
