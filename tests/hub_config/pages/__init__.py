"""Tests of hub_config.pages."""
