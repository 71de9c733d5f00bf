"""Tests mirror the four folders; what starts real services is in end_to_end/."""
