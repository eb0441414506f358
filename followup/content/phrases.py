"""Phrases: the approved texts that staff choose from to answer a patient by text.

They are messages like any other, by the name of their folder; a clinic adds its own. A phrase may
name the time at which staff will ring, which is then how long it is of use.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime

from followup.content.office_hours_text import COMMA
from followup.content.version import ContentVersion

PHRASE_PREFIX = "phrase-"
"""How the name of a folder begins that holds a phrase."""
TRIED_TO_RING = "phrase-tried-to-ring"
SHIPPED_PHRASES = (TRIED_TO_RING, "phrase-will-ring", "phrase-please-ring")
RING_AT = "ring_at"
"""The name by which the words of a phrase have the time."""


def is_phrase(template: str) -> bool:
    """Say whether a message is a phrase that staff send."""
    return template.startswith(PHRASE_PREFIX)


def phrases_among(templates: Iterable[str]) -> list[str]:
    """Return those that are phrases, the shipped ones first and in their order."""
    found = sorted(filter(is_phrase, templates))
    shipped = [one for one in SHIPPED_PHRASES if one in found]
    return [*shipped, *(one for one in found if one not in shipped)]


def names_time(version: ContentVersion) -> bool:
    """Say whether the words name the time of a call."""
    return any(RING_AT in source for source in version.sources.values())


def ring_at_text(at: datetime, *, zone: ZoneInfo, language: str) -> str:
    """Return when staff will ring, in a language: `3:30pm on Monday 30 November`."""
    local = at.astimezone(zone)
    if language.partition("-")[0] != "en":
        locale = Locale.parse(language, sep="-")
        comma = COMMA.get(language.partition("-")[0], ",")
        return format_datetime(local, f"EEEE d MMMM{comma} h:mm a", locale=locale)
    hour, half = local.hour % 12 or 12, "am" if local.hour < 12 else "pm"  # noqa: PLR2004
    minutes = f":{local:%M}" if local.minute else ""
    return f"{hour}{minutes}{half} on {local:%A} {local.day} {local:%B}"
