"""Page layout: navigation, account, and warnings around the content."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from followup.clock import SystemClock, TimeLapseClock
from followup.domain.errors import StoreUnavailable
from followup.domain.roles import Role
from followup.staff.sessions import IDLE_LIMIT, Stage
from followup.store.models.operations import Switch
from followup.store.models.worklist import WorklistItem
from followup.web.console.framework.request import Here
from followup.web.console.words.stopped import stops
from followup.wording.formats import span
from followup.worklist.queries import is_open, of_clinics

ENROL, AUDIT, MANAGE = Role.ENROL, Role.AUDIT, Role.MANAGE

FAST = 120
"""From so many times the real speed on, a clock is a time-lapse."""


@dataclass(frozen=True, slots=True)
class Place:
    """An entry of the navigation, and who sees it. `also` is where else one is at this place."""

    text: str
    path: str
    may: tuple[Role, ...]
    also: tuple[str, ...] = ()


PLACES = (
    Place("Home", "/", (ENROL, AUDIT, MANAGE)),
    Place("Needs attention", "/attention", (ENROL, AUDIT)),
    Place("Patients", "/patients", (ENROL, AUDIT)),
    Place("Procedures", "/procedures", (ENROL, AUDIT)),
    Place("Enrol", "/enrol", (ENROL,)),
    Place("Messages", "/messages", (ENROL, AUDIT)),
    Place("Figures", "/figures", (ENROL, AUDIT, MANAGE)),
    Place("Content", "/content", (ENROL, AUDIT, MANAGE), also=("/protocols/",)),
    Place("Audit", "/audit", (AUDIT,)),
    Place("Team", "/team", (MANAGE,)),
    Place("System", "/system", (MANAGE,)),
)


def chrome_of(here: Here) -> dict[str, Any]:
    """Return the facts for `base.html`."""
    presence = here.presence
    signed_in = presence is not None and presence.stage is Stage.FULL
    attention, switches = _counted(here) if signed_in else (0, [])
    return {
        "nonce": here.nonce,
        "nhs_identity": here.console.nhs_identity,
        "version": here.console.version,
        "member": presence.member if presence is not None and signed_in else None,
        "places": _places(here, attention=attention) if signed_in else [],
        "attention": attention,
        # Those who may see patients hear of what is urgent while the page stays open.
        "hears": signed_in and presence is not None and presence.member.may((ENROL, AUDIT)),
        "notices": _notices(here, switches) if signed_in else [],
        "idle_seconds": int(IDLE_LIMIT.total_seconds()) if presence is not None else 0,
        "now": here.app.clock.now(),
    }


def _counted(here: Here) -> tuple[int, list[str]]:
    """Return how much needs a person, and the kill switches in force; nothing if nobody knows."""
    clinics = None if here.member.clinics is None else here.clinics
    items = select(func.count(WorklistItem.id)).where(is_open(), *of_clinics(clinics))
    try:
        with here.app.store.read() as session:
            count = session.scalar(items) or 0
            switches = session.execute(
                select(Switch.scope, Switch.value).where(Switch.lifted_at.is_(None))
            ).all()
    except StoreUnavailable:
        return 0, []
    return count, [stops(here, row.scope, row.value) for row in switches]


def _places(here: Here, *, attention: int) -> list[dict[str, Any]]:
    path = here.request.url.path
    return [
        {
            "text": place.text,
            "path": place.path,
            "current": path == place.path,
            "active": place.path != "/" and path.startswith((f"{place.path}/", *place.also)),
            "count": attention if place.path == "/attention" else 0,
        }
        for place in PLACES
        if here.member.may(place.may) and place.path in here.console.paths
    ]


def _notices(here: Here, switches: Collection[str]) -> list[str]:
    found = [f"Sending is stopped: {_in_a_sentence(what)}." for what in sorted(switches)]
    channels = here.app.channels.values()
    if all(channel.provider == "sandbox" for channel in channels):
        found.append("Practice mode: no text or e-mail leaves this machine.")
    elif any(channel.provider == "sandbox" for channel in channels):
        found.append("Partly in practice mode: one of the channels sends nothing.")
    clock = here.app.clock
    if isinstance(clock, TimeLapseClock) and clock.speed >= FAST:
        passes = span(timedelta(seconds=clock.speed))
        found.append(f"Time-lapse: {passes} pass here each second. Here it is {_at(here)}.")
    elif not isinstance(clock, SystemClock):
        found.append(f"The clock is not that of today: here it is {_at(here)}.")
    return found


def _in_a_sentence(what: str) -> str:
    """Return what is stopped as it stands after a colon: names keep their capital."""
    is_name = not what.startswith(("Everything", "All ", "The message"))
    return what if is_name else f"{what[0].lower()}{what[1:]}"


def _at(here: Here) -> str:
    zone = next(iter(here.app.catalogue.clinics.values())).zone
    local: datetime = here.app.clock.now().astimezone(zone)
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M}"
