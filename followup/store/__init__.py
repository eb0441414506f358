"""The database: models, sealed columns, migrations, and one module of queries for each noun."""
