"""Tests of hub_config."""
