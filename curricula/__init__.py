"""COURSES: their content as data, and their life cycle."""
