"""`runs`: what you have promoted, in a terminal of your server. Needs nothing of the hub's own packages."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import yaml
from rich.console import Console
from rich.table import Table

from hub_config.cli import sweeps
from hub_config.cli.bundles import bundle
from hub_config.cli.complaint import or_complain
from spawners.process import alone
from spawners.run import Run, View, find_run, look_at
from spawners.run import runs as all_runs
from spawners.run_attempts import attempts
from spawners.run_delete import delete as delete_
from spawners.run_delete import delete_sweep
from spawners.run_inspection import inspect
from spawners.run_record import ENVIRONMENT, LOG, OUTPUT, REPORT, RunError
from spawners.run_submit import foreseen, submit
from spawners.run_values import reported_values
from spawners.run_verify import Finding, findings, key_of, sealed
from spawners.slurm import Slurm
from spawners.sweep import Sweep, find_sweep
from spawners.sweep import sweeps as all_sweeps
from spawners.sweep_verify import sealed_sweep, sweep_findings

NEWEST = 20
LOOK = 2.0
_name = click.argument("name", default="")


@click.group()
def runs() -> None:
    """Notebooks you have promoted to jobs: NAME is a run's name or a part of it; the newest run where left out."""


@runs.command("list")
@click.option("--all", "everything", is_flag=True, help=f"Not only the {NEWEST} newest.")
def list_(everything: bool) -> None:
    """List your runs, the newest first."""
    most = None if everything else NEWEST
    known, swept = all_runs()[:most], all_sweeps()[:most]
    if not known and not swept:
        click.echo("No runs yet. Make one in a notebook: onramp.promote('train.ipynb', profile='gpu-1')")
        return
    rows = [_row(run, seen) for run, seen in zip(known, alone(look_at(known, Slurm())), strict=True)]
    table = Table("run", "state", "cells", "profile", box=None, pad_edge=False)
    for row in sorted([*rows, *map(sweeps.row, swept)], reverse=True)[:most]:
        table.add_row(*row)
    Console(highlight=False, soft_wrap=True).print(table)


def _row(run: Run, seen: View | None) -> tuple[str, str, str, str]:
    """A run as a row of the list."""
    if seen is None:
        return run.name, "UNREADABLE", "", ""
    cells = f"{seen.cells_done}/{seen.cells_total}" if seen.cells_total else ""
    return run.name, seen.state, cells, seen.record.submitted.profile


@runs.command()
@_name
def show(name: str) -> None:
    """Show what was asked for, what Slurm says, and what the job says about itself; of a sweep, all its members."""
    if (one := _sweep(name)) is not None:
        sweeps.show(one)
        return
    run = or_complain(lambda: find_run(name))
    seen = or_complain(run.look)
    found = alone(inspect(run, seen, Slurm()))
    for title, text in _facts(run, seen, found):
        click.echo(f"{title:<14} {text}")


@runs.command()
@_name
def verify(name: str) -> None:
    """Say what of a run or a sweep is proven: accounting by the platform's signature, files by what run.json says."""
    found = or_complain(lambda: _findings(name))
    for one in found:
        click.echo(f"{one.what:<16} {one.sentence}")
    raise SystemExit(any(one.holds is False for one in found))


def _findings(name: str) -> tuple[Finding, ...]:
    if (one := _sweep(name)) is not None:
        key = key_of()
        return tuple(sweep_findings(one, alone(sealed_sweep(one, Slurm())), key))
    run, key = find_run(name), key_of()
    return tuple(findings(run, alone(sealed(run, Slurm())), key))


@runs.command()
@_name
@click.option("-f", "--follow", is_flag=True, help="Go on printing what is added, until the run is over.")
def logs(name: str, follow: bool) -> None:
    """Print what the job has printed."""
    run = or_complain(lambda: find_run(name))
    at = _print_from(run.folder / LOG, 0)
    if not (at or follow):
        click.echo(or_complain(run.look).sentence)
    while follow:
        over = or_complain(run.look).over
        at = _print_from(run.folder / LOG, at)
        if over:
            return
        time.sleep(LOOK)


@runs.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("--profile", required=True, help="What the job gets, for example gpu-1.")
@click.option("-p", "--parameter", "given", multiple=True, metavar="NAME=VALUE", help="May be given several times.")
@click.option("--time", "minutes", type=int, help="Minutes, instead of the profile's.")
@click.option(
    "--gpus", type=int, help="GPUs over all nodes, instead of the profile's; a script has a process for each."
)
@click.option("--nodes", type=int, help="Nodes, instead of the profile's; more than one for scripts only.")
@click.option("--account", help="Who pays, instead of your default account.")
@click.option("--internet/--no-internet", default=None, help="Whether it fetches something; else its text tells.")
@click.option("--test", is_flag=True, help="Only say when it would start and what it costs; nothing is submitted.")
def promote(
    notebook: Path,
    profile: str,
    given: tuple[str, ...],
    minutes: int | None,
    test: bool,
    **options: Any,
) -> None:
    """Run NOTEBOOK (or a script, .py) as a job of its own, as onramp.promote does; say before what that costs."""
    values = dict(map(_parameter, given))
    asked = {"profile": profile, "time": minutes, **options}
    click.echo(or_complain(lambda: alone(foreseen(notebook, asked, values, Slurm()))), err=not test)
    if test:
        return
    run = or_complain(lambda: alone(submit(notebook, asked, values, Slurm())))
    click.echo(f"{run.name} is submitted. Follow it: onramp runs logs --follow {run.name}")


@runs.command()
@click.argument("name")
def cancel(name: str) -> None:
    """End a run or a sweep; what is done is kept."""
    one = _sweep(name)
    click.echo(or_complain(lambda: one.cancel() if one else find_run(name).cancel()))


@runs.command()
@click.argument("name")
def resume(name: str) -> None:
    """Let a run that met its time limit go on in a job of its own, after its last checkpoint."""
    click.echo(or_complain(lambda: find_run(name).resume()))


@runs.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
def delete(names: tuple[str, ...]) -> None:
    """Delete runs that are over, with result, log and record. NAME is a whole name, as `list` prints it."""
    failed = False
    for name in names:
        try:
            one = _sweep(name)
            work = (
                delete_sweep(one, Slurm()) if one and one.name == name else delete_(find_run(name, whole=True), Slurm())
            )
            click.echo(alone(work))
        except RunError as error:
            click.echo(f"Error: {error}", err=True)
            failed = True
    raise SystemExit(failed)


def _sweep(name: str) -> Sweep | None:
    """The sweep that is meant; every one has the word in its name."""
    return find_sweep(name) if "sweep" in name else None


def _parameter(text: str) -> tuple[str, object]:
    """`epochs=20` as a name and a value: a number where it looks like one, else text, by YAML's rules."""
    name, equals, value = text.partition("=")
    if not equals:
        raise click.ClickException(f"{text!r} is no parameter: write it as NAME=VALUE, for example epochs=20.")
    try:
        return name, yaml.safe_load(value)
    except yaml.YAMLError:
        return name, value


def _facts(run: Run, seen: View, found: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """What there is to know about a run, by who says it; `found` is what an inspection found."""
    submitted, reported, job = seen.record.submitted, seen.record.reported, seen.job
    facts = [("Run", run.name), ("State", f"{seen.state}. {seen.sentence}"), ("Folder", str(run.folder))]
    facts.append(("Submitted", f"{submitted.notebook} (sha256 {submitted.sha256}), profile {submitted.profile}"))
    if job is not None:
        spent = "" if seen.gpu_minutes is None else f", {seen.gpu_minutes:.1f} GPU minutes"
        node = f", on {job.node}" if job.node else ""
        facts.append(("Accounting", f"job {job.job_id}, {job.state}, account {job.account}{node}{spent}"))
    facts += found or attempts(seen.earlier)
    if reported is not None:
        cells = "" if submitted.is_script else f", {reported.cells_done} of {reported.cells_total} cells"
        done = f"{reported.outcome}{cells}"
        facts.append(("Reported", f"{done} (the job's own word, not verified)"))
    facts += [("Value", f"{name} {value:g} (as the job says)") for name, value in reported_values(run.folder).items()]
    if reported is not None and reported.environment_sha256:
        facts.append(("Environment", f"sha256 {reported.environment_sha256}"))
    facts += [
        ("Result", str(run.folder / name)) for name in (OUTPUT, ENVIRONMENT, REPORT) if (run.folder / name).exists()
    ]
    return facts


def _print_from(path: Path, start: int) -> int:
    """Print a log from a position on, and return where it ends now."""
    if not path.exists():
        return start
    with path.open("rb") as file:
        file.seek(start)
        for chunk in iter(lambda: file.read(65536), b""):
            click.echo(chunk.decode(errors="replace"), nl=False)
        return file.tell()


runs.add_command(bundle)
runs.add_command(sweeps.sweep)
runs.add_command(sweeps.retry)
COMMANDS = (runs,)
