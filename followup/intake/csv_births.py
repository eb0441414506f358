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

OLDEST = 120
"""So old a patient may be, as everywhere."""
_AGE = r"aged?:? ?"
_YEARS = r" ?y(?:(?:ea)?rs?)?\.?(?: ?\d{1,2} ?m(?:on)?(?:ths?)?)?(?: old)?"
WITH_AGE = re.compile(
    rf"(?P<born>.*?\d)[ ,;-]*(?:\((?:{_AGE})?(\d{{1,3}})(?:{_YEARS})?\)|"
    rf"{_AGE}(\d{{1,3}})(?:{_YEARS})?|(?<=[ ,;-])(\d{{1,3}}){_YEARS})",
    re.IGNORECASE | re.ASCII,
)
"""A birth date with an age behind it: (44y), aged 44, 44 yrs."""

TWO_CENTURIES = (
    "the year has two digits, and could be of this century or the last: write all four digits; "
    f"{DAY_EXAMPLE}"
)
OTHER_AGE = f"the age beside it doesn't fit this date: correct one of them; {DAY_EXAMPLE}"


def birth_date_in_full(cell: str, *, today: date, field: str = "date_of_birth") -> str:
    """Return a birth date with a year of four digits.

    Raises `InvalidInput` where a year could be of either century and no age beside it says which,
    for a serial number that is no birthday, and where the age is not the patient's.
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
    age = int(aged[aged.lastindex or 0]) if aged else None
    in_full = SHORT_YEAR.sub(
        partial(_with_century, age=age, today=today, field=field),
        parted(aged["born"] if aged else written),
    )
    day = day_of(in_full)
    if age is not None and day is not None and not _is_of_age(day, age, today=today):
        raise InvalidInput.of(field, OTHER_AGE)
    return in_full


def _with_century(match: re.Match[str], *, age: int | None, today: date, field: str) -> str:
    this = today.year // 100 * 100 + int(match["year"])
    possible = {
        year: day_of(f"{match['before']}{year}")
        for year in (this, this - 100)
        if today.year - OLDEST <= year <= today.year
    }
    years = [year for year, born in possible.items() if born is None or born <= today]
    if age is not None:
        # One of them at most has the age.
        aged = [year for year in years if _is_of_age(possible[year], age, today=today)]
        years = aged or years[-1:]
    if len(years) > 1:
        raise InvalidInput.of(field, TWO_CENTURIES)
    return f"{match['before']}{years[0]}"


def _is_of_age(born: date | None, age: int, *, today: date) -> bool:
    """Say whether the patient is so old, give or take a year: lists are not made anew each day."""
    if born is None:
        return False
    years = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    return abs(years - age) <= 1
