"""Second role on PostgreSQL: works with the tables and owns none, so it can't disable a trigger."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, inspect, text

from followup.domain.errors import ConfigurationError

APPEND_ONLY = frozenset({"audit_checkpoints", "audit_events", "audit_seals", "audit_tiles"})
READ_ONLY = frozenset({"alembic_version"})


def let_in(engine: Engine, role: str) -> None:
    """Give a role exactly what the processes need, and nothing else; may be done again.

    Raises `ConfigurationError` with what to do.
    """
    if engine.dialect.name != "postgresql":
        raise ConfigurationError("--app-role is for PostgreSQL: a SQLite file has no roles")
    with engine.begin() as connection:
        _require_other(connection, role)
        preparer = connection.dialect.identifier_preparer
        who = preparer.quote(role)
        schema = preparer.quote(connection.execute(text("SELECT current_schema()")).scalar_one())
        connection.execute(text(f"GRANT USAGE ON SCHEMA {schema} TO {who}"))
        for table in inspect(connection).get_table_names():
            name = preparer.quote(table)
            connection.execute(text(f"REVOKE ALL ON {name} FROM {who}"))
            connection.execute(text(f"GRANT {_rights(table)} ON {name} TO {who}"))
        connection.execute(
            text(f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {who}")
        )


def _rights(table: str) -> str:
    if table in READ_ONLY:
        return "SELECT"
    return "SELECT, INSERT" if table in APPEND_ONLY else "SELECT, INSERT, UPDATE, DELETE"


def _require_other(connection: Connection, role: str) -> None:
    query = text(
        "SELECT rolsuper OR pg_has_role(rolname, CURRENT_USER, 'MEMBER') FROM pg_roles "
        "WHERE rolname = :role"
    )
    found = connection.execute(query, {"role": role}).scalar()
    if found is None:
        raise ConfigurationError(
            f"there is no role {role}: make it with CREATE ROLE {role} LOGIN PASSWORD '…', then "
            "run this again"
        )
    if found:
        raise ConfigurationError(
            f"the role {role} is the owner of the tables, or may become it: make another one"
        )
