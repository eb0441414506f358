"""The database engine: sessions, column types and bulk SQL for both databases."""
