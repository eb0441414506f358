"""Scopes of API keys, and the outbox: who is told of events, and how far they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# A revision imports nothing of the product, which goes on changing.
UTC_TIME = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column(
        "api_keys",
        sa.Column(
            "scopes", JSON, server_default=sa.text("""'["enrolments"]'"""), nullable=False
        ),
    )
    op.create_table(
        "event_subscriptions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("clinic", sa.String(length=80), nullable=True),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("url_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("old_secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("old_secret_until_real", UTC_TIME, nullable=True),
        sa.Column("groups", JSON, nullable=False),
        sa.Column("content", sa.String(length=8), nullable=False),
        sa.Column("done_upto", SERIAL, nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("paused_at", UTC_TIME, nullable=True),
        sa.Column("paused_by", sa.String(length=120), nullable=True),
        sa.Column("removed_at", UTC_TIME, nullable=True),
        sa.Column("tries", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("failing_since_real", UTC_TIME, nullable=True),
        sa.Column("next_try_real", UTC_TIME, nullable=True),
        sa.Column("problem", sa.String(length=200), nullable=True),
        sa.Column("delivered_real_at", UTC_TIME, nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_until_real", UTC_TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_event_subscriptions"),
        sa.UniqueConstraint("name", name="uq_event_subscriptions_name"),
    )
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("number", SERIAL, nullable=False),
        sa.Column("type", sa.String(length=60), nullable=False),
        sa.Column("event_at", UTC_TIME, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(length=200), nullable=False),
        sa.Column("given_up_real_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["event_subscriptions.id"],
            name="fk_dead_letters_subscription_id_event_subscriptions",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_dead_letters"),
        sa.UniqueConstraint(
            "subscription_id", "number", name="uq_dead_letters_subscription_id_number"
        ),
    )
    op.create_table(
        "event_horizon",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("upto", SERIAL, nullable=False),
        sa.Column("next_upto", SERIAL, nullable=False),
        sa.Column("writers", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_event_horizon"),
    )


def downgrade() -> None:
    op.drop_table("event_horizon")
    op.drop_table("dead_letters")
    op.drop_table("event_subscriptions")
    op.drop_column("api_keys", "scopes")
