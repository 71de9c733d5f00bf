"""A batch script: what is run, the directives above it, and the commands below; values are checked, never pasted."""

import re
import shlex
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

# What may stand in a directive without quotes. `#` would start a comment, white space a second option.
PLAIN = re.compile(r"[A-Za-z0-9_.:/@%+,=-]{1,1000}", re.ASCII)


class RenderError(ValueError):
    """A value that cannot be written into a script."""


class Directive(BaseModel, frozen=True, extra="forbid"):
    """One line above the commands that tells the scheduler something; a value of None makes it a bare name."""

    name: str
    value: str | None = None

    @property
    def line(self) -> str:
        """The line as it stands in the script."""
        raise NotImplementedError


class Job(BaseModel, frozen=True, extra="forbid"):
    """What is run: a name and a comment for the scheduler, where output goes, where it starts, the argument list.

    `idempotent`: begun once more from the start, it does no harm and comes to the same end. `warn`: so many seconds
    before its time is up Slurm sends its program SIGUSR1. `after`: it begins once that job is over, however it ended.
    `append`: what it prints is added to what is there.
    `own_steps`: it is run on the first node alone, and begins by itself what runs on the others.
    `array`: so many such jobs, numbered from 0.
    """

    name: Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\z")]
    comment: Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_.:@+-]{0,255}\z")]
    output: Annotated[str, StringConstraints(pattern=r"\A/")]
    chdir: Annotated[str, StringConstraints(pattern=r"\A/")]
    argv: tuple[str, ...]
    idempotent: bool = False
    warn: int | None = None
    append: bool = False
    after: Annotated[str, StringConstraints(pattern=r"\A[0-9]{1,12}\z")] | None = None
    own_steps: bool = False
    array: Annotated[int, Field(ge=1)] | None = None


class Script(BaseModel, frozen=True, extra="forbid"):
    """A rendered script: `text` is what the scheduler gets on stdin, `directives` the same as data."""

    scheduler: Literal["slurm", "pbs"]
    directives: tuple[Directive, ...]
    text: str


def body(argv: tuple[str, ...], *, warned: bool = False) -> list[str]:
    """The commands: private files, a known PATH, then the program, which a warning that comes early does not end."""
    if not argv or any("\0" in word or not _utf8(word) for word in argv):
        raise RenderError("The program of a job is a list of words of UTF-8 text without a NUL.")
    return [
        *(["trap '' USR1"] if warned else []),
        "umask 077",
        "export PATH=/usr/local/bin:/usr/bin:/bin",
        f"exec {shlex.join(argv)}",
    ]


def _utf8(word: str) -> bool:
    """Whether a word can be written at all: lone surrogates cannot."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
