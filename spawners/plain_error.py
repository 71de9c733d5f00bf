"""An error that its message says all of: a notebook shows the sentence, without the way the program took to it."""


class PlainError(Exception):
    """What a person asked for cannot be had; the message says what was asked, what was found and what to do."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the message alone, since nothing is wrong with the program."""
        return [str(self)]
