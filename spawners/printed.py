"""What a job printed last: a person's own text, so never to be trusted, and the few things in it that tell why."""

import re
import unicodedata
from collections.abc import Sequence

from spawners.ending import MEMORY, Ending
from spawners.node import NO_HUB

LINES, WIDTH = 12, 240
# The causes that the log may tell more of.
TELLING = frozenset({"failed", "memory", "unreachable", "unknown", "cancelled"})
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b.")
# What tells why at any time, and what does so only where the server never answered: later it may be a notebook's.
_ALWAYS = (
    (re.compile(r"exceeded memory limit|\boom[-_ ]kill"), MEMORY),
    (
        re.compile(r"No space left on device|Disk quota exceeded"),
        Ending(
            cause="disk",
            sentence="There was no room left to write its files.",
            advice="Delete what you no longer need, in your home folder first, and start again.",
        ),
    ),
)
_AT_START = (
    (
        re.compile(r"Address already in use"),
        Ending(cause="address", sentence="Another program took its port.", advice="Start again."),
    ),
    (
        re.compile(r"Bad config encountered during initialization"),
        Ending(
            cause="settings",
            sentence="A setting keeps JupyterLab from starting.",
            advice="It is most likely in .jupyter in your home folder: start safely, without it, and mend it there.",
        ),
    ),
    (
        re.compile(
            r"^(?:ModuleNotFoundError|ImportError): |exec: \S+: (?:not found|Permission denied|cannot execute)"
            r"|python[\d.]*: (?:No such file or directory|not found|Permission denied|bad interpreter)"
            r"|error while loading shared libraries"
        ),
        Ending(
            cause="environment",
            sentence="The environment it was to run in is broken.",
            advice="Try a safe start, which leaves your own settings aside. If that does not help, tell the operators, "
            "with what it printed last.",
        ),
    ),
    # The last of them: it may have been so for a while only.
    (
        re.compile(re.escape(NO_HUB)),
        Ending(
            cause="unreachable",
            sentence="The job ran, but its node cannot reach the hub.",
            advice="You cannot mend this: tell the operators, with what it printed last.",
        ),
    ),
)


def last_lines(text: str) -> tuple[str, ...]:
    """The last lines that say something, as plain text: no control character, none that turns the writing around."""
    lines = (_plain(line) for line in re.split(r"[\r\n]+", _ANSI.sub("", text)))
    return tuple(line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…" for line in lines if line)[-LINES:]


def _plain(line: str) -> str:
    return "".join(sign for sign in line.expandtabs(4) if unicodedata.category(sign)[0] != "C").rstrip()


def explained(ending: Ending, text: str, *, came_up: bool) -> Ending:
    """An ending with what the job printed last, and with the cause that those lines tell, where they tell one.

    `came_up` says that the server had answered.
    """
    lines = last_lines(text)
    if ending.cause == "cancelled":  # Slurm's older way to end what needs too much memory
        return _with(MEMORY, lines) if _first(_ALWAYS[:1], lines) else ending
    return _with(_first((*_ALWAYS, *(() if came_up else _AT_START)), lines) or ending, lines)


def _first(known: Sequence[tuple[re.Pattern[str], Ending]], lines: Sequence[str]) -> Ending | None:
    return next((ending for pattern, ending in known if any(map(pattern.search, lines))), None)


def _with(ending: Ending, lines: tuple[str, ...]) -> Ending:
    return ending.model_copy(update={"printed": lines})
