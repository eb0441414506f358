"""Bank-holiday calendar of the United Kingdom, from the list that ships with the product.

No server is asked. The list reaches two to three years ahead; `followup check` says when it is
about to end, and an update of the product brings the next.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from functools import cache
from typing import Any

from govuk_bank_holidays.bank_holidays import BankHolidays

from followup.domain.clinics.clinic import Clinic

_Known: Callable[..., Any] = BankHolidays


@cache
def bank_holidays(division: str) -> frozenset[date]:
    """Return the days on which the offices of `england-and-wales` or another division are closed.

    `division` is as in `Clinic`. Raises `KeyError` for one that is not there.
    """
    # Neither call is annotated.
    known: Any = _Known(use_cached_holidays=True)
    return frozenset(each["date"] for each in known.get_holidays(division=division))


def last_known(division: str) -> date:
    """Return the last bank holiday that is known."""
    return max(bank_holidays(division))


def office_is_open(clinic: Clinic, now: datetime) -> bool:
    """Say whether the clinic answers its phone at this time (aware)."""
    local = now.astimezone(clinic.zone)
    return clinic.office_hours.is_open(local, bank_holidays(clinic.division))
