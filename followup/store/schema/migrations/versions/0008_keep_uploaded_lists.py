"""Lists of patients that staff upload, sealed, until their rows are enrolled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# A revision imports nothing of the product, which goes on changing.
UTC_TIME = sa.DateTime(timezone=True)
STATES = "'columns', 'checking', 'checked', 'enrolling', 'done', 'failed'"


def upgrade() -> None:
    op.create_table(
        "uploaded_lists",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("clinic", sa.String(length=80), nullable=False),
        sa.Column("protocol", sa.String(length=80), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("findings_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("progress", sa.SmallInteger(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("leased_until_real_at", UTC_TIME, nullable=True),
        sa.Column("uploaded_real_at", UTC_TIME, nullable=False),
        sa.CheckConstraint(f"state IN ({STATES})", name=op.f("ck_uploaded_lists_state")),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name="fk_uploaded_lists_staff_id_staff"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_uploaded_lists"),
    )
    op.create_index("ix_uploaded_lists_staff_id", "uploaded_lists", ["staff_id"])
    op.create_index("ix_uploaded_lists_uploaded_real_at", "uploaded_lists", ["uploaded_real_at"])


def downgrade() -> None:
    op.drop_index("ix_uploaded_lists_uploaded_real_at", "uploaded_lists")
    op.drop_index("ix_uploaded_lists_staff_id", "uploaded_lists")
    op.drop_table("uploaded_lists")
