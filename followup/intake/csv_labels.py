"""Labels in CSV cells: `NHS No: 999 000 0018` and `999 000 0018 (NHS)` name their column again.

Only the column's own name is taken off. What else stands beside a telephone number is read where
any number is: see `followup.domain.people.number_notes`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from followup.intake.csv_columns import plain

BEFORE = re.compile(r"([^\W\d][^\d@:(+]*?)(?:\s*[:=#]\s*|(?<=[\s.])(?=[\d(+]))(\S.*)")
BEHIND = re.compile(r"(\S.*?)\s*\(([^\W\d][^)\d@]*)\)")


def without_label(field: str, cell: str, *, spelt: Mapping[str, str]) -> str:
    """Return a cell without the name of its own column; `spelt` is which field a heading means."""
    if cell[:1].isalpha() and (match := BEFORE.fullmatch(cell)):
        label, rest = match.groups()
    elif cell.endswith(")") and (match := BEHIND.fullmatch(cell)):
        rest, label = match.groups()
    else:
        return cell
    return str(rest) if spelt.get(plain(label)) == field else cell
