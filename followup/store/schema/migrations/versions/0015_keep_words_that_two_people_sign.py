"""Releases that two people sign, their files and keys, and the release of each attempt."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# A revision imports nothing of the product, which goes on changing.
UTC_TIME = sa.DateTime(timezone=True)
STANDS = "sent_back_at IS NULL AND withdrawn_at IS NULL"
WHOLE = "approver IS NULL AND {0} IS NULL OR approver IS NOT NULL AND {0} IS NOT NULL"


def upgrade() -> None:
    op.create_table(
        "releases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("clinic", sa.String(length=80), nullable=False),
        sa.Column("protocol", sa.String(length=80), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("statement", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=120), nullable=False),
        sa.Column("author_key", sa.String(length=44), nullable=False),
        sa.Column("author_signature", sa.Text(), nullable=False),
        sa.Column("author_key_kept", sa.Boolean(), nullable=False),
        sa.Column("signed_at", UTC_TIME, nullable=False),
        sa.Column("approver", sa.String(length=120), nullable=True),
        sa.Column("approver_key", sa.String(length=44), nullable=True),
        sa.Column("approver_signature", sa.Text(), nullable=True),
        sa.Column("approver_key_kept", sa.Boolean(), nullable=False),
        sa.Column("approved_at", UTC_TIME, nullable=True),
        sa.Column("sent_back_at", UTC_TIME, nullable=True),
        sa.Column("sent_back_by", sa.String(length=120), nullable=True),
        sa.Column("withdrawn_at", UTC_TIME, nullable=True),
        sa.Column("withdrawn_by", sa.String(length=120), nullable=True),
        sa.Column("remark", sa.String(length=500), nullable=True),
        sa.CheckConstraint("kind IN ('words', 'review')", name=op.f("ck_releases_kind")),
        sa.CheckConstraint(
            "approver IS NULL OR lower(approver) <> lower(author) AND approver_key <> author_key",
            name=op.f("ck_releases_two_people"),
        ),
        *(
            sa.CheckConstraint(WHOLE.format(column), name=op.f(f"ck_releases_{column}"))
            for column in ("approver_key", "approver_signature", "approved_at")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_releases"),
    )
    op.create_index("ix_releases_clinic", "releases", ["clinic", "kind", "protocol"])
    op.create_index(
        "uq_releases_digest",
        "releases",
        ["clinic", "kind", "digest"],
        unique=True,
        sqlite_where=sa.text(STANDS),
        postgresql_where=sa.text(STANDS),
    )
    op.create_table(
        "release_files",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_release_files"),
    )
    op.create_table(
        "release_readings",
        sa.Column("release_id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("part", sa.String(length=64), nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("release_id", "actor", "part", name="pk_release_readings"),
    )
    op.create_table(
        "kept_keys",
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("public_key", sa.String(length=80), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_kept_keys_staff_id_staff"),
        sa.PrimaryKeyConstraint("staff_id", name="pk_kept_keys"),
    )
    # No foreign key: SQLite can't add one without making the table anew.
    op.add_column("attempts", sa.Column("release_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("attempts", "release_id")
    op.drop_table("kept_keys")
    op.drop_table("release_readings")
    op.drop_table("release_files")
    op.drop_index("uq_releases_digest", "releases")
    op.drop_index("ix_releases_clinic", "releases")
    op.drop_table("releases")
