"""`runs`: what you have promoted, in a terminal of your server. Needs nothing of the hub's own packages."""

import time
from pathlib import Path

import click
import yaml
from rich.console import Console
from rich.table import Table

from hub_config.cli.complaint import or_complain
from spawners.run import Run, View, alone, find_run, look_at
from spawners.run import runs as all_runs
from spawners.run_delete import delete as delete_
from spawners.run_record import ENVIRONMENT, LOG, OUTPUT, RunError
from spawners.run_report import cell_times, report
from spawners.run_submit import promote as promote_
from spawners.run_verify import findings, key_of, sealed
from spawners.slurm import Slurm

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
    known = all_runs()[: None if everything else NEWEST]
    if not known:
        click.echo("No runs yet. Make one in a notebook: onramp.promote('train.ipynb', profile='gpu-1')")
        return
    table = Table("run", "state", "cells", "profile", box=None, pad_edge=False)
    for run, seen in zip(known, alone(look_at(known, Slurm())), strict=True):
        if seen is not None:
            cells = f"{seen.cells_done}/{seen.cells_total}" if seen.cells_total else ""
            table.add_row(run.name, seen.state, cells, seen.record.submitted.profile)
        else:
            table.add_row(run.name, "UNREADABLE", "", "")
    Console(highlight=False, soft_wrap=True).print(table)


@runs.command()
@_name
def show(name: str) -> None:
    """Show what was asked for, what Slurm says, and what the job says about itself."""
    run = or_complain(lambda: find_run(name))
    seen = or_complain(run.look)
    for title, text in _facts(run, seen):
        click.echo(f"{title:<14} {text}")


@runs.command()
@_name
def verify(name: str) -> None:
    """Say what of a run is proven: accounting by the platform's signature, files by what run.json says of them."""
    run = or_complain(lambda: find_run(name))
    key = or_complain(key_of)
    record = or_complain(lambda: alone(sealed(run, Slurm())))
    found = tuple(findings(run, record, key))
    for one in found:
        click.echo(f"{one.what:<16} {one.sentence}")
    raise SystemExit(any(one.holds is False for one in found))


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
@click.option("--account", help="Who pays, instead of your default account.")
@click.option("--internet", is_flag=True, help="It fetches something: refused where compute nodes have no internet.")
def promote(
    notebook: Path, profile: str, given: tuple[str, ...], minutes: int | None, account: str | None, internet: bool
) -> None:
    """Run NOTEBOOK as a job of its own, as onramp.promote does in a notebook."""
    values = dict(map(_parameter, given))
    run = or_complain(lambda: promote_(notebook, profile, values, time=minutes, account=account, internet=internet))
    click.echo(f"{run.name} is submitted. Follow it: onramp runs logs --follow {run.name}")


@runs.command()
@click.argument("name")
def cancel(name: str) -> None:
    """End a run; what is done is kept."""
    click.echo(or_complain(lambda: find_run(name).cancel()))


@runs.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
def delete(names: tuple[str, ...]) -> None:
    """Delete runs that are over, with result, log and record. NAME is a whole name, as `list` prints it."""
    failed = False
    for name in names:
        try:
            click.echo(alone(delete_(find_run(name, whole=True), Slurm())))
        except RunError as error:
            click.echo(f"Error: {error}", err=True)
            failed = True
    raise SystemExit(failed)


def _parameter(text: str) -> tuple[str, object]:
    """`epochs=20` as a name and a value: a number where it looks like one, else text, by YAML's rules."""
    name, equals, value = text.partition("=")
    if not equals:
        raise click.ClickException(f"{text!r} is no parameter: write it as NAME=VALUE, for example epochs=20.")
    try:
        return name, yaml.safe_load(value)
    except yaml.YAMLError:
        return name, value


def _facts(run: Run, seen: View) -> list[tuple[str, str]]:
    """What there is to know about a run, by who says it."""
    submitted, reported, job = seen.record.submitted, seen.record.reported, seen.job
    facts = [("Run", run.name), ("State", f"{seen.state}. {seen.sentence}"), ("Folder", str(run.folder))]
    facts.append(("Submitted", f"{submitted.notebook} (sha256 {submitted.sha256}), profile {submitted.profile}"))
    if job is not None:
        spent = "" if seen.gpu_minutes is None else f", {seen.gpu_minutes:.1f} GPU minutes"
        facts.append(("Accounting", f"job {job.job_id}, {job.state}, account {job.account}, on {job.node}{spent}"))
    if job is not None and seen.over:
        facts += report(seen.record, job, cell_times(run.folder))
    if reported is not None:
        done = f"{reported.outcome}, {reported.cells_done} of {reported.cells_total} cells"
        facts.append(("Reported", f"{done} (the job's own word, not verified)"))
    if reported is not None and reported.environment_sha256:
        facts.append(("Environment", f"sha256 {reported.environment_sha256}"))
    facts += [("Result", str(run.folder / name)) for name in (OUTPUT, ENVIRONMENT) if (run.folder / name).exists()]
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


COMMANDS = (runs,)
