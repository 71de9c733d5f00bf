"""Tests of hub_config.auth."""
