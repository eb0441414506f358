"""Kill switches in words."""

from __future__ import annotations

from followup.domain.kill_switch import SwitchScope
from followup.web.console.framework.request import Here
from followup.wording.channels import covered_text


def stops(here: Here, scope: str, value: str | None) -> str:
    """Return what a kill switch stops, in words."""
    match SwitchScope(scope):
        case SwitchScope.ALL:
            return "Everything"
        case SwitchScope.CLINIC:
            clinic = here.app.catalogue.clinics.get(value or "")
            return clinic.name if clinic else f"{value}"
        case SwitchScope.PROTOCOL:
            return here.protocol_name(value)
        case SwitchScope.CHANNEL:
            return f"All {covered_text(value)}"
        case SwitchScope.STEP:
            return step_words(here, value or "")


def step_words(here: Here, value: str) -> str:
    """Return what a step is called, of a protocol (`protocol/step`) or of every one."""
    key, _, step = value.rpartition("/")
    protocol = here.app.catalogue.protocols.get(key)
    if protocol is None:
        return f"The message “{value}” of every procedure"
    return f"{protocol.name}: {here.titles(protocol)(step)}"
