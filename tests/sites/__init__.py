"""Sites made for tests."""
