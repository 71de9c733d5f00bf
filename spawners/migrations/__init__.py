"""Alembic's end of spawners.database, and the steps of the ledger."""
