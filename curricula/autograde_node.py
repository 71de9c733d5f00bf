"""What a grading job runs on its node: examine one notebook in the sandbox, and hand back how each cell went.

`python -I -m curricula.autograde_node FOLDER`: FOLDER holds task.json, and the report lies in FOLDER/out/report.json.
Or it holds trial.json, of which the plan of an assignment is made: FOLDER/out/plan.json.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
from pydantic import BaseModel

from curricula.engine import Engine
from curricula.report import Report, Task, Trial
from curricula.trial import planned


async def answer(folder: Path) -> tuple[str, BaseModel]:
    """Do what the folder asks for; return the answer and the name of its file. Raises EngineError."""
    async with Engine() as engine:
        if (folder / "task.json").exists():
            return "report.json", await engine.examine(Task.model_validate_json((folder / "task.json").read_bytes()))
        trial = Trial.model_validate_json((folder / "trial.json").read_bytes())
        source, tests = nbformat.from_dict(dict(trial.source)), nbformat.from_dict(dict(trial.tests))
        return "plan.json", await planned(source, tests, trial.limits, engine.examine)


def main(argv: Sequence[str]) -> int:
    """Answer what lies in the folder `argv[0]`; the answer appears at once, and whole."""
    folder = Path(argv[0])
    name, answered = asyncio.run(answer(folder))
    if isinstance(answered, Report):
        print(f"Walls: {answered.walls}. {answered.stopped or 'The notebook ran to its end.'}", flush=True)
    fresh = folder / "out" / f"{name}.new"
    fresh.write_text(answered.model_dump_json())
    fresh.chmod(0o644)
    os.replace(fresh, folder / "out" / name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
