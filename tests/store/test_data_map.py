"""Data map: no column without purpose, basis, where, who and how long."""

from __future__ import annotations

from sqlalchemy import Column, Integer, Table

from followup.store.data_map import all_tables, gaps
from followup.store.models.base import Base
from scripts.data_map import PLACE, document


def test_every_column_has_its_note_and_the_document_is_as_they_say():
    assert gaps() == []
    assert PLACE.read_text(encoding="utf-8") == document(), "run: make data-map"


def test_a_column_and_a_table_without_a_note_are_found():
    tables = dict(all_tables())
    new = Table("new_things", Base.metadata, Column("id", Integer, primary_key=True))
    column = Column("blood_group", Integer)
    tables["patients"].append_column(column)
    try:
        found = gaps()
    finally:
        Base.metadata.remove(new)
        tables["patients"]._columns.remove(column)

    assert found == [
        "new_things: purpose, basis, readers and how long are missing",
        "patients.blood_group: what is it for?",
    ]
