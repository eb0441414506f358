"""Append-only triggers for the audit trail, on both databases."""

from __future__ import annotations

from sqlalchemy import Connection, text

REFUSAL = "the audit trail is append-only"


def make_guards(connection: Connection, table: str) -> None:
    """Refuse every update and removal of the rows of `table`."""
    if connection.dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            connection.execute(
                text(
                    f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
                )
            )
        return
    connection.execute(
        text(
            f"CREATE OR REPLACE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$"
        )
    )
    connection.execute(
        text(
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()"
        )
    )


def drop_guards(connection: Connection, table: str) -> None:
    """Take the triggers of `table` away: only a downgrade to before the table may."""
    if connection.dialect.name == "sqlite":
        for change in ("update", "delete"):
            connection.execute(text(f"DROP TRIGGER {table}_no_{change}"))
        return
    connection.execute(text(f"DROP TRIGGER {table}_no_change ON {table}"))
    connection.execute(text(f"DROP FUNCTION {table}_append_only()"))
