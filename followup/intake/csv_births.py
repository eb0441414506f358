"""Birth dates of CSV cells: of which century a short year is, and whether an age beside it fits."""

from __future__ import annotations

import re
from datetime import date
from functools import partial

from followup.domain.errors import InvalidInput
from followup.intake.csv_dates import (
    SERIAL,
    SHORT_YEAR,
    USUAL,
    day_of,
    parted,
    serial_day,
    spaced,
)
from followup.intake.local_times import DAY_EXAMPLE

OLDEST = 105
"""So old a patient may be whose year has two digits."""
_AGE = r"aged?:? ?"
_YEARS = r" ?y(?:(?:ea)?rs?)?\.?(?: ?\d{1,2} ?m(?:on)?(?:ths?)?)?(?: old)?"
WITH_AGE = re.compile(
    rf"(?P<born>.*?\d)[ ,;-]*(?:\((?:{_AGE})?(\d{{1,3}})(?:{_YEARS})?\)|"
    rf"{_AGE}(\d{{1,3}})(?:{_YEARS})?|(?<=[ ,;-])(\d{{1,3}}){_YEARS})",
    re.IGNORECASE | re.ASCII,
)
"""A birth date with an age behind it: (44y), aged 44, 44 yrs."""

TWO_CENTURIES = (
    "the year has two digits, and this could be a child or somebody of a hundred years: write all "
    f"four digits; {DAY_EXAMPLE}"
)


def birth_date_in_full(cell: str, *, today: date, field: str = "date_of_birth") -> str:
    """Return a birth date with a year of four digits: of the last hundred years or so.

    Raises `InvalidInput` where a year could be of either century, for a serial number that is
    no birthday, and where an age stands beside the date that is not the patient's.
    """
    if USUAL.fullmatch(cell):
        return cell
    if match := SERIAL.fullmatch(cell):
        born = serial_day(match)
        if (match[2] or "").strip("0") or born > today:
            raise InvalidInput.of(
                field,
                "this number is not a date on which a patient could have been born: give the "
                f"column a date format; {DAY_EXAMPLE}",
            )
        return born.isoformat()
    written = spaced(cell)
    aged = WITH_AGE.fullmatch(written)
    in_full = SHORT_YEAR.sub(
        partial(_with_century, today=today, field=field),
        parted(aged["born"] if aged else written),
    )
    if aged:
        _must_be_of_age(in_full, int(aged[aged.lastindex or 0]), today=today, field=field)
    return in_full


def _with_century(match: re.Match[str], *, today: date, field: str) -> str:
    year = today.year // 100 * 100 + int(match["year"])
    born = day_of(f"{match['before']}{year}")
    if year > today.year or (born is not None and born > today):
        year -= 100
    elif today.year - (year - 100) <= OLDEST:
        raise InvalidInput.of(field, TWO_CENTURIES)
    return f"{match['before']}{year}"


def _must_be_of_age(born: str, age: int, *, today: date, field: str) -> None:
    """Raise `InvalidInput` for an age that the patient has neither now nor within a year of now."""
    day = day_of(born)
    if day is None:
        return
    years = today.year - day.year - ((today.month, today.day) < (day.month, day.day))
    if abs(years - age) > 1:
        raise InvalidInput.of(
            field, f"the age beside it doesn't fit this date: correct one of them; {DAY_EXAMPLE}"
        )
