"""`onramp bench runs`: from handing a notebook in to its first cell, and what 32 short notebooks cost.

ours   `onramp.promote`, and `onramp.sweep` with 32 members in two jobs.
peer   a batch script somebody wrote by hand, with the same CPUs, memory and time, that calls papermill; and an array of
       two such jobs that call it 16 times each.
Both as the same person in the same factory. CPU seconds are Slurm's own, of all that ran in the jobs.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

import nbformat
from nbformat import v4

from tests.bench import interleave
from tests.bench.factory import REST, VENV, Factory
from tests.bench.goals import Goal
from tests.bench.interleave import Contender, Measures, Sample
from tests.bench.outcome import asked, conclude

USER, MEMBERS, JOBS = "student1", 32, 2
GOALS = {"sbatch_ratio": Goal(most=1.1), "sweep_cpu_ratio": Goal(least=5)}
# What a notebook of a sweep may well do: load what most load, and compute for some milliseconds.
_FIRST = "import pathlib, time\npathlib.Path.home().joinpath('first-cell').write_text(str(time.time()))"
_SHORT = (
    "import matplotlib.pyplot as plt\nimport numpy as np\nimport pandas as pd",
    "table = pd.DataFrame(np.random.default_rng(seed).normal(size=(1000, 4)))\nfloat(table.corr().to_numpy().sum())",
)
_TIMED = """
import json, os, pathlib, subprocess, time
os.chdir(pathlib.Path.home())
first = pathlib.Path("first-cell")
first.unlink(missing_ok=True)
{before}
begin = time.time()
{begin}
print("RESULT", float(first.read_text()) - begin)
"""
_OURS = {
    "before": "import onramp",
    "begin": "run = onramp.promote('first.ipynb', profile='cpu', time=5)\nassert run.wait().state == 'COMPLETED', run",
}
_SBATCH = "['sbatch', '--parsable', '--wait', '--output=peer.log', *{words!r}, '--wrap', {script!r}]"
_SWEEP = """
import os, pathlib
import onramp
from spawners.sweep_record import arrays
os.chdir(pathlib.Path.home())
sweep = onramp.sweep("short.ipynb", profile="cpu", grid={{"seed": [*range({members})]}}, jobs={jobs}, time=20)
seen = sweep.wait()
assert seen.count("COMPLETED") == {members}, seen
print("RESULT", arrays(sweep.folder)[0])
"""


class Size(NamedTuple):
    """How often everything is measured."""

    rounds: int
    sweeps: int


FULL, QUICK = Size(rounds=20, sweeps=3), Size(rounds=3, sweeps=1)


def main() -> None:
    """Measure, print the tables, save the samples, and end with the line RESULT."""
    size = QUICK if asked("runs").quick else FULL
    with Factory() as factory:
        factory.up()
        give(factory, "first.ipynb", _FIRST)
        give(factory, "short.ipynb", *_SHORT)
        interleave.say("To the first cell:")
        first = interleave.interleave(
            (Contender("ours", lambda: promoted(factory)), Contender("peer", lambda: by_hand(factory))), size.rounds
        )
        interleave.say(f"{MEMBERS} notebooks:")
        many = interleave.interleave(
            (Contender("ours", lambda: swept(factory)), Contender("peer", lambda: one_by_one(factory))), size.sweeps
        )
        slurm = factory.run("sbatch", "--version").split()[-1]
    report(first, many, slurm)


def give(factory: Factory, name: str, *cells: str) -> None:
    """Put a notebook with a parameter, `seed`, into the person's home."""
    parameters = v4.new_code_cell("seed = 0", metadata={"tags": ["parameters"]})
    notebook = v4.new_notebook(cells=[parameters, *map(v4.new_code_cell, cells)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    text = nbformat.writes(notebook)
    code = f"import pathlib; pathlib.Path.home().joinpath({name!r}).write_text({text!r})"
    factory.python(code, user=USER)


def promoted(factory: Factory) -> Measures:
    """Promote a notebook."""
    time.sleep(REST)
    return {"seconds": float(factory.python(_TIMED.format(**_OURS), user=USER))}


def by_hand(factory: Factory) -> Measures:
    """Submit papermill with the resources that a promoted notebook has."""
    time.sleep(REST)
    begin = f"subprocess.run({sbatch(papermill('first.ipynb', 'out.ipynb'))}, check=True)"
    return {"seconds": float(factory.python(_TIMED.format(before="", begin=begin), user=USER))}


def swept(factory: Factory) -> Measures:
    """Run the sweep, and return the CPU seconds of its jobs."""
    begin = time.monotonic()
    job_id = factory.python(_SWEEP.format(members=MEMBERS, jobs=JOBS), user=USER)
    return {"seconds": time.monotonic() - begin, "cpu": cpu_seconds(factory, job_id)}


def one_by_one(factory: Factory) -> Measures:
    """Call papermill for each member, in as many jobs."""
    begin = time.monotonic()
    each = MEMBERS // JOBS
    calls = papermill("short.ipynb", "out-$SLURM_ARRAY_TASK_ID-$n.ipynb", "-p seed $n")
    # Two that start at once on one node may choose the same port: one of them fails, and is called again.
    script = f"for n in $(seq {each}); do {calls} || {calls} || exit 1; done"
    code = f"import subprocess; print('RESULT', subprocess.run({sbatch(script, f'--array=0-{JOBS - 1}')}, "
    job_id = factory.python(f"{code} check=True, capture_output=True, text=True).stdout.strip())", user=USER)
    return {"seconds": time.monotonic() - begin, "cpu": cpu_seconds(factory, job_id)}


def sbatch(script: str, *words: str) -> str:
    """The call of sbatch that waits for its job's end, as Python writes it; the job has what a profile `cpu` gives."""
    resources = ("--partition=cpu", "--cpus-per-task=2", "--mem=2000", "--time=20", "--export=NONE", *words)
    return _SBATCH.format(words=[*resources], script=f"cd $HOME; export PATH={VENV}:/usr/bin:/bin; {script}")


def papermill(notebook: str, result: str, more: str = "") -> str:
    """The call of papermill."""
    return f"papermill --no-progress-bar {notebook} {result} {more}"


def cpu_seconds(factory: Factory, job_id: str) -> float:
    """Return the CPU seconds of a job, or of all tasks of an array, once accounting has them."""
    factory.settle()
    words = ("sacct", "-n", "-P", "-j", job_id.split(";")[0], "-o", "JobID,State,TotalCPU")
    for _ in range(60):
        rows = [line.split("|") for line in factory.run(*words).splitlines() if ".batch|" in line]
        if len(rows) == JOBS and all(state == "COMPLETED" for _, state, _ in rows):
            return sum(spelled(time_) for *_, time_ in rows)
        time.sleep(0.5)
    raise TimeoutError(f"accounting does not tell what job {job_id} used: {rows}")


def spelled(text: str) -> float:
    """The seconds that sacct writes as 01:02:03, or as 02:03.456."""
    seconds = 0.0
    for part in text.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds


def report(first: Sequence[Sample], many: Sequence[Sample], slurm: str) -> None:
    """Print and save what was found."""
    results = {
        "sbatch_ratio": interleave.ratio(first, "seconds"),
        "sweep_cpu_ratio": interleave.ratio(many, "cpu", "peer", "ours"),
        "first_s": interleave.median(first, "ours", "seconds"),
        "first_sbatch_s": interleave.median(first, "peer", "seconds"),
        "sweep_cpu_s": interleave.median(many, "ours", "cpu"),
        "papermill_cpu_s": interleave.median(many, "peer", "cpu"),
        "sweep_ratio": interleave.ratio(many, "seconds", "peer", "ours"),
    }
    print("To the first cell", interleave.table(first, "seconds"), sep="\n", end="\n\n")
    print(f"{MEMBERS} notebooks, CPU seconds", interleave.table(many, "cpu"), sep="\n", end="\n\n")
    conclude("runs", GOALS, [*first, *many], results, {"slurm": slurm})


if __name__ == "__main__":
    main()
