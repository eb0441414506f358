"""Schema revisions: the database's and the code's, read without Alembic."""

from __future__ import annotations

from importlib.resources import files

from sqlalchemy import Connection, inspect, text

from followup.domain.errors import ConfigurationError


def known_revisions() -> frozenset[str]:
    """Return every revision that there is: the file of each migration begins with its own."""
    names = [
        file.name for file in (files("followup") / "store/schema/migrations/versions").iterdir()
    ]
    return frozenset(name.partition("_")[0] for name in names if name[:1].isdigit())


def newest_revision() -> str:
    """Return the revision that the code needs."""
    return max(known_revisions())


def current_revision(connection: Connection) -> str | None:
    """Return the revision of a database, or None where it has no tables yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def require_known(revision: str | None) -> None:
    """Raise `ConfigurationError` for a revision that only another version of the product has."""
    if revision is not None and revision not in known_revisions():
        raise ConfigurationError(other_version(revision))


def other_version(revision: str) -> str:
    """Return the sentence for a database at another revision than this code needs."""
    return (
        f"the database is at schema {revision}, this version needs {newest_revision()}; run: "
        "followup migrate (with the newer version, if the database is the newer one)"
    )
