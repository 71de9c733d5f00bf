"""Courses and their life cycle."""
