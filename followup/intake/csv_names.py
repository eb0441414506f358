"""Names of CSV cells, as lists write them: surname first, with a comma or in capitals.

Stored is the name as one would write it by hand, given names first.
"""

from __future__ import annotations

import re
from itertools import takewhile

from followup.domain.identity import TITLES
from followup.domain.people.written_names import (
    in_letters_of_both_kinds,
    is_marked,
    mended,
    name_fault,
    untitled,
)

TITLE = rf"(?:{'|'.join(sorted(TITLES))})\.?"
IN_BRACKETS = re.compile(rf"\s*\({TITLE}\)", re.IGNORECASE)


def as_name(cell: str) -> str:
    """Return a name with the given names first, in letters of both kinds, without its title.

    A title stays where only one word is left beside it. What has two commas, or is not one person's
    name, is left as it is.
    """
    text = IN_BRACKETS.sub("", mended(cell))
    surname, _, given = (part.strip() for part in text.partition(","))
    if "," in given or name_fault(text):
        return text
    words = untitled(f"{given} {surname}" if surname and given else text)
    if not given and not all(word.isupper() for word in words):
        # `SMITH John`, as `John SMITH`.
        marked = len(list(takewhile(is_marked, words)))
        words = [*words[marked:], *words[:marked]]
    return in_letters_of_both_kinds(words)
