"""Names of a list's fields for people: those of every list, and the protocols' questions."""

from __future__ import annotations

from followup.catalogue.load import Catalogue
from followup.wording.intake.lists import COLUMNS


class FieldNames:
    """Says what a field is called; one that is none of ours keeps its own word."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.names = {name: term.label for name, term in COLUMNS.items()}
        for protocol in catalogue.protocols.values():
            self.names |= {each.key: each.question for each in protocol.attributes}

    def __call__(self, field: str) -> str:
        return self.names.get(field, field.replace("_", " "))
