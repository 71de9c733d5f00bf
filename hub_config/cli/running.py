"""`down`, `status`, `logs`, `open`, `exec`: a factory that runs."""

import contextlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import click
from rich.table import Table

from hub_config.cli.terminal import console, or_complain, state_option
from hub_config.factory.namespace import NotRunning, as_owner, close_namespace, inside
from hub_config.factory.parts import HUB_STATE, PYTHON
from hub_config.factory.plan import PEOPLE
from hub_config.factory.state import State


@click.command()
@click.option("--purge", is_flag=True, help="Delete the homes, the accounting and the logs as well.")
@state_option
def down(purge: bool, folder: Path) -> None:
    """End every process of the factory; homes and accounting are kept."""
    state = State(folder)
    try:
        end(state)
        console.print(f"Ended every process of the factory in {state.folder}")
    except NotRunning as error:
        if not purge:
            raise click.ClickException(str(error)) from None
    if purge:
        _purge(state)


def end(state: State) -> None:
    """End every process: the jobs first, so that accounting says when and why. Raises NotRunning."""
    command = inside(state, [PYTHON, "-I", "-m", "hub_config.factory.halt"])
    with contextlib.suppress(subprocess.TimeoutExpired):  # whatever hangs ends with the namespace
        subprocess.run(command, check=False, timeout=30, stderr=subprocess.DEVNULL)
    close_namespace(state)


def _purge(state: State) -> None:
    """Delete the folder, with the rights to delete what belongs to the factory's accounts."""
    subprocess.run(as_owner(["rm", "-rf", "--one-file-system", state.folder]), check=True)
    console.print(f"Deleted {state.folder}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@state_option
def status(as_json: bool, folder: Path) -> None:
    """Show the parts, the nodes and the jobs. Exits with 1 unless all parts run and all nodes can work."""
    state = State(folder)
    command = [PYTHON, "-I", "-m", "hub_config.factory.report"]
    done = or_complain(lambda: subprocess.run(inside(state, command), check=True, stdout=subprocess.PIPE))
    report = json.loads(done.stdout)
    if as_json:
        click.echo(done.stdout.decode())
    else:
        _print_report(report)
    sys.exit(0 if report["healthy"] else 1)


def _print_report(report: dict[str, dict[str, str]]) -> None:
    console.print(f"hub at [bold]{report['url']}[/]")
    for title, rows in (("part", report["parts"]), ("node", report["nodes"]), ("job", report["jobs"])):
        table = Table(title, "state", box=None, pad_edge=False, min_width=30)
        for name, value in rows.items():
            table.add_row(name, value)
        if rows:
            console.print()
            console.print(table)


@click.command()
@click.argument("part", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on printing what is added.")
@state_option
def logs(part: str | None, follow: bool, folder: Path) -> None:
    """Print the end of the log of PART, or of every part."""
    state = State(folder)
    names = sorted(path.stem for path in state.logs.glob("*.log"))
    if not names:
        raise click.ClickException(f"no logs in {state.folder}: no factory was started there")
    if part is not None and part not in names:
        raise click.ClickException(f"no part is called {part!r}: choose one of {', '.join(names)}")
    files = [state.logs / f"{name}.log" for name in ([part] if part else names)]
    tail = shutil.which("tail") or "tail"
    subprocess.run([tail, "--lines=40", *(["--follow"] if follow else []), "--", *files], check=False)


@click.command("open")
@click.argument("user")
@state_option
def open_(user: str, folder: Path) -> None:
    """Print a link that signs USER in once, within ten minutes."""
    state = State(folder)
    if user not in PEOPLE:
        raise click.ClickException(f"nobody here is called {user!r}: choose one of {', '.join(PEOPLE)}")
    plan = state.plan
    url = plan.url if plan else ""
    mint = [PYTHON, "-I", "-m", "hub_config.auth.links", "mint", user, "--state", HUB_STATE, "--url", url]
    or_complain(lambda: subprocess.run(inside(state, mint, user="onramp-hub"), check=True))


@click.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--user", default="root", show_default=True, help="The factory's account to run it as.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@state_option
def exec_(user: str, command: tuple[str, ...], folder: Path) -> None:
    """Run COMMAND inside the factory, for example `onramp exec sinfo`."""
    state = State(folder)
    plan = state.plan
    if plan and user not in ("root", *plan.uids):
        raise click.ClickException(f"the factory has no account {user!r}: choose one of root, {', '.join(plan.uids)}")
    done = or_complain(lambda: subprocess.run(inside(state, command, user=user), check=False))
    sys.exit(done.returncode)


COMMANDS = (down, status, logs, open_, exec_)
