"""Keyed hashes of words of names and of birthdays; the job that indexes people fills them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TO_INDEX, TO_INDEX_BEFORE = "indexed_by < 2 AND data_key IS NOT NULL", "indexed_by = 0"


def upgrade() -> None:
    op.create_table(
        "patient_search_keys",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"],
            ["patients.id"],
            name=op.f("fk_patient_search_keys_patient_id_patients"),
        ),
        sa.PrimaryKeyConstraint("key", "patient_id", name=op.f("pk_patient_search_keys")),
    )
    op.create_index(
        op.f("ix_patient_search_keys_patient_id"), "patient_search_keys", ["patient_id"]
    )
    _index_those(TO_INDEX)
    op.drop_index("ix_patients_surname_index", table_name="patients")
    op.drop_column("patients", "surname_index")


def downgrade() -> None:
    op.add_column("patients", sa.Column("surname_index", sa.LargeBinary(), nullable=True))
    op.create_index("ix_patients_surname_index", "patients", ["surname_index"])
    # Names are sealed: the job of before finds them again.
    op.execute("UPDATE patients SET indexed_by = 0 WHERE data_key IS NOT NULL")
    _index_those(TO_INDEX_BEFORE)
    op.drop_table("patient_search_keys")


def _index_those(condition: str) -> None:
    op.drop_index("ix_patients_to_index", table_name="patients")
    op.create_index(
        "ix_patients_to_index",
        "patients",
        ["id"],
        sqlite_where=sa.text(condition),
        postgresql_where=sa.text(condition),
    )
