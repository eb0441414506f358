"""E-mails that came back and can't be matched: a person says what each is about."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from starlette.responses import Response

from followup.delivery.bounce_intake import confirm_bounce
from followup.delivery.returned_mail_ledger import (
    MAILS_A_PAGE,
    Closing,
    WaitingMail,
    candidates,
    close_mail,
    find_waiting,
    waiting_mails,
)
from followup.domain.errors import Conflict, Problem
from followup.store.audit_log import AuditEntry
from followup.store.models.messages import Message
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import CHANGE_PATIENTS, SEE_PATIENTS, Pages
from followup.wording.returned_mails import KIND_LABELS, KIND_TO_DO

DONE_NOTICES = {
    "confirmed": "The e-mail is matched.",
    "dismissed": "Closed. What was kept of the e-mail is deleted.",
}
PATH = "/attention/returned"
pages = Pages()


@pages.get(PATH, may=SEE_PATIENTS)
def show(here: Here) -> Response:
    page = here.page_number
    clinics = None if here.member.clinics is None else here.clinics
    with here.app.store.read() as session:
        found = waiting_mails(session, here.app, clinics, page=page)
    here.record(
        AuditEntry(action="returned-mails.listed", detail={"shown": len(found[:MAILS_A_PAGE])})
    )
    return here.page(
        "returned-mails.html",
        mails=found[:MAILS_A_PAGE],
        labels=KIND_LABELS,
        previous=f"{PATH}?page={page - 1}" if page > 1 else None,
        next=f"{PATH}?page={page + 1}" if len(found) > MAILS_A_PAGE else None,
        zone=here.zone_of(None),
        done=DONE_NOTICES.get(here.query("done")),
    )


@pages.get(f"{PATH}/{{mail}}", may=SEE_PATIENTS)
def look(here: Here) -> Response:
    mail, found = _find(here)
    here.record(
        AuditEntry(action="returned-mail.viewed", clinic=mail.clinic, detail={"mail": str(mail.id)})
    )
    return _page(here, mail, found, here.form)


@pages.post(f"{PATH}/{{mail}}/confirm", may=CHANGE_PATIENTS)
def confirm(here: Here) -> Response:
    mail, found = _find(here)
    if not found:
        raise Conflict("we sent no e-mail that this could be about: close it instead")
    chosen = {str(one.id): one.id for one in found}.get(here.form.text("message"))
    if chosen is None:
        problem = Problem("message", "Choose the e-mail that it is about")
        return _page(here, mail, found, here.form.refused(problem))
    confirm_bounce(here.app, mail.id, chosen, actor=here.member.actor)
    return here.go(f"{PATH}?done=confirmed")


@pages.post(f"{PATH}/{{mail}}/dismiss", may=CHANGE_PATIENTS)
def dismiss(here: Here) -> Response:
    mail, _ = _find(here)
    close_mail(here.app, mail.id, as_=Closing.DISMISSED, actor=here.member.actor)
    return here.go(f"{PATH}?done=dismissed")


def _find(here: Here) -> tuple[WaitingMail, Sequence[Message]]:
    """Return a mail, and the e-mails of this person's clinics that it may be about."""
    mail_id: UUID = here.id("mail")
    with here.app.store.read() as session:
        mail = find_waiting(session, here.app, mail_id)
        here.require_clinic(mail.clinic)
        return mail, candidates(session, here.app, mail)


def _page(here: Here, mail: WaitingMail, found: Sequence[Message], form: Form) -> Response:
    zone = here.zone_of(mail.clinic)
    return here.page(
        "returned-mail.html",
        form=form,
        mail=mail,
        label=KIND_LABELS[mail.kind],
        to_do=KIND_TO_DO[mail.kind],
        found=found,
        zone=zone,
        may_change=here.member.may(CHANGE_PATIENTS),
    )
