# ruff: noqa: E501, PLR0915 - written by Alembic from the models.
"""make the first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

UTC_TIME = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A rising number: SQLite counts only a column that it calls INTEGER."""

APPEND_ONLY = ("audit_events", "audit_seals")
REFUSAL = "the audit trail is append-only"


def upgrade() -> None:
    op.create_table(
        "alarms",
        sa.Column("code", sa.String(length=80), nullable=False),
        sa.Column("sentence", sa.String(length=500), nullable=False),
        sa.Column("raised_real_at", UTC_TIME, nullable=False),
        sa.Column("seen_real_at", UTC_TIME, nullable=False),
        sa.Column("told_real_at", UTC_TIME, nullable=True),
        sa.Column("telling_until", UTC_TIME, nullable=True),
        sa.Column("cleared_real_at", UTC_TIME, nullable=True),
        sa.Column("told_over", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_alarms")),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("clinic", sa.String(length=80), nullable=True),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("revoked_at", UTC_TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_keys_hash")),
        sa.UniqueConstraint("name", name=op.f("uq_api_keys_name")),
    )
    op.create_table(
        "audit_events",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.Column("real_at", UTC_TIME, nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("clinic", sa.String(length=80), nullable=True),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("enrolment_id", sa.Uuid(), nullable=True),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column("detail", JSON, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_events")),
    )
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_events_at"), ["at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_audit_events_enrolment_id"), ["enrolment_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_audit_events_message_id"), ["message_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_audit_events_patient_id"), ["patient_id"], unique=False
        )

    op.create_table(
        "audit_seals",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("after_id", SERIAL, nullable=False),
        sa.Column("upto_id", SERIAL, nullable=False),
        sa.Column("events", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_real_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_seals")),
        sa.UniqueConstraint("after_id", name=op.f("uq_audit_seals_after_id")),
    )
    op.create_table(
        "content_versions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("template", sa.String(length=80), nullable=False),
        sa.Column("language", sa.String(length=12), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("sources", JSON, nullable=False),
        sa.Column("approval", JSON, nullable=True),
        sa.Column("first_used_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content_versions")),
    )
    op.create_table(
        "heartbeats",
        sa.Column("component", sa.String(length=20), nullable=False),
        sa.Column("instance", sa.String(length=120), nullable=False),
        sa.Column("since_real_at", UTC_TIME, nullable=False),
        sa.Column("real_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("component", "instance", name=op.f("pk_heartbeats")),
    )
    op.create_table(
        "patients",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic", sa.String(length=80), nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=True),
        sa.Column("master_key_id", sa.String(length=16), nullable=True),
        sa.Column("identity_index", sa.LargeBinary(), nullable=True),
        sa.Column("nhs_number_index", sa.LargeBinary(), nullable=True),
        sa.Column("surname_index", sa.LargeBinary(), nullable=True),
        sa.Column("mobile_index", sa.LargeBinary(), nullable=True),
        sa.Column("email_index", sa.LargeBinary(), nullable=True),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("nhs_number_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("date_of_birth_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("mobile_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("email_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("language", sa.String(length=12), nullable=False),
        sa.Column("mobile_unusable", sa.String(length=40), nullable=True),
        sa.Column("mobile_confirmed", sa.String(length=12), nullable=True),
        sa.Column("mobile_confirmed_at", UTC_TIME, nullable=True),
        sa.Column("mobile_confirmed_by", sa.String(length=120), nullable=True),
        sa.Column("email_unusable", sa.String(length=40), nullable=True),
        sa.Column("needs_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("deceased_at", UTC_TIME, nullable=True),
        sa.Column("erased_at", UTC_TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patients")),
        sa.UniqueConstraint(
            "clinic", "identity_index", name=op.f("uq_patients_clinic_identity_index")
        ),
    )
    with op.batch_alter_table("patients", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_patients_email_index"), ["email_index"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_patients_mobile_index"), ["mobile_index"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_patients_nhs_number_index"), ["nhs_number_index"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_patients_surname_index"), ["surname_index"], unique=False
        )

    op.create_table(
        "protocol_versions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("protocol", sa.String(length=80), nullable=False),
        sa.Column("definition", JSON, nullable=False),
        sa.Column("first_used_at", UTC_TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_protocol_versions")),
    )
    op.create_table(
        "restores",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("taken_real_at", UTC_TIME, nullable=False),
        sa.Column("restored_at", UTC_TIME, nullable=True),
        sa.Column("restored_real_at", UTC_TIME, nullable=True),
        sa.Column("restored_by", sa.String(length=120), nullable=True),
        sa.Column("settled_real_at", UTC_TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_restores")),
    )
    op.create_table(
        "sandbox_messages",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("to_index", sa.LargeBinary(), nullable=False),
        sa.Column("to_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("subject_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("body_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("accepted_at", UTC_TIME, nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=True),
        sa.Column("report_at", UTC_TIME, nullable=True),
        sa.Column("next_status", sa.String(length=12), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sandbox_messages")),
    )
    with op.batch_alter_table("sandbox_messages", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_sandbox_messages_message_id"), ["message_id"], unique=False
        )
        batch_op.create_index(
            "ix_sandbox_messages_report_at",
            ["report_at"],
            unique=False,
            sqlite_where=sa.text("report_at IS NOT NULL"),
            postgresql_where=sa.text("report_at IS NOT NULL"),
        )
        batch_op.create_index(
            batch_op.f("ix_sandbox_messages_to_index"), ["to_index"], unique=False
        )

    op.create_table(
        "service_keys",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("master_key_id", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_service_keys")),
    )
    op.create_table(
        "sign_in_attempts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_index", sa.LargeBinary(), nullable=False),
        sa.Column("address_index", sa.LargeBinary(), nullable=False),
        sa.Column("real_at", UTC_TIME, nullable=False),
        sa.Column("succeeded", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_attempts")),
    )
    with op.batch_alter_table("sign_in_attempts", schema=None) as batch_op:
        batch_op.create_index(
            "ix_sign_in_attempts_account", ["account_index", "real_at"], unique=False
        )
        batch_op.create_index(
            "ix_sign_in_attempts_address", ["address_index", "real_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_sign_in_attempts_real_at"), ["real_at"], unique=False)

    op.create_table(
        "staff",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("roles", JSON, nullable=False),
        sa.Column("clinics", JSON, nullable=True),
        sa.Column("password_hash", sa.String(length=200), nullable=True),
        sa.Column("subject", sa.String(length=255), nullable=True),
        sa.Column("code_key_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("code_step", sa.BigInteger(), nullable=True),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("disabled_at", UTC_TIME, nullable=True),
        sa.Column("disabled_by", sa.String(length=120), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff")),
        sa.UniqueConstraint("email", name=op.f("uq_staff_email")),
        sa.UniqueConstraint("subject", name=op.f("uq_staff_subject")),
    )
    op.create_table(
        "stand_ins",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("began_real_at", UTC_TIME, nullable=False),
        sa.Column("last_real_at", UTC_TIME, nullable=False),
        sa.Column("ended_real_at", UTC_TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stand_ins")),
    )
    with op.batch_alter_table("stand_ins", schema=None) as batch_op:
        batch_op.create_index(
            "uq_stand_ins_channel",
            ["channel"],
            unique=True,
            sqlite_where=sa.text("ended_real_at IS NULL"),
            postgresql_where=sa.text("ended_real_at IS NULL"),
        )

    op.create_table(
        "sweeps",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("started_real_at", UTC_TIME, nullable=False),
        sa.Column("finished_real_at", UTC_TIME, nullable=True),
        sa.Column("service_at", UTC_TIME, nullable=False),
        sa.Column("found", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=300), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sweeps")),
    )
    op.create_table(
        "switches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.String(length=12), nullable=False),
        sa.Column("value", sa.String(length=80), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("thrown_at", UTC_TIME, nullable=False),
        sa.Column("thrown_by", sa.String(length=120), nullable=False),
        sa.Column("lifted_at", UTC_TIME, nullable=True),
        sa.Column("lifted_by", sa.String(length=120), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_switches")),
    )
    op.create_table(
        "version_minutes",
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("minute", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("begun", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("version", "minute", name=op.f("pk_version_minutes")),
    )
    op.create_table(
        "enrolments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic", sa.String(length=80), nullable=False),
        sa.Column("protocol", sa.String(length=80), nullable=False),
        sa.Column("protocol_version", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=80), nullable=True),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("procedure_at", UTC_TIME, nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("attributes", JSON, nullable=False),
        sa.Column("channels", JSON, nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.Column("ended_at", UTC_TIME, nullable=True),
        sa.Column("ended_reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("page_index", sa.LargeBinary(), nullable=True),
        sa.Column("page_token_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("page_expires_at", UTC_TIME, nullable=True),
        sa.CheckConstraint(
            "state IN ('active', 'paused', 'withdrawn', 'finished')",
            name=op.f("ck_enrolments_state"),
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patients.id"], name=op.f("fk_enrolments_patient_id_patients")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolments")),
        sa.UniqueConstraint("clinic", "reference", name=op.f("uq_enrolments_clinic_reference")),
        sa.UniqueConstraint("page_index", name=op.f("uq_enrolments_page_index")),
    )
    with op.batch_alter_table("enrolments", schema=None) as batch_op:
        batch_op.create_index(
            "ix_enrolments_clinic_procedure_at_id", ["clinic", "procedure_at", "id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_enrolments_patient_id"), ["patient_id"], unique=False)
        batch_op.create_index("ix_enrolments_procedure_at_id", ["procedure_at", "id"], unique=False)
        batch_op.create_index(
            "ix_enrolments_state_procedure_at", ["state", "procedure_at"], unique=False
        )
        batch_op.create_index(
            "uq_enrolments_procedure",
            ["patient_id", "protocol", "procedure_at"],
            unique=True,
            sqlite_where=sa.text("state != 'withdrawn'"),
            postgresql_where=sa.text("state != 'withdrawn'"),
        )

    op.create_table(
        "invitations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("email", sa.String(length=100), nullable=True),
        sa.Column("roles", JSON, nullable=False),
        sa.Column("clinics", JSON, nullable=True),
        sa.Column("made_real_at", UTC_TIME, nullable=False),
        sa.Column("made_by", sa.String(length=120), nullable=False),
        sa.Column("expires_real_at", UTC_TIME, nullable=False),
        sa.Column("used_real_at", UTC_TIME, nullable=True),
        sa.Column("withdrawn_real_at", UTC_TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_invitations_staff_id_staff")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitations_token_hash")),
    )
    op.create_table(
        "objections",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("contact_index", sa.LargeBinary(), nullable=True),
        sa.Column("channel", sa.String(length=8), nullable=True),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("lodged_at", UTC_TIME, nullable=False),
        sa.Column("lodged_by", sa.String(length=120), nullable=False),
        sa.Column("lifted_at", UTC_TIME, nullable=True),
        sa.Column("lifted_by", sa.String(length=120), nullable=True),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patients.id"], name=op.f("fk_objections_patient_id_patients")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_objections")),
    )
    with op.batch_alter_table("objections", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_objections_contact_index"), ["contact_index"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_objections_patient_id"), ["patient_id"], unique=False)

    op.create_table(
        "staff_sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.String(length=10), nullable=False),
        sa.Column("browser", sa.String(length=60), nullable=False),
        sa.Column("began_real_at", UTC_TIME, nullable=False),
        sa.Column("seen_real_at", UTC_TIME, nullable=False),
        sa.Column("ended_real_at", UTC_TIME, nullable=True),
        sa.Column("new_code_key_sealed", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(
            "stage IN ('code', 'enrol-code', 'full')", name=op.f("ck_staff_sessions_stage")
        ),
        sa.ForeignKeyConstraint(
            ["staff_id"], ["staff.id"], name=op.f("fk_staff_sessions_staff_id_staff")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staff_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_staff_sessions_token_hash")),
    )
    with op.batch_alter_table("staff_sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_staff_sessions_staff_id"), ["staff_id"], unique=False)

    op.create_table(
        "drafts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("answers_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("touched_real_at", UTC_TIME, nullable=False),
        sa.Column("enrolment_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["enrolment_id"], ["enrolments.id"], name=op.f("fk_drafts_enrolment_id_enrolments")
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name=op.f("fk_drafts_staff_id_staff")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drafts")),
    )
    with op.batch_alter_table("drafts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_drafts_staff_id"), ["staff_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_drafts_touched_real_at"), ["touched_real_at"], unique=False
        )

    op.create_table(
        "generations",
        sa.Column("enrolment_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("procedure_at", UTC_TIME, nullable=False),
        sa.Column("protocol_version", sa.String(length=64), nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.Column("created_by", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(
            ["enrolment_id"], ["enrolments.id"], name=op.f("fk_generations_enrolment_id_enrolments")
        ),
        sa.PrimaryKeyConstraint("enrolment_id", "number", name=op.f("pk_generations")),
    )
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("clinic", sa.String(length=80), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("enrolment_id", sa.Uuid(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("protocol", sa.String(length=80), nullable=True),
        sa.Column("step", sa.String(length=80), nullable=False),
        sa.Column("occurrence", sa.SmallInteger(), nullable=False),
        sa.Column("template", sa.String(length=80), nullable=False),
        sa.Column("channel", sa.String(length=8), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("missed", sa.String(length=8), nullable=False),
        sa.Column("may_fall_back", sa.Boolean(), nullable=False),
        sa.Column("fallback_of", sa.Uuid(), nullable=True),
        sa.Column("superseded", sa.Boolean(), nullable=False),
        sa.Column("receipt_wait", sa.Integer(), nullable=False),
        sa.Column("answer_wait", sa.Integer(), nullable=True),
        sa.Column("address_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("address_index", sa.LargeBinary(), nullable=True),
        sa.Column("due_at", UTC_TIME, nullable=False),
        sa.Column("not_before", UTC_TIME, nullable=False),
        sa.Column("not_after", UTC_TIME, nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("moved_because", JSON, nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("reason", sa.String(length=80), nullable=True),
        sa.Column("state_since", UTC_TIME, nullable=False),
        sa.Column("state_since_real", UTC_TIME, nullable=False),
        sa.Column("claimable_at", UTC_TIME, nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_until", UTC_TIME, nullable=True),
        sa.Column("attempt_count", sa.SmallInteger(), nullable=False),
        sa.Column("let_go", sa.Boolean(), server_default=sa.text("(false)"), nullable=False),
        sa.Column("restore_id", SERIAL, nullable=True),
        sa.Column("sent_at", UTC_TIME, nullable=True),
        sa.Column("delivered_at", UTC_TIME, nullable=True),
        sa.Column("receipt_due_at", UTC_TIME, nullable=True),
        sa.Column("answer_due_at", UTC_TIME, nullable=True),
        sa.Column("answer", sa.String(length=8), nullable=True),
        sa.Column("answered_at", UTC_TIME, nullable=True),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.CheckConstraint("kind IN ('advice', 'reply', 'check')", name=op.f("ck_messages_kind")),
        sa.CheckConstraint(
            "state IN ('planned', 'held', 'claimed', 'sending', 'unknown', 'sent', 'delivered', 'failed', 'expired', 'suppressed', 'cancelled')",
            name=op.f("ck_messages_state"),
        ),
        sa.ForeignKeyConstraint(
            ["enrolment_id"], ["enrolments.id"], name=op.f("fk_messages_enrolment_id_enrolments")
        ),
        sa.ForeignKeyConstraint(
            ["fallback_of"], ["messages.id"], name=op.f("fk_messages_fallback_of_messages")
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patients.id"], name=op.f("fk_messages_patient_id_patients")
        ),
        sa.ForeignKeyConstraint(
            ["restore_id"], ["restores.id"], name=op.f("fk_messages_restore_id_restores")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
    )
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.create_index(
            "ix_messages_answer_due_at",
            ["answer_due_at"],
            unique=False,
            sqlite_where=sa.text("answer_due_at IS NOT NULL"),
            postgresql_where=sa.text("answer_due_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_messages_claimable",
            ["priority", "channel", "claimable_at"],
            unique=False,
            sqlite_where=sa.text("state = 'planned'"),
            postgresql_where=sa.text("state = 'planned'"),
        )
        batch_op.create_index("ix_messages_due_at", ["due_at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_messages_enrolment_id"), ["enrolment_id"], unique=False
        )
        batch_op.create_index(
            "ix_messages_fallback_of",
            ["fallback_of"],
            unique=True,
            sqlite_where=sa.text("fallback_of IS NOT NULL"),
            postgresql_where=sa.text("fallback_of IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_messages_leased",
            ["state", "lease_until"],
            unique=False,
            sqlite_where=sa.text("state IN ('claimed', 'sending', 'unknown')"),
            postgresql_where=sa.text("state IN ('claimed', 'sending', 'unknown')"),
        )
        batch_op.create_index(batch_op.f("ix_messages_patient_id"), ["patient_id"], unique=False)
        batch_op.create_index(
            "ix_messages_receipt_due",
            ["receipt_due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'sent' AND receipt_due_at IS NOT NULL"),
            postgresql_where=sa.text("state = 'sent' AND receipt_due_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_messages_state_due_at", ["state", "due_at", "channel", "clinic"], unique=False
        )
        batch_op.create_index(
            "ix_messages_unsent_not_after",
            ["not_after"],
            unique=False,
            sqlite_where=sa.text("state IN ('planned', 'held')"),
            postgresql_where=sa.text("state IN ('planned', 'held')"),
        )
        batch_op.create_index(
            "uq_messages_occurrence",
            ["enrolment_id", "generation", "step", "occurrence", "channel"],
            unique=True,
            sqlite_where=sa.text("kind = 'advice' AND fallback_of IS NULL"),
            postgresql_where=sa.text("kind = 'advice' AND fallback_of IS NULL"),
        )

    op.create_table(
        "attempts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("account", sa.String(length=64), server_default="", nullable=False),
        sa.Column("sender", sa.String(length=120), nullable=False),
        sa.Column("address_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("subject_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("body_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("html_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("content_version", sa.String(length=64), nullable=False),
        sa.Column("segments", sa.SmallInteger(), nullable=True),
        sa.Column("encoding", sa.String(length=8), nullable=True),
        sa.Column("started_at", UTC_TIME, nullable=False),
        sa.Column("started_real_at", UTC_TIME, nullable=False),
        sa.Column("over_real_at", UTC_TIME, nullable=False),
        sa.Column("finished_at", UTC_TIME, nullable=True),
        sa.Column("outcome", sa.String(length=12), nullable=True),
        sa.Column("provider_id", sa.String(length=320), nullable=True),
        sa.Column("code", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.String(length=300), nullable=True),
        sa.ForeignKeyConstraint(
            ["content_version"],
            ["content_versions.id"],
            name=op.f("fk_attempts_content_version_content_versions"),
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_attempts_message_id_messages")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
        sa.UniqueConstraint("message_id", "number", name=op.f("uq_attempts_message_id_number")),
    )
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.create_index(
            "uq_attempts_provider_id",
            ["provider", "provider_id"],
            unique=True,
            sqlite_where=sa.text("provider_id IS NOT NULL"),
            postgresql_where=sa.text("provider_id IS NOT NULL"),
        )

    op.create_table(
        "inbound_messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("provider_id", sa.String(length=320), nullable=False),
        sa.Column("clinic", sa.String(length=80), nullable=True),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("address_index", sa.LargeBinary(), nullable=False),
        sa.Column("address_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("body_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("media_count", sa.SmallInteger(), nullable=False),
        sa.Column("meaning", sa.String(length=20), nullable=False),
        sa.Column("classes", JSON, nullable=False),
        sa.Column("sorted_by", sa.String(length=80), nullable=False),
        sa.Column("answer_id", sa.Uuid(), nullable=True),
        sa.Column("received_at", UTC_TIME, nullable=False),
        sa.Column("received_real_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["answer_id"], ["messages.id"], name=op.f("fk_inbound_messages_answer_id_messages")
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patients.id"], name=op.f("fk_inbound_messages_patient_id_patients")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_messages")),
        sa.UniqueConstraint(
            "provider", "provider_id", name=op.f("uq_inbound_messages_provider_provider_id")
        ),
    )
    with op.batch_alter_table("inbound_messages", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_inbound_messages_address_index"), ["address_index"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_inbound_messages_patient_id"), ["patient_id"], unique=False
        )
        batch_op.create_index("ix_inbound_messages_received_at", ["received_at"], unique=False)

    op.create_table(
        "number_checks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("draft_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("address_index", sa.LargeBinary(), nullable=False),
        sa.Column("asked_real_at", UTC_TIME, nullable=False),
        sa.Column("expires_real_at", UTC_TIME, nullable=False),
        sa.Column("wrong", sa.SmallInteger(), nullable=False),
        sa.Column("confirmed_at", UTC_TIME, nullable=True),
        sa.Column("confirmed_by", sa.String(length=120), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_number_checks_message_id_messages")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_number_checks")),
    )
    with op.batch_alter_table("number_checks", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_number_checks_asked_real_at"), ["asked_real_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_number_checks_draft_id"), ["draft_id"], unique=False)
        batch_op.create_index(
            "ix_number_checks_number", ["address_index", "asked_real_at"], unique=False
        )

    op.create_table(
        "receipts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("account", sa.String(length=64), server_default="", nullable=False),
        sa.Column("provider_id", sa.String(length=320), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=True),
        sa.Column("recipient", sa.Boolean(), nullable=False),
        sa.Column("opted_out", sa.Boolean(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=True),
        sa.Column("names_message", sa.Uuid(), nullable=True),
        sa.Column("names_attempt", sa.Uuid(), nullable=True),
        sa.Column("received_at", UTC_TIME, nullable=False),
        sa.Column("received_real_at", UTC_TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["attempt_id"], ["attempts.id"], name=op.f("fk_receipts_attempt_id_attempts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_receipts")),
        sa.UniqueConstraint(
            "provider",
            "provider_id",
            "status",
            "code",
            name=op.f("uq_receipts_provider_provider_id_status_code"),
        ),
    )
    with op.batch_alter_table("receipts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_receipts_attempt_id"), ["attempt_id"], unique=False)
        batch_op.create_index(
            "ix_receipts_parked",
            ["received_real_at"],
            unique=False,
            sqlite_where=sa.text("attempt_id IS NULL"),
            postgresql_where=sa.text("attempt_id IS NULL"),
        )

    op.create_table(
        "worklist_items",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=160), nullable=False),
        sa.Column("clinic", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("urgency", sa.SmallInteger(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("enrolment_id", sa.Uuid(), nullable=True),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column("inbound_id", sa.Uuid(), nullable=True),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("opened_at", UTC_TIME, nullable=False),
        sa.Column("due_at", UTC_TIME, nullable=False),
        sa.Column("escalate_at", UTC_TIME, nullable=True),
        sa.Column("escalations", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("owner", sa.String(length=120), nullable=True),
        sa.Column("closed_at", UTC_TIME, nullable=True),
        sa.Column("closed_by", sa.String(length=120), nullable=True),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.Column("note_sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["enrolment_id"],
            ["enrolments.id"],
            name=op.f("fk_worklist_items_enrolment_id_enrolments"),
        ),
        sa.ForeignKeyConstraint(
            ["inbound_id"],
            ["inbound_messages.id"],
            name=op.f("fk_worklist_items_inbound_id_inbound_messages"),
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_worklist_items_message_id_messages")
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patients.id"], name=op.f("fk_worklist_items_patient_id_patients")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worklist_items")),
        sa.UniqueConstraint("subject", name=op.f("uq_worklist_items_subject")),
    )
    with op.batch_alter_table("worklist_items", schema=None) as batch_op:
        batch_op.create_index(
            "ix_worklist_items_escalate_at",
            ["escalate_at"],
            unique=False,
            sqlite_where=sa.text("state = 'open' AND escalate_at IS NOT NULL"),
            postgresql_where=sa.text("state = 'open' AND escalate_at IS NOT NULL"),
        )
        batch_op.create_index(
            batch_op.f("ix_worklist_items_message_id"), ["message_id"], unique=False
        )
        batch_op.create_index(
            "ix_worklist_items_open",
            ["urgency", "due_at"],
            unique=False,
            sqlite_where=sa.text("state != 'closed'"),
            postgresql_where=sa.text("state != 'closed'"),
        )
        batch_op.create_index(
            batch_op.f("ix_worklist_items_patient_id"), ["patient_id"], unique=False
        )
        batch_op.create_index(
            "ix_worklist_items_state_opened_at", ["state", "opened_at"], unique=False
        )

    op.create_table(
        "calls",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinic", sa.String(length=80), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("enrolment_id", sa.Uuid(), nullable=True),
        sa.Column("item_id", sa.Uuid(), nullable=True),
        sa.Column("outcome", sa.String(length=40), nullable=False),
        sa.Column("note_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("at", UTC_TIME, nullable=False),
        sa.Column("made_by", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(
            ["enrolment_id"], ["enrolments.id"], name=op.f("fk_calls_enrolment_id_enrolments")
        ),
        sa.ForeignKeyConstraint(
            ["item_id"], ["worklist_items.id"], name=op.f("fk_calls_item_id_worklist_items")
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patients.id"], name=op.f("fk_calls_patient_id_patients")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
    )
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_calls_patient_id"), ["patient_id"], unique=False)

    op.create_table(
        "escalations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("time", sa.SmallInteger(), nullable=False),
        sa.Column("route", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("next_try_real_at", UTC_TIME, nullable=False),
        sa.Column("error", sa.String(length=80), nullable=True),
        sa.Column("created_at", UTC_TIME, nullable=False),
        sa.CheckConstraint("state IN ('due', 'done', 'failed')", name=op.f("ck_escalations_state")),
        sa.ForeignKeyConstraint(
            ["item_id"], ["worklist_items.id"], name=op.f("fk_escalations_item_id_worklist_items")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalations")),
        sa.UniqueConstraint(
            "item_id", "time", "route", name=op.f("uq_escalations_item_id_time_route")
        ),
    )
    with op.batch_alter_table("escalations", schema=None) as batch_op:
        batch_op.create_index(
            "ix_escalations_due",
            ["next_try_real_at"],
            unique=False,
            sqlite_where=sa.text("state = 'due'"),
            postgresql_where=sa.text("state = 'due'"),
        )

    op.create_table(
        "occurrences",
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.String(length=80), nullable=False),
        sa.Column("found_at", UTC_TIME, nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"], ["worklist_items.id"], name=op.f("fk_occurrences_item_id_worklist_items")
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("fk_occurrences_message_id_messages")
        ),
        sa.PrimaryKeyConstraint("item_id", "message_id", name=op.f("pk_occurrences")),
    )
    with op.batch_alter_table("occurrences", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_occurrences_message_id"), ["message_id"], unique=False)

    for table in APPEND_ONLY:
        _refuse_changes(table)


def downgrade() -> None:
    for table in APPEND_ONLY:
        _allow_changes(table)
    with op.batch_alter_table("occurrences", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_occurrences_message_id"))

    op.drop_table("occurrences")
    with op.batch_alter_table("escalations", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_escalations_due",
            sqlite_where=sa.text("state = 'due'"),
            postgresql_where=sa.text("state = 'due'"),
        )

    op.drop_table("escalations")
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_calls_patient_id"))

    op.drop_table("calls")
    with op.batch_alter_table("worklist_items", schema=None) as batch_op:
        batch_op.drop_index("ix_worklist_items_state_opened_at")
        batch_op.drop_index(batch_op.f("ix_worklist_items_patient_id"))
        batch_op.drop_index(
            "ix_worklist_items_open",
            sqlite_where=sa.text("state != 'closed'"),
            postgresql_where=sa.text("state != 'closed'"),
        )
        batch_op.drop_index(batch_op.f("ix_worklist_items_message_id"))
        batch_op.drop_index(
            "ix_worklist_items_escalate_at",
            sqlite_where=sa.text("state = 'open' AND escalate_at IS NOT NULL"),
            postgresql_where=sa.text("state = 'open' AND escalate_at IS NOT NULL"),
        )

    op.drop_table("worklist_items")
    with op.batch_alter_table("receipts", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_receipts_parked",
            sqlite_where=sa.text("attempt_id IS NULL"),
            postgresql_where=sa.text("attempt_id IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_receipts_attempt_id"))

    op.drop_table("receipts")
    with op.batch_alter_table("number_checks", schema=None) as batch_op:
        batch_op.drop_index("ix_number_checks_number")
        batch_op.drop_index(batch_op.f("ix_number_checks_draft_id"))
        batch_op.drop_index(batch_op.f("ix_number_checks_asked_real_at"))

    op.drop_table("number_checks")
    with op.batch_alter_table("inbound_messages", schema=None) as batch_op:
        batch_op.drop_index("ix_inbound_messages_received_at")
        batch_op.drop_index(batch_op.f("ix_inbound_messages_patient_id"))
        batch_op.drop_index(batch_op.f("ix_inbound_messages_address_index"))

    op.drop_table("inbound_messages")
    with op.batch_alter_table("attempts", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_attempts_provider_id",
            sqlite_where=sa.text("provider_id IS NOT NULL"),
            postgresql_where=sa.text("provider_id IS NOT NULL"),
        )

    op.drop_table("attempts")
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_messages_occurrence",
            sqlite_where=sa.text("kind = 'advice' AND fallback_of IS NULL"),
            postgresql_where=sa.text("kind = 'advice' AND fallback_of IS NULL"),
        )
        batch_op.drop_index(
            "ix_messages_unsent_not_after",
            sqlite_where=sa.text("state IN ('planned', 'held')"),
            postgresql_where=sa.text("state IN ('planned', 'held')"),
        )
        batch_op.drop_index("ix_messages_state_due_at")
        batch_op.drop_index(
            "ix_messages_receipt_due",
            sqlite_where=sa.text("state = 'sent' AND receipt_due_at IS NOT NULL"),
            postgresql_where=sa.text("state = 'sent' AND receipt_due_at IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_messages_patient_id"))
        batch_op.drop_index(
            "ix_messages_leased",
            sqlite_where=sa.text("state IN ('claimed', 'sending', 'unknown')"),
            postgresql_where=sa.text("state IN ('claimed', 'sending', 'unknown')"),
        )
        batch_op.drop_index(
            "ix_messages_fallback_of",
            sqlite_where=sa.text("fallback_of IS NOT NULL"),
            postgresql_where=sa.text("fallback_of IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_messages_enrolment_id"))
        batch_op.drop_index("ix_messages_due_at")
        batch_op.drop_index(
            "ix_messages_claimable",
            sqlite_where=sa.text("state = 'planned'"),
            postgresql_where=sa.text("state = 'planned'"),
        )
        batch_op.drop_index(
            "ix_messages_answer_due_at",
            sqlite_where=sa.text("answer_due_at IS NOT NULL"),
            postgresql_where=sa.text("answer_due_at IS NOT NULL"),
        )

    op.drop_table("messages")
    op.drop_table("generations")
    with op.batch_alter_table("drafts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_drafts_touched_real_at"))
        batch_op.drop_index(batch_op.f("ix_drafts_staff_id"))

    op.drop_table("drafts")
    with op.batch_alter_table("staff_sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_staff_sessions_staff_id"))

    op.drop_table("staff_sessions")
    with op.batch_alter_table("objections", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_objections_patient_id"))
        batch_op.drop_index(batch_op.f("ix_objections_contact_index"))

    op.drop_table("objections")
    op.drop_table("invitations")
    with op.batch_alter_table("enrolments", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_enrolments_procedure",
            sqlite_where=sa.text("state != 'withdrawn'"),
            postgresql_where=sa.text("state != 'withdrawn'"),
        )
        batch_op.drop_index("ix_enrolments_state_procedure_at")
        batch_op.drop_index("ix_enrolments_procedure_at_id")
        batch_op.drop_index(batch_op.f("ix_enrolments_patient_id"))
        batch_op.drop_index("ix_enrolments_clinic_procedure_at_id")

    op.drop_table("enrolments")
    op.drop_table("version_minutes")
    op.drop_table("switches")
    op.drop_table("sweeps")
    with op.batch_alter_table("stand_ins", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_stand_ins_channel",
            sqlite_where=sa.text("ended_real_at IS NULL"),
            postgresql_where=sa.text("ended_real_at IS NULL"),
        )

    op.drop_table("stand_ins")
    op.drop_table("staff")
    with op.batch_alter_table("sign_in_attempts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sign_in_attempts_real_at"))
        batch_op.drop_index("ix_sign_in_attempts_address")
        batch_op.drop_index("ix_sign_in_attempts_account")

    op.drop_table("sign_in_attempts")
    op.drop_table("service_keys")
    with op.batch_alter_table("sandbox_messages", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sandbox_messages_to_index"))
        batch_op.drop_index(
            "ix_sandbox_messages_report_at",
            sqlite_where=sa.text("report_at IS NOT NULL"),
            postgresql_where=sa.text("report_at IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_sandbox_messages_message_id"))

    op.drop_table("sandbox_messages")
    op.drop_table("restores")
    op.drop_table("protocol_versions")
    with op.batch_alter_table("patients", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_patients_surname_index"))
        batch_op.drop_index(batch_op.f("ix_patients_nhs_number_index"))
        batch_op.drop_index(batch_op.f("ix_patients_mobile_index"))
        batch_op.drop_index(batch_op.f("ix_patients_email_index"))

    op.drop_table("patients")
    op.drop_table("heartbeats")
    op.drop_table("content_versions")
    op.drop_table("audit_seals")
    with op.batch_alter_table("audit_events", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_events_patient_id"))
        batch_op.drop_index(batch_op.f("ix_audit_events_message_id"))
        batch_op.drop_index(batch_op.f("ix_audit_events_enrolment_id"))
        batch_op.drop_index(batch_op.f("ix_audit_events_at"))

    op.drop_table("audit_events")
    op.drop_table("api_keys")
    op.drop_table("alarms")


def _refuse_changes(table: str) -> None:
    """Make triggers that let a table grow and never change."""
    if op.get_context().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
            )
        return
    op.execute(
        f"CREATE OR REPLACE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()"
    )


def _allow_changes(table: str) -> None:
    if op.get_context().dialect.name == "sqlite":
        for change in ("update", "delete"):
            op.execute(f"DROP TRIGGER {table}_no_{change}")
        return
    op.execute(f"DROP TRIGGER {table}_no_change ON {table}")
    op.execute(f"DROP FUNCTION {table}_append_only()")
