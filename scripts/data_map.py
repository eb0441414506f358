"""Write docs/data-map.md from the models and their notes: `make data-map`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from followup.store.data_map import all_tables, data_map, gaps, where_kept

PLACE = Path(__file__).resolve().parent.parent / "docs" / "data-map.md"

HEAD = """\
# Data map

For the data protection officer and whoever keeps the record of processing (Article 30 of the UK
GDPR): every column that is kept, what for, on which legal basis, where, who reads it, and how long.
Made from the models by `make data-map`; the notes stand in `followup/store/data_map.toml`, and a
test fails on a column without one. What to do with it is in the [DPIA](dpia.md).

Nothing leaves the database but messages to a provider, events to systems that a manager sets up
(ids alone, unless content is chosen), FHIR answers to holders of a key, and files that a member of
staff downloads. Backups are copies of the database.
"""


def document() -> str:
    """Return the document."""
    return "\n".join([HEAD, *_words(), *_tables()])


def _words() -> Iterator[str]:
    noted = data_map()
    for heading, words in (("Legal bases", noted.bases), ("How long", noted.kept)):
        yield f"## {heading}\n"
        yield from (f"- **{name}**: {text}." for name, text in words.items())
        yield ""
    yield "## Tables\n"


def _tables() -> Iterator[str]:
    noted = data_map()
    for name, note in sorted(noted.tables.items()):
        readers = ", ".join(noted.readers[it] for it in note.readers)
        yield f"### {name}\n"
        yield f"{note.purpose}. Basis: {note.basis}. Kept: {note.kept}. Read by: {readers}.\n"
        yield "| column | what for | where | handed out |"
        yield "| --- | --- | --- | --- |"
        for column in all_tables()[name].columns:
            given = "–" if note.person is None else note.left_out.get(column.key, "yes")
            given = given if given in {"–", "yes"} else f"no: {given}"
            text = note.columns[column.key]
            yield f"| `{column.key}` | {text} | {where_kept(column)} | {given} |"
        yield ""


if __name__ == "__main__":
    if missing := gaps():
        sys.exit("\n".join(missing))
    PLACE.write_text(document(), encoding="utf-8")
