"""`runs sweep` and `runs retry`, and what `runs list`, `show` and `cancel` say of sweeps."""

from pathlib import Path
from typing import Any

import click
import yaml
from rich.console import Console
from rich.table import Table

from hub_config.cli.complaint import or_complain
from spawners.process import alone
from spawners.slurm import Slurm
from spawners.sweep import Sweep, find_sweep, look
from spawners.sweep_submit import retry as retry_
from spawners.sweep_submit import sweep as sweep_


def values_of(text: str) -> tuple[str, list[Any]]:
    """`seed=1,2,3` as a name and its values, each by YAML's rules."""
    name, equals, values = text.partition("=")
    if not equals:
        raise click.ClickException(f"{text!r} gives no values: write it as NAME=VALUE,VALUE, for example seed=1,2,3.")
    return name, [_value(one) for one in values.split(",") if one]


def _value(text: str) -> Any:
    """One value by YAML's rules, and 1e-3 as the number that it is meant for."""
    try:
        found = yaml.safe_load(text)
        return float(found) if isinstance(found, str) else found
    except (ValueError, yaml.YAMLError):
        return text


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("--profile", required=True, help="What each job gets, for example gpu-1.")
@click.option("-g", "--grid", "given", multiple=True, metavar="NAME=VALUE,...", help="May be given several times.")
@click.option("--jobs", type=int, help="How many jobs share the members; else four at most.")
@click.option("--gpu-hours", type=float, help="What all of it may cost at most; needed where the profile has GPUs.")
@click.option("--time", "minutes", type=int, help="Minutes of each job, instead of the profile's.")
@click.option("--account", help="Who pays, instead of your default account.")
def sweep(notebook: Path, profile: str, given: tuple[str, ...], minutes: int | None, **options: Any) -> None:
    """Run NOTEBOOK once for each combination of values, as onramp.sweep does in a notebook."""
    grid = dict(map(values_of, given))
    one = or_complain(lambda: sweep_(notebook, profile, grid, time=minutes, **options))
    click.echo(f"{one.name} is submitted. How it is: onramp runs show {one.name}")


@click.command()
@click.argument("name")
@click.option("--gpu-hours", type=float, help="A new cap for all of it.")
def retry(name: str, gpu_hours: float | None) -> None:
    """Run those members of a sweep again that did not come to their end."""
    one = find_sweep(name)
    if one is None:
        raise click.ClickException(f"No one sweep is called {name!r}. `onramp runs list` lists them.")
    or_complain(lambda: retry_(one, gpu_hours=gpu_hours))
    click.echo(f"{one.name} is submitted again, for what is left of it.")


def row(one: Sweep) -> tuple[str, str, str, str]:
    """A sweep as a row of the list of runs: its members stand where a run has cells."""
    seen = alone(look(one, Slurm()))
    done = f"{seen.count('COMPLETED')}/{len(seen.members)} members"
    return one.name, seen.state, done, seen.record.submitted.profile


def show(one: Sweep) -> None:
    """Print a sweep and its members."""
    seen = or_complain(one.look)
    click.echo(f"{'Sweep':<14} {one.name}")
    click.echo(f"{'State':<14} {seen.state}. {seen.sentence}")
    click.echo(f"{'Folder':<14} {one.folder}")
    if seen.gpu_minutes is not None:
        click.echo(f"{'Accounting':<14} {seen.gpu_minutes:.1f} GPU minutes")
    table = Table("member", "state", "parameters", "reported", "", box=None, pad_edge=False)
    for member in seen.members:
        given = ", ".join(f"{name}={value}" for name, value in member.parameters.items())
        told = ", ".join(f"{name}={value:.4g}" for name, value in member.values.items())
        table.add_row(member.name, member.state, given, told, member.sentence)
    Console(highlight=False, soft_wrap=True).print(table)
