"""Notebooks that were given out as a git repository, brought up to date without losing an edit.

nbgitpuller does the work. What it does not do is here: a notebook is taken as a whole, one's own or the new one, since
lines of both do not make a notebook; it is said where both sides changed one; and one file can be had anew.
"""

import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat

from spawners.process import Finished, alone, run

# Taken as a whole: with two sides, git keeps one's own.
_WHOLE = "*.ipynb -merge\n"
# Seconds that one command may take: data come over a network.
_PATIENCE = 300
NOTEBOOKS = Path("~/notebooks")


class MaterialsError(ValueError):
    """A folder cannot be brought up to date; nothing in it was changed. The message says what to do."""


@dataclass(frozen=True)
class Refreshed:
    """What came: `new` and `changed` files; `kept` where both sides changed one; `before` the copies that were kept."""

    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    before: tuple[str, ...] = ()

    @property
    def sentences(self) -> Iterator[str]:
        """Say it, a line for each kind."""
        if self.new:
            yield f"New: {', '.join(self.new)}"
        if self.changed:
            yield f"Brought up to date: {', '.join(self.changed)}"
        if self.before:
            yield f"As you had run them, they lie beside these: {', '.join(self.before)}"
        for name in self.kept:
            yield f'You and its author changed {name}, and yours was kept. For the new one: onramp.reset("{name}")'
        if not (self.new or self.changed or self.kept):
            yield "Everything is up to date."


def refresh(folder: str | Path = NOTEBOOKS) -> None:
    """Bring the notebooks in `folder`, a clone of a git repository, up to date, and say what came.

    What you edited stays as you left it. A notebook that you only ran is replaced, and as you ran it it is kept as
    NAME.before.ipynb. Raises MaterialsError.
    """
    print("\n".join(refreshed(Path(folder).expanduser()).sentences))


def reset(name: str, folder: str | Path = NOTEBOOKS) -> Path:
    """Put a file back as its author has it now; yours is kept beside it as NAME.before.ipynb. Raises MaterialsError."""
    clone = Path(folder).expanduser()
    branch = _upstream(clone)
    given = _lines(clone, "ls-tree", "-r", "--name-only", branch)
    if name not in given:
        raise MaterialsError(f"{name!r} was never given out in {clone}. Choose one of: {', '.join(given)}")
    path = clone / name
    edited = path.exists() and _lines(clone, "diff", "--name-only", branch, "--", name)
    kept = _keep(path) if edited else None
    _git(clone, "checkout", branch, "--", name)
    print(f"{name} is as its author has it now{f'; yours is kept as {kept.name}' if kept else ''}.")
    return path


def refreshed(clone: Path) -> Refreshed:
    """Bring a clone up to date. Raises MaterialsError."""
    branch = _upstream(clone)
    _git(clone, "fetch", "--quiet")
    base = _lines(clone, "merge-base", "HEAD", branch)[0]
    theirs = _changes(clone, base, branch)
    mine = set(_lines(clone, "diff", "--name-only", base))
    both = [name for name in theirs if name in mine and (clone / name).exists()]
    ran = [name for name in both if theirs[name] == "M" and _only_ran(clone, name, base)]
    before = []
    for name in ran:
        before.append(_keep(clone / name).relative_to(clone))
        _git(clone, "checkout", base, "--", name)
    (clone / ".git/info").mkdir(exist_ok=True)
    (clone / ".git/info/attributes").write_text(_WHOLE)
    _pull(clone, branch)
    kept = tuple(name for name in both if name not in ran)
    return Refreshed(
        new=tuple(name for name, how in theirs.items() if how == "A"),
        changed=tuple(name for name, how in theirs.items() if how == "M" and name not in kept),
        kept=kept,
        before=tuple(map(str, before)),
    )


def _pull(clone: Path, branch: str) -> None:
    """Let nbgitpuller bring both sides together, as a process of its own: it leaves what it opened open."""
    url = _lines(clone, "remote", "get-url", "origin")[0]
    done = _run(sys.executable, "-m", "nbgitpuller.pull", url, branch.removeprefix("origin/"), str(clone))
    if done.returncode:
        told = done.err.strip().splitlines()[-1].removeprefix("Exception: ")
        raise MaterialsError(f"{clone} could not be brought up to date: {told} What you edited is as it was.")


def _changes(clone: Path, base: str, branch: str) -> dict[str, str]:
    """File → A, M or D: what its author did to it since `base`."""
    lines = _lines(clone, "diff", "--name-status", "--no-renames", base, branch)
    return {name: how[0] for how, name in (line.split("\t", 1) for line in lines)}


def _only_ran(clone: Path, name: str, base: str) -> bool:
    """Whether a notebook differs from the one that was given out by what running it leaves behind alone."""
    if not name.endswith(".ipynb"):
        return False
    try:
        return _cells((clone / name).read_text()) == _cells(_git(clone, "show", f"{base}:{name}"))
    except (ValueError, AttributeError):  # not a notebook any more, so somebody did more than run it
        return False


def _cells(notebook: str) -> list[tuple[str, str]]:
    cells: Iterable[nbformat.NotebookNode] = nbformat.reads(notebook, as_version=4).cells
    return [(cell.cell_type, cell.source) for cell in cells]


def _keep(path: Path) -> Path:
    """Copy a file to NAME.before.SUFFIX beside it, or NAME.before-2.SUFFIX where there is one: none is overwritten."""
    names = (f"{path.stem}.before{f'-{number}' if number > 1 else ''}{path.suffix}" for number in range(1, 1000))
    kept = next(one for one in map(path.with_name, names) if not one.exists())
    shutil.copy2(path, kept)
    return kept


def _upstream(clone: Path) -> str:
    """Return the branch that a clone follows. Raises MaterialsError where it is none."""
    if not (clone / ".git").is_dir():
        raise MaterialsError(
            f"{clone} was not given out as a git repository, so there is nothing to bring it up to date from. "
            "Say the folder of one that was, or fetch an assignment anew: onramp.fetch(NAME, replace=True)"
        )
    return _lines(clone, "rev-parse", "--abbrev-ref", "@{upstream}")[0]


def _lines(clone: Path, *arguments: str) -> list[str]:
    return _git(clone, *arguments).splitlines()


def _git(clone: Path, *arguments: str) -> str:
    """Return what git prints. Raises MaterialsError with what it complains of."""
    done = _run("git", "-C", str(clone), "-c", "core.quotePath=false", *arguments)
    if done.returncode:
        told = (done.err.strip().splitlines() or ["it said nothing"])[-1].removeprefix("fatal: ")
        raise MaterialsError(f"git {arguments[0]} failed in {clone}: {told}. Your files are as they were.")
    return done.out


def _run(*argv: str) -> Finished:
    """Run a program to its end. Raises MaterialsError where it takes too long, or there is none."""
    try:
        return alone(run(*argv, seconds=_PATIENCE))
    except FileNotFoundError:
        raise MaterialsError(f"There is no {argv[0]} on this node. Ask your operators to install it.") from None
    except TimeoutError:
        raise MaterialsError(
            f"git took longer than {_PATIENCE} seconds. Your files are as they were; try again."
        ) from None
