"""The database schema: migrations, revisions and append-only guards."""
