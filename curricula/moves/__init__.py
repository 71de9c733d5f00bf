"""Courses move in and out: from nbgrader, to next year, to nbgrader's formgrader and back."""
