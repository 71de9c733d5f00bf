"""Notebooks made of attacks: `python -m tests.attacks.build DIR ASSIGNMENT` lays them for `onramp grade attack DIR`."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

from curricula.course import Course, load_course
from curricula.module import load_answers
from curricula.release import generated
from tests.attacks.attack import COURSE, Attack, Where, attacks
from tests.attacks.changes import changed

# By these an attack says that it got where nobody should, and that it saw a test. Some would end whatever runs on a
# machine: outside a sandbox, where the home can be written to, none gets further than this.
PRELUDE = """import os
class Escaped(Exception): pass
class SawTests(Exception): pass
try:
    open("$home/escaped", "a").close()
except OSError:
    pass
else:
    os.kill(os.getpid(), 9)"""
# Where attacks look when no test has put canaries there.
NOWHERE = {"home": "/root", "peers": "/tmp", "course": str(COURSE), "port": "8000", "socket": "/x", "abstract": "x"}


def wrong(course: Course, where: str) -> dict[str, Any]:
    """The released notebook with wrong answers, worth 0 points."""
    return answered(course, where, {})


def answered(course: Course, where: str, answers: Mapping[str, str]) -> dict[str, Any]:
    """The released notebook with these answers, and wrong ones to what they leave out."""
    assignment = course.assignment(where)
    bad = {one.cell: one.source for one in reversed(load_answers(course, assignment).wrong)}
    notebook: dict[str, Any] = json.loads(json.dumps(generated(course, assignment).release))
    for cell in notebook["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = {**bad, **answers}.get(name, cell["source"])
    return notebook


def notebook(attack: Attack, course: Course, where: str) -> dict[str, Any]:
    """One attack as a notebook."""
    made = answered(course, where, attack.answers)
    made["cells"][:0] = map(_code, ("prelude", *(f"first-{n}" for n in range(9))), (PRELUDE, *attack.first))
    made["cells"] += map(_code, (f"last-{n}" for n in range(9)), attack.last)
    if attack.change:
        changed(made, attack.change)
    return made


def content(attack: Attack, course: Course, where: str, places: Mapping[str, object]) -> bytes:
    """What the file of an attack holds; of a link, nothing."""
    text = json.dumps(notebook(attack, course, where)) if attack.raw is None else attack.raw
    return Template(text).safe_substitute(places).encode(errors="surrogatepass")


def lay(folder: Path, course: Course, where: Where, places: Mapping[str, object], chosen: tuple[Attack, ...]) -> None:
    """Put attacks as files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for attack in chosen:
        path = folder / f"{attack.id}.ipynb"
        path.unlink(missing_ok=True)
        if attack.link:
            path.symlink_to(Template(attack.link).substitute(places))
        else:
            path.write_bytes(content(attack, course, where, places))
        for name, text in attack.beside.items():
            (folder / name).write_text(text)


def _code(name: str, source: str) -> dict[str, Any]:
    code: dict[str, Any] = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
    return {**code, "id": name, "source": source}


if __name__ == "__main__":
    lay(Path(sys.argv[1]), load_course(COURSE), sys.argv[2], NOWHERE, attacks(sys.argv[2]))  # type: ignore[arg-type]
