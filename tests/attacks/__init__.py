"""Hostile submissions: one for each way that is known to fool nbgrader's autograder, and more; all of them wrong."""
