"""What is not done, and why: a sentence for whoever asked."""


class Refused(Exception):
    """This is not done; the message is for the person who asked, `status` for HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NotYet(Refused):
    """Nothing is wrong: the time for it has not come."""
