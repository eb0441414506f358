"""Messages from hospital systems: how many came, what became of them, and putting one right."""

from __future__ import annotations

from starlette.responses import Response

from followup.domain.errors import InvalidInput, Problem
from followup.intake.feed.inbox import FeedState
from followup.intake.ledger import (
    MAY_BE_REPLAYED,
    PAGE,
    feed_ledger,
    find_message,
    listed_messages,
    replay_message,
    text_of,
)
from followup.store.audit_log import AuditEntry
from followup.store.models.feeds import FeedMessage
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import CHANGE_PATIENTS, SEE_PATIENTS, Pages
from followup.wording.intake.feeds import FEED_STATES, feed_reason_text

PATH = "/feeds"
DONE = {"replayed": "The message is processed again within seconds."}
pages = Pages()


@pages.get(PATH, may=SEE_PATIENTS)
def show(here: Here) -> Response:
    clinics = None if here.member.clinics is None else here.clinics
    state = here.query("state") if here.query("state") in set(FeedState) else None
    page = here.page_number
    with here.app.store.read() as session:
        ledger = feed_ledger(session, clinics)
        found = listed_messages(session, clinics, state=state, page=page)
    here.record(AuditEntry(action="feeds.listed", detail={"shown": len(found[:PAGE])}))
    query = f"?state={state or ''}&page="
    return here.page(
        "feeds/ledger.html",
        ledger=ledger,
        labels=FEED_STATES,
        state=state,
        messages=found[:PAGE],
        reason=feed_reason_text,
        previous=f"{PATH}{query}{page - 1}" if page > 1 else None,
        next=f"{PATH}{query}{page + 1}" if len(found) > PAGE else None,
        zone=here.zone_of(None),
        done=DONE.get(here.query("done")),
    )


@pages.get(f"{PATH}/{{message}}", may=SEE_PATIENTS)
def look(here: Here) -> Response:
    """Show what a message says; the audit trail says who looked."""
    row = _find(here)
    here.record(
        AuditEntry(
            action="feed-message.viewed",
            clinic=row.clinic,
            patient_id=row.patient_id,
            detail={"message": str(row.id)},
        )
    )
    text = text_of(here.app, row)
    return _page(here, row, Form(values={"content": (text or "",)}))


@pages.post(f"{PATH}/{{message}}/replay", may=CHANGE_PATIENTS)
def replay(here: Here) -> Response:
    row = _find(here)
    text = here.form.values.get("content", ("",))[0]
    try:
        replay_message(here.app, row.id, text, actor=here.member.actor)
    except InvalidInput as error:
        told = error.problems[0].message
        problem = Problem("content", f"{told[0].upper()}{told[1:]}")
        return _page(here, row, here.form.refused(problem))
    return here.go(f"{PATH}?done=replayed")


def _find(here: Here) -> FeedMessage:
    message_id = here.id("message")
    with here.app.store.read() as session:
        row = find_message(session, message_id)
    here.require_clinic(row.clinic)
    return row


def _page(here: Here, row: FeedMessage, form: Form) -> Response:
    return here.page(
        "feeds/message.html",
        form=form,
        row=row,
        label=FEED_STATES[row.state],
        reason=feed_reason_text(row.reason),
        text=text_of(here.app, row),
        zone=here.zone_of(row.clinic),
        may_replay=row.state in MAY_BE_REPLAYED and here.member.may(CHANGE_PATIENTS),
    )
