"""Reach: patients with one way of contact alone must get the warning signs too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from followup.domain.channel import ChannelKind
from followup.domain.protocols.protocol import Missed, Protocol
from followup.domain.safety.finding import SafetyFinding
from followup.domain.safety.said import SaidText

HAS_ALONE = {ChannelKind.SMS: "a mobile", ChannelKind.EMAIL: "e-mail"}


def unreached(protocol: Protocol, said: Iterable[SaidText]) -> Iterator[SafetyFinding]:
    """Find steps that an audience can't get, and warning signs of which nobody tells by phone."""
    for step in protocol.steps:
        for kind, what in HAS_ALONE.items():
            if kind not in step.channels:
                yield SafetyFinding(
                    rule="unreached",
                    sentence=(
                        f'protocol {protocol.key}, step "{step.key}": who has {what} alone does '
                        f'not get it: add "{kind}" to channels'
                    ),
                    grave=False,
                )
    warning = {text.step.key for text in said if text.step is not None and text.warns}
    if warning and not any(
        step.missed is Missed.PERSON for step in protocol.steps if step.key in warning
    ):
        yield SafetyFinding(
            rule="unreached",
            sentence=(
                f"protocol {protocol.key}: nobody rings a patient whom the warning signs did not "
                'reach, such as one with a landline alone: write missed = "person" in one of '
                f"{', '.join(sorted(warning))}"
            ),
        )
