"""Office hours in words, for languages other than English."""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby

from babel import Locale
from babel.dates import format_time

from followup.domain.clinics.clinic import OfficeHours
from followup.domain.clinics.clinic_file import office_hours_text

COMMA = {"ar": "،", "fa": "،", "ur": "،"}


@lru_cache(maxsize=256)
def hours_text(hours: OfficeHours, language: str) -> str:
    """Return the hours in a language: `Mon to Fri, 9am to 5pm`, `الاثنين - الجمعة، 9:00 ص - …`."""
    if language.partition("-")[0] == "en":
        return office_hours_text(hours)
    locale = Locale.parse(language, sep="-")
    days = locale.days["format"]["wide"]
    comma = COMMA.get(language.partition("-")[0], ",")
    said = []
    for period, group in groupby(enumerate(hours.week), key=lambda day: day[1]):
        if period is None:
            continue
        numbers = [number for number, _ in group]
        ends = dict.fromkeys((days[numbers[0]], days[numbers[-1]]))
        times = [format_time(at, "h:mm a", locale=locale) for at in (period.opens, period.closes)]
        said.append(f"{' - '.join(ends)}{comma} {' - '.join(times)}")
    return "; ".join(said)
