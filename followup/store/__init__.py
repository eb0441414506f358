"""The store: database engine, schema, encryption at rest and ORM models."""
