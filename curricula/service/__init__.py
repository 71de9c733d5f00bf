"""THE COURSE SERVICE: one for all courses, behind the hub's sign-in; what learners and teachers see and do."""
