"""What a kill switch covers."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Protocol


class SwitchScope(StrEnum):
    """What one kill switch stops. A step is named alone, or as PROTOCOL/STEP."""

    ALL = "all"
    CLINIC = "clinic"
    PROTOCOL = "protocol"
    STEP = "step"
    CHANNEL = "channel"


Cover = tuple[str, str | None]
"""The scope of a switch, and which clinic, protocol, step or channel it is; None for all."""


class Coverable(Protocol):
    """What a kill switch may cover: a message, or anything with the columns that count."""

    @property
    def clinic(self) -> str: ...

    @property
    def protocol(self) -> str | None: ...

    @property
    def step(self) -> str: ...

    @property
    def channel(self) -> str: ...


def is_covered(covers: Collection[Cover], message: Coverable) -> bool:
    """Say whether one of these switches stops a message."""
    if not covers:
        return False
    concerning: set[Cover] = {
        (SwitchScope.ALL.value, None),
        (SwitchScope.CLINIC.value, message.clinic),
        (SwitchScope.PROTOCOL.value, message.protocol),
        (SwitchScope.STEP.value, message.step),
        (SwitchScope.STEP.value, f"{message.protocol}/{message.step}"),
        (SwitchScope.CHANNEL.value, message.channel),
    }
    return not concerning.isdisjoint(covers)
