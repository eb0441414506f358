"""What figures are asked for, as it stands in the address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from followup.content.languages import staff_name
from followup.domain.figures.weeks import WEEK, week_of
from followup.figures.read_figures import Chosen
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.wording.channels import CHANNEL_NAMES
from followup.wording.formats import capital

SPANS: Mapping[str, int] = {"": 26, "12": 12, "52": 52, "104": 104}
"""How many weeks that are over can be looked at, and the one that runs."""
FIELDS = ("weeks", "clinic", "protocol", "step", "channel", "language")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The choice; `running` is the Monday of the week that is not over yet."""

    given: Mapping[str, str]
    chosen: Chosen
    zone: ZoneInfo
    running: date

    @property
    def form(self) -> Form:
        return Form.of(**self.given)

    def address(self, path: str, **more: str) -> str:
        """Return an address with the same choice."""
        pairs = {name: value for name, value in {**self.given, **more}.items() if value}
        return f"{path}?{urlencode(pairs)}" if pairs else path


def read_choice(here: Here) -> Choice:
    """Return the choice of the address; what it does not know, or may not see, is all."""
    offered = {name: {key for key, _ in pairs} for name, pairs in choices(here).items()}
    given = {name: here.query(name) for name in FIELDS if here.query(name) in offered[name]}
    clinic = given.get("clinic")
    zone = here.zone_of(clinic or next(iter(here.clinics), None))
    running = week_of(here.app.clock.now(), zone)
    return Choice(
        given=given,
        chosen=Chosen(
            clinics=(clinic,) if clinic else here.clinics,
            since=running - SPANS[given.get("weeks", "")] * WEEK,
            protocol=given.get("protocol", ""),
            step=given.get("step", ""),
            channel=given.get("channel", ""),
            language=given.get("language", ""),
        ),
        zone=zone,
        running=running,
    )


def choices(here: Here) -> dict[str, list[tuple[str, str]]]:
    """Return what can be chosen in each field."""
    catalogue = here.app.catalogue
    protocols = catalogue.protocols
    steps = {
        step.key: here.title_of(step.template, one.key)
        for one in protocols.values()
        for step in one.steps
    }
    languages = {key for clinic in here.clinics for key in catalogue.clinics[clinic].languages}
    named = [(key, catalogue.clinics[key].name) for key in here.clinics]
    return {
        "weeks": [(key, f"{number} weeks") for key, number in sorted(
            SPANS.items(), key=lambda pair: pair[1])],
        "clinic": [("", "All"), *named] if len(named) > 1 else [("", named[0][1])] if named else [],
        "protocol": [("", "Any"), *((key, one.name) for key, one in protocols.items())],
        "step": [("", "Any"), *sorted(steps.items(), key=lambda pair: pair[1])],
        "channel": [
            ("", "Any"), *((key.value, capital(text)) for key, text in CHANNEL_NAMES.items())
        ],
        "language": [("", "Any"), *((key, staff_name(key)) for key in sorted(languages))],
    }  # fmt: skip
