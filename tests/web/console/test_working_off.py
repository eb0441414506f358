"""A whole morning at the worklist, on each database: the pages' queries hold on both."""

from __future__ import annotations

from datetime import timedelta

import pytest

from followup.domain.roles import Role
from tests.support.apps import enrol_one, messages, run_until, sms_of, tasks
from tests.support.people import ENROLLED_AT, SMS
from tests.support.scripted_channel import refuse
from tests.web.console.conftest import make_asgi
from tests.web.console.patients.test_patient import write
from tests.web.console.visitors import HOME, join

SOON = ENROLLED_AT + timedelta(minutes=5)
CORRECTED = {"mobile": "07700 900222", "mobile_again": "07700 900222"}


@pytest.mark.slow
def test_everything_that_waits_is_seen_and_worked_off(app):
    sms_of(app).script(refuse("30008"), refuse("21211", recipient=True))
    enrol_one(app, 1, channels=(SMS,))
    run_until(app, SOON)
    enrol_one(app, 2, channels=(SMS,))
    run_until(app, SOON + timedelta(minutes=1))
    write(app, "It itches a bit", serial=2)
    admin = join(app, make_asgi(app), Role.ENROL, clinics=["derriford-pain"])

    assert "Needs action 3" in admin.get("/").text
    admin.get("/attention?view=late")
    for query in ("", "?state=failed&channel=sms&step=going-home", "?when=ahead&state=planned"):
        assert "Test Patient-0000" in admin.get(f"/messages{query}").text
    assert len(admin.client.get(f"{HOME}/messages.csv").text.splitlines()) == 3

    first, second, question = tasks(app)
    failed = f"/messages/{first.message_id}"
    admin.get(failed)
    admin.get(f"{failed}/again?by=sms")
    admin.post(f"{failed}/again", {"by": "sms"})
    admin.post(f"/attention/{first.id}/take")
    admin.post(f"/attention/{first.id}/done", {"outcome": "told", "note": "By phone."})
    admin.post(f"/attention/{second.id}/contacts", CORRECTED)
    admin.post(
        f"/attention/{question.id}/call",
        {"outcome": "spoke", "advised": "told", "done": "yes", "note": "No."},
    )

    assert "Nothing needs action" in admin.get("/attention").text
    assert [one.outcome for one in tasks(app)] == ["told", "corrected", "told"]
    assert len([one for one in messages(app) if one.fallback_of == first.message_id]) == 1
