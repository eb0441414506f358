"""The balance in words: every message that fell due is accounted for, or it shows; and as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import time, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.responses import Response

from followup.domain.protocols.timing import instant_at
from followup.monitoring.message_balance import Balance, Scope, balance
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import SEE_PATIENTS, SIGNED_IN, Pages
from followup.web.console.framework.table_export import csv_answer, file_name, written
from followup.web.console.pages.figures.choice import choices
from followup.web.console.words.copies import Copy, copy_text
from followup.wording.figures import BALANCE_LABELS, BALANCE_MEANINGS

SPANS: Mapping[str, tuple[str, int]] = {
    "": ("Last 7 days", 7),
    "today": ("Today", 1),
    "month": ("Last 30 days", 30),
}
"""What can be chosen, and how many days that is with today. The command line takes any span."""
STATES = {
    "delivered": "delivered", "sent": "sent", "expired": "expired", "suppressed": "suppressed",
    "cancelled": "cancelled", "held": "held",
}  # fmt: skip
"""Which messages to look at for a line, where they are those of a state."""
pages = Pages()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The balance, and what was asked for."""

    given: Mapping[str, str]
    sheet: Balance
    zone: ZoneInfo
    copy: Copy | None

    @property
    def lines(self) -> list[tuple[str, int, str, str]]:
        """The label, the number and the meaning of each class, and which messages to look at."""
        numbers = self.sheet.as_dict()
        return [
            (label, numbers[key], BALANCE_MEANINGS[key], STATES.get(key, ""))
            for key, label in BALANCE_LABELS.items()
        ]


@pages.get("/figures/balance", may=SIGNED_IN)
def show(here: Here) -> Response:
    asked = _asked(here)
    span = asked.given.get("span", "")
    return here.page(
        "figures/balance.html",
        form=Form.of(**asked.given),
        choices=_choices(here),
        sheet=asked.sheet,
        copy=asked.copy,
        span=SPANS[span][0].lower(),
        lines=asked.lines,
        looks=f"/messages?when={span}&state=" if here.member.may(SEE_PATIENTS) else None,
        zone=asked.zone,
        csv=f"/figures/balance.csv?{urlencode(asked.given)}",
    )


@pages.get("/figures/balance.csv", may=SIGNED_IN)
def download(here: Here) -> Response:
    asked = _asked(here)
    rows = [["Messages", "Number", "Meaning"]]
    rows += [[label, str(number), meaning] for label, number, meaning, _ in asked.lines]
    rows.append(["Not accounted for", str(asked.sheet.remainder), ""])
    rows.append(["All that fell due", str(asked.sheet.due), ""])
    name = file_name(here, "balance", asked.given.get("clinic"))
    return csv_answer([written(rows)], name=name)


def _asked(here: Here) -> Asked:
    offered = {name: {key for key, _ in pairs} for name, pairs in _choices(here).items()}
    given = {name: here.query(name) for name in offered if here.query(name) in offered[name]}
    given = {name: value for name, value in given.items() if value}
    clinic = given.get("clinic")
    zone = here.zone_of(clinic or next(iter(here.clinics), None))
    today = here.app.clock.now().astimezone(zone).date()
    first = today - timedelta(days=SPANS[given.get("span", "")][1] - 1)
    since = instant_at(first, time.min, zone=zone)
    scopes = [
        Scope(clinic=key, protocol=given.get("protocol"), since=since)
        for key in ((clinic,) if clinic else here.clinics)
    ]
    sheets, read_from = here.app.from_replica(lambda app: [balance(app, one) for one in scopes])
    return Asked(given=given, sheet=_together(sheets), zone=zone, copy=copy_text(read_from))


def _together(sheets: Sequence[Balance]) -> Balance:
    """Return the sheet of several clinics: the sum of theirs."""
    names = [field.name for field in fields(Balance)]
    return Balance(**{name: sum(getattr(one, name) for one in sheets) for name in names})


def _choices(here: Here) -> dict[str, list[tuple[str, str]]]:
    offered = choices(here)
    return {
        "span": [(key, text) for key, (text, _) in SPANS.items()],
        "clinic": offered["clinic"],
        "protocol": offered["protocol"],
    }
