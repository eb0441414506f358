"""FHIR resources that hospitals send: that they were sent and of whom, and what was refused why."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# A revision imports nothing of the product, which goes on changing.
UTC_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("feed_messages", sa.Column("told", sa.String(length=400), nullable=True))
    op.add_column("feed_messages", sa.Column("person_id", sa.Uuid(), nullable=True))
    op.create_index("ix_feed_messages_person_id", "feed_messages", ["person_id"])
    op.create_table(
        "fhir_resources",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", UTC_TIME, nullable=False),
        sa.Column("content_index", sa.LargeBinary(), nullable=False),
        sa.Column("said_at", UTC_TIME, nullable=True),
        sa.Column("said_version", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["feed_people.id"], name="fk_fhir_resources_person_id_feed_people"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_fhir_resources"),
    )
    op.create_index("ix_fhir_resources_person_id", "fhir_resources", ["person_id"])
    op.create_table(
        "fhir_keys",
        sa.Column("key_index", sa.LargeBinary(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("is_content", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["fhir_resources.id"], name="fk_fhir_keys_resource_id_fhir_resources"
        ),
        sa.PrimaryKeyConstraint("key_index", "resource_id", name="pk_fhir_keys"),
    )
    op.create_index("ix_fhir_keys_resource_id", "fhir_keys", ["resource_id"])


def downgrade() -> None:
    op.drop_index("ix_fhir_keys_resource_id", "fhir_keys")
    op.drop_table("fhir_keys")
    op.drop_index("ix_fhir_resources_person_id", "fhir_resources")
    op.drop_table("fhir_resources")
    op.drop_index("ix_feed_messages_person_id", "feed_messages")
    op.drop_column("feed_messages", "person_id")
    op.drop_column("feed_messages", "told")
