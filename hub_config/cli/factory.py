"""`up`, `down`, `status`, `logs`, `open`, `exec`: the one-machine factory from a terminal."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console
from rich.table import Table

from hub_config.factory import doctor, pytorch
from hub_config.factory.namespace import NotRunning, as_owner, close_namespace, first_process, inside, open_namespace
from hub_config.factory.parts import HUB_STATE, PYTHON
from hub_config.factory.plan import PEOPLE
from hub_config.factory.state import State, read_events

REPOSITORY = Path(__file__).resolve().parents[2]
VENV, TOOLS = REPOSITORY / ".venv", REPOSITORY / ".tools"
_T = TypeVar("_T")
_console = Console(highlight=False, soft_wrap=True)

_state = click.option(
    "--state",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    default=REPOSITORY / ".onramp",
    help="The factory's folder: homes, accounting, logs.  [default: .onramp]",
)


@click.command()
@click.option("--port", type=click.IntRange(1024, 65535), default=8000, show_default=True, help="Where the hub listens.")
@click.option("--detach", is_flag=True, help="Return once it is ready; `onramp down` ends it.")
@click.option("--timings", is_flag=True, help="Show where the time went.")
@click.option(
    "--torch",
    type=click.Choice(pytorch.CHOICES),
    default="auto",
    show_default=True,
    help="Which PyTorch to install where none is: CUDA builds need a GPU.",
)
@_state
def up(port: int, detach: bool, timings: bool, torch: str, folder: Path) -> None:
    """Start the factory, and keep it until Ctrl-C (or `onramp down`, with --detach)."""
    state = State(folder)
    _refuse_second(state)
    _install_torch(torch)
    problems = [check for check in doctor.checks(port) if not check.ok]
    if problems:
        raise click.ClickException("\n".join(f"{check.found}\n  {check.fix}" for check in problems))
    process = _start(state, port, timings)
    if detach:
        return
    _console.print("\nCtrl-C ends it; homes and accounting are kept.")
    try:
        process.wait()
    except KeyboardInterrupt:
        _console.print("\nEnding every process …")
        close_namespace(state)


def _install_torch(choice: str) -> None:
    try:
        pytorch.install(choice, say=_console.print, ask=lambda text: sys.stdin.isatty() and click.confirm(text))
    except pytorch.TorchError as error:
        raise click.ClickException(str(error)) from None


def _refuse_second(state: State) -> None:
    try:
        first_process(state)
    except NotRunning:
        return
    plan = state.plan
    where = plan.url if plan else state.folder
    raise click.ClickException(
        f"a factory already runs in {state.folder} ({where}).\n"
        "  End it with `./onramp down`, or start another with --state DIR and --port."
    )


def _start(state: State, port: int, timings: bool) -> "subprocess.Popen[bytes]":
    begin = time.monotonic()
    passwords = state.prepare(port)
    process = open_namespace(state, venv=VENV, tools=TOOLS)
    try:
        _follow(state, process, timings)
    except BaseException:
        _give_up(state)
        raise
    _welcome(state, passwords, time.monotonic() - begin)
    return process


def _give_up(state: State) -> None:
    try:
        close_namespace(state, patience=5)
    except NotRunning:
        pass


def _follow(state: State, process: "subprocess.Popen[bytes]", timings: bool) -> None:
    """Print each step as it ends, until the factory is ready. Raises ClickException when it is not going to be."""
    seen = 0
    while True:
        events = read_events(state.events)
        for event in events[seen:]:
            _print_event(event, timings)
            if event["state"] == "failed":
                raise click.ClickException(f"{event['detail']}\n  All of it: ./onramp logs --state {state.folder}")
            if event["state"] == "ready":
                return
        seen = len(events)
        if process.poll() is not None:
            said = (state.logs / "namespace.log").read_text(errors="replace").strip()
            raise click.ClickException(f"the factory's namespace could not be made:\n{said}\n  Try: ./onramp doctor")
        time.sleep(0.05)


def _print_event(event: dict[str, object], timings: bool) -> None:
    if event["state"] == "done":
        took = f"  {event['seconds']:6.2f} s, done at {event['at']:6.2f} s" if timings else ""
        _console.print(f"  [green]✓[/] {event['step']:<10}{took}")


def _welcome(state: State, passwords: dict[str, str], seconds: float) -> None:
    plan = state.plan
    assert plan is not None
    option = "" if state.folder == REPOSITORY / ".onramp" else f" --state {state.folder}"
    _console.print(f"\nReady after {seconds:.1f} s at [bold]{plan.url}[/]\n")
    if passwords:
        table = Table("sign in as", "password", box=None, pad_edge=False)
        for name, password in passwords.items():
            table.add_row(name, password)
        _console.print(table)
        _console.print("Passwords are shown this once.\n")
    _console.print(f"A one-time link for anybody:  [bold]./onramp open student1{option}[/]")
    _console.print("Try first:  sign in as student1, choose “1 GPU”, start, open notebooks/02-your-first-gpu.ipynb")
    _console.print(f"Then:       ./onramp status{option} · ./onramp logs hub{option} · ./onramp down{option}")


@click.command()
@click.option("--purge", is_flag=True, help="Delete the homes, the accounting and the logs as well.")
@_state
def down(purge: bool, folder: Path) -> None:
    """End every process of the factory; homes and accounting are kept."""
    state = State(folder)
    try:
        _cancel_jobs(state)
        close_namespace(state)
        _console.print(f"Ended every process of the factory in {state.folder}")
    except NotRunning as error:
        if not purge:
            raise click.ClickException(str(error)) from None
    if purge:
        _purge(state)


def _cancel_jobs(state: State) -> None:
    """End the jobs first, so that accounting says when and why."""
    command = "scancel --user=$(squeue -hao %u | sort -u | paste -sd,) 2>/dev/null; sleep 0.5"
    subprocess.run(inside(state, ["sh", "-c", command]), check=False, timeout=15)


def _purge(state: State) -> None:
    """Delete the folder, with the rights to delete what belongs to the factory's accounts."""
    subprocess.run(as_owner(["rm", "-rf", "--one-file-system", state.folder]), check=True)
    _console.print(f"Deleted {state.folder}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@_state
def status(as_json: bool, folder: Path) -> None:
    """Show the parts, the nodes and the jobs. Exits with 1 unless all parts run and all nodes can work."""
    state = State(folder)
    command = [PYTHON, "-I", "-m", "hub_config.factory.report"]
    done = _or_complain(lambda: subprocess.run(inside(state, command), check=True, stdout=subprocess.PIPE))
    report = json.loads(done.stdout)
    if as_json:
        click.echo(done.stdout.decode())
    else:
        _print_report(report)
    sys.exit(0 if report["healthy"] else 1)


def _print_report(report: dict[str, dict[str, str]]) -> None:
    _console.print(f"hub at [bold]{report['url']}[/]")
    for title, rows in (("part", report["parts"]), ("node", report["nodes"]), ("job", report["jobs"])):
        table = Table(title, "state", box=None, pad_edge=False, min_width=30)
        for name, value in rows.items():
            table.add_row(name, value)
        if rows:
            _console.print()
            _console.print(table)


@click.command()
@click.argument("part", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on printing what is added.")
@_state
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
@_state
def open_(user: str, folder: Path) -> None:
    """Print a link that signs USER in once, within ten minutes."""
    state = State(folder)
    if user not in PEOPLE:
        raise click.ClickException(f"nobody here is called {user!r}: choose one of {', '.join(PEOPLE)}")
    plan = state.plan
    url = plan.url if plan else ""
    mint = [PYTHON, "-I", "-m", "hub_config.auth.links", "mint", user, "--state", HUB_STATE, "--url", url]
    _or_complain(lambda: subprocess.run(inside(state, mint, user="onramp-hub"), check=True))


@click.command("exec", context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--user", default="root", show_default=True, help="The factory's account to run it as.")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@_state
def exec_(user: str, command: tuple[str, ...], folder: Path) -> None:
    """Run COMMAND inside the factory, for example `onramp exec sinfo`."""
    state = State(folder)
    plan = state.plan
    if plan and user not in ("root", *plan.uids):
        raise click.ClickException(f"the factory has no account {user!r}: choose one of root, {', '.join(plan.uids)}")
    done = _or_complain(lambda: subprocess.run(inside(state, command, user=user), check=False))
    sys.exit(done.returncode)


def _or_complain(action: Callable[[], _T]) -> _T:
    try:
        return action()
    except NotRunning as error:
        raise click.ClickException(str(error)) from None
    except subprocess.CalledProcessError as error:
        raise click.ClickException(f"{error.cmd[-1]} ended with {error.returncode}: see ./onramp logs") from None


COMMANDS = (up, down, status, logs, open_, exec_)
