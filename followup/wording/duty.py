"""Duty: who looks after an item now, and whom the escalation told."""

from __future__ import annotations

from collections.abc import Sequence

from followup.domain.contact import spoken_mobile

ROUTES = {"sms": "by text", "email": "by e-mail", "webhook": "by webhook"}
TOLD = {
    "due": "being told {how}",
    "done": "told {how}",
    "failed": "could not be told {how}",
}


def signed_in_text(names: Sequence[str]) -> str:
    """Return who may work on an item and is there, by their names."""
    return f"Signed in now: {', '.join(names)}" if names else "Nobody is signed in who may act"


def on_call_text(mobiles: Sequence[str], addresses: Sequence[str], *, webhook: bool = False) -> str:
    """Return whom an escalation reaches, as it is read out."""
    ways = [
        *map(spoken_mobile, mobiles),
        *addresses,
        *(["the clinic’s webhook"] if webhook else []),
    ]
    return f"On call: {', '.join(ways)}" if ways else "Nobody is set to be on call"


def told_text(route: str, state: str) -> str:
    """Return how those on call were told: `told by text`."""
    return TOLD[state].format(how=ROUTES.get(route, route))
