"""Search keys and names without titles for those who were there before: a job writes them anew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

TO_INDEX = "indexed_by < 4 AND data_key IS NOT NULL"
TO_INDEX_BEFORE = "indexed_by < 3 AND data_key IS NOT NULL"


def upgrade() -> None:
    _index_those(TO_INDEX)


def downgrade() -> None:
    # Its rows more do no harm: the job of before writes those of anybody whose name changes anew.
    _index_those(TO_INDEX_BEFORE)


def _index_those(condition: str) -> None:
    op.drop_index("ix_patients_to_index", table_name="patients")
    op.create_index(
        "ix_patients_to_index",
        "patients",
        ["id"],
        sqlite_where=sa.text(condition),
        postgresql_where=sa.text(condition),
    )
