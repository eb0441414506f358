"""The ways of reaching a patient, as the database, the API and the protocol files name them."""

from __future__ import annotations

from enum import StrEnum


class ChannelKind(StrEnum):
    SMS = "sms"
    EMAIL = "email"
