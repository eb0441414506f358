"""Labels in CSV cells: `NHS No: 999 000 0018` and `07700 900123 (mob)` name their column again.

Only the column's own name is taken off. Of `wife: 07700 900123` the label says something else, and
so the cell is refused as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from followup.intake.csv_columns import plain

BEFORE = re.compile(r"([^\W\d][^\d@:(+]*?)(?:\s*[:=#]\s*|(?<=[\s.])(?=[\d(+]))(\S.*)")
BEHIND = re.compile(r"(\S.*?)\s*\(([^\W\d][^)\d@]*)\)")
OF_TELEPHONES = frozenset({"tel", "tel_no", "telephone", "phone", "m", "t"})
"""What a telephone number may be called in a column that is known to be that of mobiles."""


def without_label(field: str, cell: str, *, spelt: Mapping[str, str]) -> str:
    """Return a cell without the name of its own column; `spelt` is which field a heading means."""
    if cell[:1].isalpha() and (match := BEFORE.fullmatch(cell)):
        label, rest = match.groups()
    elif cell.endswith(")") and (match := BEHIND.fullmatch(cell)):
        rest, label = match.groups()
    else:
        return cell
    title = plain(label)
    is_own = spelt.get(title) == field or (field == "mobile" and title in OF_TELEPHONES)
    return str(rest) if is_own else cell
