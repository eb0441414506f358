"""System page: what is wrong, what stops sending, what waits, what is in force."""

from __future__ import annotations

import platform

import redis
from starlette.responses import Response

from followup.domain.channel import ChannelKind
from followup.domain.errors import InvalidInput, NotFound, Problem
from followup.domain.kill_switch import SwitchScope
from followup.monitoring.broker_probe import queue_lengths
from followup.monitoring.health import last_sweeps
from followup.monitoring.queries import heartbeats, queues, server_of
from followup.providers.interface import Channel
from followup.routing.failover import failover_periods
from followup.sending.kill_switches import (
    SwitchView,
    activate_switch,
    deactivate_switch,
    view_switches,
)
from followup.store.schema.revisions import newest_revision
from followup.web.console.framework.enrolment_form import sentence
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import MANAGE, Pages
from followup.web.console.words.stopped import step_words, stops
from followup.web.trouble import trouble
from followup.wording.channels import covered_text
from followup.wording.formats import count
from followup.wording.providers import provider_text

pages = Pages()


@pages.get("/system", may=MANAGE)
def show(here: Here) -> Response:
    app = here.app
    broker = here.console.broker
    wrong = trouble(app, broker)
    with app.store.read() as session:
        waiting = queues(session, now=app.clock.now())
        beats, sweeps = heartbeats(session), last_sweeps(session)
        standing_in = failover_periods(session) if app.standby else ()
    return here.page(
        "system/overview.html",
        wrong=wrong,
        switches=view_switches(app),
        may_lift=lambda switch: _is_ours(here, switch),
        stops=lambda switch: stops(here, switch.scope, switch.value),
        queues=waiting,
        tasks=_tasks(broker),
        beats=beats,
        sweeps=sweeps,
        standing_in=standing_in,
        settings=here.console.settings_in_force,
        versions=_versions(here),
        zone=here.zone_of(None),
        real_now=app.clock.real_now(),
        done=_done(here),
    )


@pages.get("/system/switches", may=MANAGE)
def past_switches(here: Here) -> Response:
    return here.page(
        "system/switches.html",
        switches=[
            one
            for one in view_switches(here.app, lifted=True)
            # Why another clinic stopped is told there; what stopped everybody is everybody's.
            if one.lifted_at and (one.scope != SwitchScope.CLINIC or here.member.may_see(one.value))
        ],
        stops=lambda switch: stops(here, switch.scope, switch.value),
        zone=here.zone_of(None),
    )


@pages.get("/system/stop", may=MANAGE)
def ask_stop(here: Here) -> Response:
    return _stop_page(here, here.form)


@pages.post("/system/stop", may=MANAGE)
def stop(here: Here) -> Response:
    form = here.form
    wanted, reason = form.text("what"), form.text("reason")
    problems = []
    if wanted not in dict(_choices(here)) or not wanted:
        problems.append(Problem("what", "Choose what is to stop"))
    if not reason:
        problems.append(Problem("reason", "Say why, in a few words and without a patient’s name"))
    if problems:
        return _stop_page(here, form.refused(*problems))
    scope, _, value = wanted.partition(":")
    try:
        activate_switch(
            here.app, SwitchScope(scope), value or None, reason=reason, actor=here.member.actor
        )
    except InvalidInput as error:
        told = [Problem(each.field, sentence(each.message)) for each in error.problems]
        return _stop_page(here, form.refused(*told))
    return here.go("/system?done=stopped")


@pages.post("/system/switches/{switch}/lift", may=MANAGE)
def let_go(here: Here) -> Response:
    switch_id = here.id("switch")
    found = next((one for one in view_switches(here.app) if one.id == switch_id), None)
    if found is None or not _is_ours(here, found):
        raise NotFound("there is no such kill switch in force")
    released = deactivate_switch(here.app, switch_id, actor=here.member.actor)
    return here.go(f"/system?done=lifted&again={released.planned}&late={released.expired}")


def _choices(here: Here) -> list[tuple[str, str]]:
    """Return what this manager may stop: their own clinics, or anything if they have them all."""
    clinics = [(f"clinic:{key}", _of_clinic(here, key)) for key in here.clinics]
    start = [("", "Choose")]
    if here.member.clinics is not None:
        return [*start, *clinics]
    protocols = here.app.catalogue.protocols
    return [
        *start,
        ("all", "Everything"),
        *((f"channel:{kind.value}", f"All {covered_text(kind)}") for kind in ChannelKind),
        *clinics,
        *((f"protocol:{key}", f"Procedure: {protocols[key].name}") for key in sorted(protocols)),
        *(
            (f"step:{key}/{step.key}", f"Message: {step_words(here, f'{key}/{step.key}')}")
            for key in sorted(protocols)
            for step in protocols[key].steps
        ),
    ]


def _of_clinic(here: Here, key: str) -> str:
    return f"Clinic: {here.app.catalogue.clinics[key].name}"


def _is_ours(here: Here, switch: SwitchView) -> bool:
    own = here.member.clinics
    return own is None or (switch.scope == SwitchScope.CLINIC and switch.value in own)


def _stop_page(here: Here, form: Form) -> Response:
    return here.page("system/stop.html", form=form, choices=_choices(here))


def _tasks(broker: redis.Redis | None) -> str:
    """Return how many tasks wait in each queue of the broker, in words."""
    if broker is None:
        return "None is needed: everything runs in one process"
    lengths = queue_lengths(broker)
    if lengths is None:
        return "Unknown: it can’t be reached"
    return ", ".join(f"{name} {length:,}" for name, length in lengths.items())


def _versions(here: Here) -> list[tuple[str, str]]:
    app = here.app
    protocols = app.catalogue.protocols
    return [
        ("Follow-up", here.console.version),
        ("Python", platform.python_version()),
        ("Database", server_of(app.store.engine)),
        ("Schema", newest_revision()),
        *((f"Protocol “{protocols[key].name}”", protocols[key].version) for key in protocols),
        ("Texts go by", provider_text(app.channels[ChannelKind.SMS].provider)),
        *(
            (f"Second account for {covered_text(kind)}", _named(app.standby[kind]))
            for kind in app.standby
        ),
        ("E-mails go by", provider_text(app.channels[ChannelKind.EMAIL].provider)),
    ]


def _named(channel: Channel) -> str:
    return f"{channel.provider}, {channel.account}, from {channel.sender}"


def _done(here: Here) -> str | None:
    match here.query("done"):
        case "stopped":
            return "Sending is stopped. Messages that this covers are on hold from now on."
        case "lifted":
            again, late = (_number(here.query(name)) for name in ("again", "late"))
            return (
                f"Sending is restarted. {count(again, 'message')} will be sent, and for {late} it "
                "is too late."
            )
        case _:
            return None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0  # noqa: PLR2004 - enough
