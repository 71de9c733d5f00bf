"""bundle: a notebook as a folder that runs where there is no internet: a script, its packages, its data, all named."""

import os
import platform
import re
import secrets
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel

from spawners import bundle_packages as pip
from spawners.bundle_record import PACKAGES, RECORD, REQUIREMENTS, WHEELS, Record, entry, files
from spawners.room import room
from spawners.run_environment import environment_file
from spawners.run_fit import size
from spawners.run_internet import fetches
from spawners.run_notebook import Notebook, read_notebook
from spawners.run_record import ENVIRONMENT, RunError, write_whole
from spawners.run_script import read_script, script_of

_OURS = (RECORD, REQUIREMENTS, PACKAGES, WHEELS, ENVIRONMENT)
# The working directory is the bundle's folder, also in a run: there the script itself lies elsewhere.
_HEAD = """# %%
import os
import sys

sys.path.insert(0, os.path.abspath("packages"))  # what the environment lacks came along with this script

"""
_ALONE = """\
# For {python} on {system} {machine}, in this folder, also without internet:
#   python3 -m venv env
#   env/bin/pip install --no-index --find-links wheels --require-hashes -r requirements.txt
#   env/bin/python {script}
"""
_HERE = "# What packages/ holds: it came along, since the environment of {environment} lacks it.\n"


class Bundle(BaseModel, frozen=True, extra="forbid"):
    """A bundle that was made: its folder and its record; `note` says what may still be missing."""

    folder: Path
    record: Record
    note: str = ""

    def __str__(self) -> str:
        whole = size(sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file()))
        packages = ", ".join(self.record.packages) or "none beyond the environment's"
        told = f"{self.folder} is made, {whole}. Packages: {packages}.{self.note}"
        script = self.folder / self.record.script
        return f"{told}\nRun it: onramp runs promote {os.path.relpath(script)} --profile NAME"


def bundle(
    notebook: str | Path, data: Sequence[str | Path] = (), packages: Sequence[str] = (), *, wheels: bool = False
) -> Bundle:
    """Make a folder `<name>-bundle` of a notebook (or a script), beside it, that runs on a node without internet.

    It holds the notebook as a script; the packages that it installs (lines with `%pip install`) and those of
    `packages`, as far as this environment lacks them, locked by sha256; copies of the files and folders of `data`, at
    the same place from the script as from the notebook; and onramp-bundle.json, which names every file. Promote the
    script in it like any other. With `wheels` there are wheels of all that it imports too, for a machine with Python
    alone. Raises RunError, and leaves nothing, for whatever is not right.
    """
    path = Path(notebook).expanduser().absolute()
    source = read_script(path) if path.suffix == ".py" else read_notebook(path)
    folder = path.with_name(f"{path.stem}-bundle")
    if folder.exists():
        raise RunError(f"{folder} is there already. Delete it, or give it another name, to make it anew.")
    plain, installed = without_installs(source)
    names = [*installed, *map(pip.checked, packages)]
    places = _places(path, data)
    _check_room(path.parent, places)
    fresh = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.new")
    try:
        fresh.mkdir(mode=0o700)
        record = _fill(fresh, plain, names, places, wheels=wheels)
        fresh.rename(folder)
    except OSError as error:
        raise RunError(f"{folder} cannot be written: {error.strerror}. Nothing of it is left.") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return Bundle(folder=folder, record=record, note=_note(plain))


def without_installs(source: Notebook) -> tuple[Notebook, list[str]]:
    """A notebook without the lines that install packages, and those packages; a script has no such lines."""
    import nbformat

    if source.path.suffix == ".py":
        return source, []
    notebook, names = nbformat.reads(source.content.decode(), as_version=4), []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            names += [name for found in pip.INSTALLS.findall(cell.source) for name in pip.asked_for(found)]
            cell.source = re.sub(pip.INSTALLS, "", cell.source).strip("\n")
    content = nbformat.writes(notebook).encode()
    return source.model_copy(update={"content": content}), names


def _fill(
    folder: Path, source: Notebook, names: Sequence[str], places: Sequence[tuple[Path, Path]], *, wheels: bool
) -> Record:
    """Write all of a bundle into its folder."""
    is_script = source.path.suffix == ".py"
    text = _HEAD + (source.content.decode() if is_script else script_of(source))
    script = f"{source.path.stem}.py"
    write_whole(folder / script, text)
    write_whole(folder / ENVIRONMENT, environment_file())
    for original, place in places:
        _copy(original, folder / place)
    packages = _stage(folder, script, text, names, wheels=wheels)
    record = Record(
        notebook=str(source.path),
        sha256=source.sha256,
        at=datetime.now(UTC),
        script=script,
        python=platform.python_version(),
        machine=platform.machine(),
        packages=packages,
        files={str(path.relative_to(folder)): entry(path) for path in files(folder)},
    )
    write_whole(folder / RECORD, record.model_dump_json(indent=1) + "\n")
    return record


def _stage(folder: Path, script: str, text: str, names: Sequence[str], *, wheels: bool) -> tuple[str, ...]:
    """Fetch packages into the folder, locked; return them."""
    environment = folder / ENVIRONMENT
    lacking = pip.locked(names, environment)
    if lacking:
        _write_requirements(folder, _HERE.format(environment=ENVIRONMENT), lacking)
        pip.install(folder / REQUIREMENTS, folder / PACKAGES)
    if wheels:
        known = {f"{one.name}=={one.version}" for one in lacking}
        lacking = pip.locked([*pip.imported(text), *sorted(known)], environment, whole=True)
        python = f"{platform.python_implementation()} {'.'.join(platform.python_version_tuple()[:2])}"
        head = _ALONE.format(python=python, system=platform.system(), machine=platform.machine(), script=script)
        _write_requirements(folder, head, lacking)
        if lacking:
            pip.download(folder / REQUIREMENTS, folder / WHEELS)
    return tuple(f"{one.name} {one.version}" for one in lacking)


def _write_requirements(folder: Path, head: str, packages: Sequence[pip.Package]) -> None:
    lines = [*pip.indexes((folder / ENVIRONMENT).read_text()), *map(str, packages)]
    write_whole(folder / REQUIREMENTS, head + "".join(f"{line}\n" for line in lines))


def _places(notebook: Path, data: Sequence[str | Path]) -> list[tuple[Path, Path]]:
    """Each of the data, and where it comes to lie: as it lies from the notebook, or by its name."""
    places: dict[Path, Path] = {}
    for given in data:
        original = Path(os.path.abspath(Path(given).expanduser()))
        below = original.is_relative_to(notebook.parent)
        place = original.relative_to(notebook.parent) if below else Path(original.name)
        if notebook.is_relative_to(original):
            raise RunError(f"{original} holds the notebook itself. Name the files and folders that it reads.")
        if not original.exists():
            raise RunError(f"There is no {original}, which is named as data.")
        if place in places or place.parts[0] in (*_OURS, f"{notebook.stem}.py"):
            raise RunError(f"{original} would be {place} in the bundle, and there is one already. Rename it.")
        places[place] = original
    return [(original, place) for place, original in places.items()]


def _check_room(folder: Path, places: Sequence[tuple[Path, Path]]) -> None:
    """RunError where what is to be copied has no room; packages come on top, and are not known to be large yet."""
    needed = sum(path.stat().st_size for original, _ in places for path in files(original))
    if short := room(folder).short(needed):
        raise RunError(f"The bundle's data does not fit: {short}")


def _copy(original: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    if original.is_dir():
        shutil.copytree(original, place)
    else:
        shutil.copy2(original, place)


def _note(source: Notebook) -> str:
    """What a script still seems to fetch while it runs."""
    fetch = fetches(source)
    if fetch is None:
        return ""
    return (
        f"\nIts code cell {fetch.cell} still seems to fetch something: `{fetch.line}`. Fetch it here, let the cell "
        "read the file, and name that as data."
    )
