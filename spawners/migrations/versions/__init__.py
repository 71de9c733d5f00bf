"""Steps of the ledger's table, oldest first."""
