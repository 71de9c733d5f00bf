"""The tables of the course service, step by step; Alembic runs what is missing."""
