"""Webhooks page: who is told of events, how that goes, and what was given up."""

from __future__ import annotations

from starlette.responses import Response

from followup.domain.errors import Conflict, InvalidInput, NotFound, Problem
from followup.domain.event_kinds import EventContent, EventGroup
from followup.outbox.subscriptions import (
    NewSubscription,
    SubscriptionView,
    add_subscription,
    dead_letters,
    pause_subscription,
    replay,
    resume_subscription,
    subscriptions,
)
from followup.web.console.framework.enrolment_form import sentence
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import MANAGE, Pages
from followup.wording.systems import EVENT_CONTENTS, EVENT_GROUPS

PATH = "/system/webhooks"
PAGE = 50
ALL_CLINICS = "all"
LONGEST_NUMBER = 15
DONE = {
    "paused": "The webhook is paused. Events wait until it is resumed.",
    "resumed": "The webhook is on. Events that waited are sent now.",
    "replayed": "The events are sent again, in order.",
}
pages = Pages()


@pages.get(PATH, may=MANAGE)
def show(here: Here) -> Response:
    return _list_page(here, here.form)


@pages.post(PATH, may=MANAGE)
def add(here: Here) -> Response:
    """Make a subscription and show its secret, this once."""
    form = here.form
    where, groups, content = form.text("clinic"), form.all("events"), form.text("content")
    problems = []
    if where not in dict(clinic_choices(here)):
        problems.append(Problem("clinic", "Choose of which patients it is told"))
    if not groups or not set(groups) <= set(EventGroup):
        problems.append(Problem("events", "Choose of what it is told"))
    if content not in set(EventContent):
        problems.append(Problem("content", "Choose what an event carries"))
    try:
        if not problems:
            wanted = NewSubscription(
                name=form.text("name"),
                url=form.text("url"),
                clinic=None if where == ALL_CLINICS else where,
                groups=[EventGroup(one) for one in groups],
                content=EventContent(content),
            )
            secret = add_subscription(here.app, wanted, actor=here.member.actor)
            return here.page(
                "system/secret.html", what="Webhook", label=wanted.name, secret=secret, back=PATH
            )
    except InvalidInput as error:
        problems = [Problem(each.field, sentence(each.message)) for each in error.problems]
    except Conflict as error:
        problems = [Problem("name", sentence(str(error)))]
    return _list_page(here, form.refused(*problems))


@pages.get(f"{PATH}/{{webhook}}", may=MANAGE)
def look(here: Here) -> Response:
    return _page(here, _find(here), here.form)


@pages.post(f"{PATH}/{{webhook}}/pause", may=MANAGE)
def pause(here: Here) -> Response:
    found = _find(here).row
    pause_subscription(here.app, found.name, actor=here.member.actor)
    return here.go(f"{PATH}/{found.id}?done=paused")


@pages.post(f"{PATH}/{{webhook}}/resume", may=MANAGE)
def resume(here: Here) -> Response:
    found = _find(here).row
    resume_subscription(here.app, found.name, actor=here.member.actor)
    return here.go(f"{PATH}/{found.id}?done=resumed")


@pages.post(f"{PATH}/{{webhook}}/replay", may=MANAGE)
def send_again(here: Here) -> Response:
    found, given = _find(here), here.form.text("number")
    if not given.isascii() or not given.isdecimal() or len(given) > LONGEST_NUMBER:
        problem = Problem("number", "Enter the number of an event, such as 4711")
        return _page(here, found, here.form.refused(problem))
    try:
        replay(here.app, found.row.name, number=int(given), actor=here.member.actor)
    except InvalidInput as error:
        problem = Problem("number", sentence(error.problems[0].message))
        return _page(here, found, here.form.refused(problem))
    return here.go(f"{PATH}/{found.row.id}?done=replayed")


def clinic_choices(here: Here) -> list[tuple[str, str]]:
    """Return whose patients another system may know of, as this manager may say."""
    known = here.app.catalogue.clinics
    every = [(ALL_CLINICS, "All clinics")] if here.member.clinics is None else []
    return [*every, *((key, known[key].name) for key in here.clinics)]


def _list_page(here: Here, form: Form) -> Response:
    return here.page(
        "system/webhooks.html",
        form=form,
        webhooks=_visible(here),
        clinics=clinic_choices(here),
        groups=[(group.value, name) for group, name in EVENT_GROUPS.items()],
        contents=[(one.value, term.label, term.meaning) for one, term in EVENT_CONTENTS.items()],
    )


def _visible(here: Here) -> list[SubscriptionView]:
    with here.app.store.read() as session:
        found = subscriptions(session, real_now=here.app.clock.real_now())
    return [one for one in found if here.member.may_see(one.row.clinic)]


def _find(here: Here) -> SubscriptionView:
    id_ = here.id("webhook")
    found = next((one for one in _visible(here) if one.row.id == id_), None)
    if found is None:
        raise NotFound("there is no such webhook")
    return found


def _page(here: Here, found: SubscriptionView, form: Form) -> Response:
    page, path = here.page_number, f"{PATH}/{found.row.id}"
    with here.app.store.read() as session:
        letters = dead_letters(
            session, subscription_id=found.row.id, limit=PAGE + 1, skip=(page - 1) * PAGE
        )
    return here.page(
        "system/webhook.html",
        form=form,
        webhook=found.row,
        standing=found.status,
        dead=found.dead,
        letters=[letter for letter, _ in letters[:PAGE]],
        previous=f"{path}?page={page - 1}" if page > 1 else None,
        next=f"{path}?page={page + 1}" if len(letters) > PAGE else None,
        zone=here.zone_of(found.row.clinic),
        done=DONE.get(here.query("done")),
    )
