"""Feeds of other systems: their messages, whom and what they tell of, and drafts of enrolments."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# A revision imports nothing of the product, which goes on changing.
UTC_TIME = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
WAITING = "state = 'waiting'"
STANDS = "state NOT IN ('refused', 'replaced')"


def upgrade() -> None:
    op.create_table(
        "feed_messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("feed", sa.String(length=8), nullable=False),
        sa.Column("site", sa.String(length=80), nullable=False),
        sa.Column("source", sa.String(length=400), nullable=False),
        sa.Column("control_id", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("encoding", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("place", sa.String(length=20), nullable=True),
        sa.Column("clinic", sa.String(length=80), nullable=True),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("enrolment_id", sa.Uuid(), nullable=True),
        sa.Column("repeats", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_try_real_at", UTC_TIME, nullable=False),
        sa.Column("received_at", UTC_TIME, nullable=False),
        sa.Column("received_real_at", UTC_TIME, nullable=False),
        sa.Column("settled_at", UTC_TIME, nullable=True),
        sa.Column("replaces_id", sa.Uuid(), nullable=True),
        sa.Column("replaced_by", sa.String(length=120), nullable=True),
        sa.ForeignKeyConstraint(
            ["enrolment_id"], ["enrolments.id"], name="fk_feed_messages_enrolment_id_enrolments"
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patients.id"], name="fk_feed_messages_patient_id_patients"
        ),
        sa.ForeignKeyConstraint(
            ["replaces_id"], ["feed_messages.id"], name="fk_feed_messages_replaces_id_feed_messages"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_feed_messages"),
        sa.UniqueConstraint("site", "source", "control_id", "digest", name="uq_feed_messages_same"),
    )
    op.create_index(
        "uq_feed_messages_id",
        "feed_messages",
        ["site", "source", "control_id"],
        unique=True,
        sqlite_where=sa.text(STANDS),
        postgresql_where=sa.text(STANDS),
    )
    op.create_index(
        "ix_feed_messages_waiting",
        "feed_messages",
        ["next_try_real_at"],
        sqlite_where=sa.text(WAITING),
        postgresql_where=sa.text(WAITING),
    )
    op.create_index(
        "ix_feed_messages_state_received_at", "feed_messages", ["state", "received_at"]
    )
    op.create_table(
        "feed_people",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site", sa.String(length=80), nullable=False),
        sa.Column("key_index", sa.LargeBinary(), nullable=False),
        sa.Column("facts_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("survivor_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["survivor_id"], ["feed_people.id"], name="fk_feed_people_survivor_id_feed_people"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_feed_people"),
        sa.UniqueConstraint("site", "key_index", name="uq_feed_people_site_key_index"),
    )
    op.create_index("ix_feed_people_survivor_id", "feed_people", ["survivor_id"])
    op.create_table(
        "feed_visits",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("site", sa.String(length=80), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("visit_key", sa.String(length=120), nullable=True),
        sa.Column("appointment_key", sa.String(length=120), nullable=True),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("applied_at", UTC_TIME, nullable=True),
        sa.Column("enrolment_id", sa.Uuid(), nullable=True),
        sa.Column("stopped", sa.Boolean(), nullable=False),
        sa.Column("review_at", UTC_TIME, nullable=True),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["enrolment_id"], ["enrolments.id"], name="fk_feed_visits_enrolment_id_enrolments"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["feed_people.id"], name="fk_feed_visits_person_id_feed_people"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_feed_visits"),
        sa.UniqueConstraint("site", "appointment_key", name="uq_feed_visits_site_appointment_key"),
        sa.UniqueConstraint("site", "visit_key", name="uq_feed_visits_site_visit_key"),
    )
    op.create_index("ix_feed_visits_enrolment_id", "feed_visits", ["enrolment_id"])
    op.create_index("ix_feed_visits_person_id", "feed_visits", ["person_id"])
    op.create_index(
        "ix_feed_visits_review_at",
        "feed_visits",
        ["review_at"],
        sqlite_where=sa.text("review_at IS NOT NULL"),
        postgresql_where=sa.text("review_at IS NOT NULL"),
    )
    op.create_table(
        "enrolment_drafts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic", sa.String(length=80), nullable=False),
        sa.Column("protocol", sa.String(length=80), nullable=False),
        sa.Column("reference", sa.String(length=80), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=True),
        sa.Column("item_id", sa.Uuid(), nullable=True),
        sa.Column("procedure_at", UTC_TIME, nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("missing", JSON, nullable=False),
        sa.Column("deadline", UTC_TIME, nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("enrolment_id", sa.Uuid(), nullable=True),
        sa.Column("opened_at", UTC_TIME, nullable=False),
        sa.Column("closed_at", UTC_TIME, nullable=True),
        sa.Column("closed_by", sa.String(length=120), nullable=True),
        sa.ForeignKeyConstraint(
            ["enrolment_id"], ["enrolments.id"], name="fk_enrolment_drafts_enrolment_id_enrolments"
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["worklist_items.id"], name="fk_enrolment_drafts_item_id_worklist_items"
        ),
        sa.ForeignKeyConstraint(
            ["visit_id"], ["feed_visits.id"], name="fk_enrolment_drafts_visit_id_feed_visits"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_enrolment_drafts"),
    )
    op.create_index("ix_enrolment_drafts_item_id", "enrolment_drafts", ["item_id"])
    op.create_index("ix_enrolment_drafts_visit_id", "enrolment_drafts", ["visit_id"])
    op.create_index(
        "ix_enrolment_drafts_deadline",
        "enrolment_drafts",
        ["deadline"],
        sqlite_where=sa.text(WAITING),
        postgresql_where=sa.text(WAITING),
    )
    op.create_index(
        "uq_enrolment_drafts_waiting",
        "enrolment_drafts",
        ["visit_id"],
        unique=True,
        sqlite_where=sa.text(WAITING),
        postgresql_where=sa.text(WAITING),
    )


def downgrade() -> None:
    op.drop_table("enrolment_drafts")
    op.drop_table("feed_visits")
    op.drop_table("feed_people")
    op.drop_table("feed_messages")
