"""`up`: start a factory and show how far it is."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import click
from rich.table import Table

from hub_config.cli.running import end
from hub_config.cli.terminal import DEFAULT_STATE, REPOSITORY, console, port_option, state_option
from hub_config.factory import doctor, pytorch
from hub_config.factory.namespace import NotRunning, close_namespace, first_process, open_namespace
from hub_config.factory.plan import Plan
from hub_config.factory.rehearsal import RehearsalError, rehearsed
from hub_config.factory.state import State, read_events
from spawners.site import SiteError, load_site


@click.command()
@port_option
@click.option("--detach", is_flag=True, help="Return once it is ready; `onramp down` ends it.")
@click.option("--timings", is_flag=True, help="Show where the time went.")
@click.option(
    "--torch",
    type=click.Choice(pytorch.CHOICES),
    default="auto",
    show_default=True,
    help="Which PyTorch to install where none is: CUDA builds need a GPU.",
)
@click.option("--site", metavar="NAME|FILE", help="Rehearse that site: its partitions, QoS, accounts and rules.")
@state_option
def up(port: int, detach: bool, timings: bool, torch: str, site: str | None, folder: Path) -> None:
    """Start the factory, and keep it until Ctrl-C (or `onramp down`, with --detach)."""
    state = State(folder)
    _refuse_second(state)
    site = _which_site(state, site)
    install_torch(torch)
    problems = [check for check in doctor.checks(port) if not check.ok]
    if problems:
        raise click.ClickException("\n".join(f"{check.found}\n  {check.fix}" for check in problems))
    # Whoever ends this command ends what it started.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    process = _start(state, port, site, timings)
    if detach:
        return
    try:
        console.print("\nCtrl-C ends it; homes and accounting are kept.")
        process.wait()
    except KeyboardInterrupt:
        console.print("\nEnding every process …")
        end(state)


def install_torch(choice: str) -> None:
    """Bring PyTorch into the environment as `--torch` says."""
    try:
        pytorch.install(choice, say=console.print, ask=_ask)
    except pytorch.TorchError as error:
        raise click.ClickException(str(error)) from None


def _ask(question: str) -> bool:
    """Ask whoever sits at the terminal; where nobody does, say what was not done."""
    if sys.stdin.isatty():
        return click.confirm(question)
    console.print(f"{question} Nobody to ask: no.")
    return False


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


def _which_site(state: State, asked: str | None) -> str:
    """Return the site to start: a folder's accounting and accounts are those of one site, and stay so."""
    site = str(Path(asked).resolve()) if asked and ("/" in asked or asked.endswith((".yaml", ".yml"))) else asked
    kept = state.site
    if site and kept and site != kept:
        raise click.ClickException(
            f"{state.folder} holds a factory of the site {kept}.\n"
            f"  Give {asked} a folder of its own with --state DIR, or delete this one with `./onramp down --purge`."
        )
    site = site or kept or "local"
    try:
        rehearsed(load_site(site))
    except (SiteError, RehearsalError) as error:
        raise click.ClickException(str(error)) from None
    return site


def _start(state: State, port: int, site: str, timings: bool) -> subprocess.Popen[bytes]:
    begin = time.monotonic()
    passwords = state.prepare(port, site)
    process = open_namespace(state, venv=REPOSITORY / ".venv", tools=REPOSITORY / ".tools")
    try:
        _follow(state, process, timings)
        _welcome(state, passwords, time.monotonic() - begin)
    except BaseException:
        _give_up(state)
        raise
    return process


def _give_up(state: State) -> None:
    with contextlib.suppress(NotRunning):
        close_namespace(state, patience=5)


def _follow(state: State, process: subprocess.Popen[bytes], timings: bool) -> None:
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
        console.print(f"  [green]✓[/] {event['step']:<10}{took}")


def _welcome(state: State, passwords: Mapping[str, str], seconds: float) -> None:
    plan = state.plan
    assert plan is not None
    option = "" if state.folder == DEFAULT_STATE else f" --state {state.folder}"
    console.print(f"\nReady after {seconds:.1f} s at [bold]{plan.url}[/]\n")
    if passwords:
        table = Table("sign in as", "password", box=None, pad_edge=False)
        for name, password in passwords.items():
            table.add_row(name, password)
        console.print(table)
        console.print("Passwords are shown this once.\n")
    console.print(f"A one-time link for anybody:  [bold]./onramp open student1{option}[/]")
    console.print(f"Try first:  {_first_steps(plan)}")
    console.print(f"Then:       ./onramp status{option} · ./onramp logs hub{option} · ./onramp down{option}")


def _first_steps(plan: Plan) -> str:
    """Say what to try: on this machine's own factory a GPU, in a rehearsal what the site offers and asks."""
    if plan.cluster.site == "local":
        return "sign in as student1, choose “One GPU”, start, open notebooks/02-your-first-gpu.ipynb"
    accounts = ", ".join(account.name for account in plan.cluster.accounts if "student1" in account.people)
    return f"sign in as student1 and start something; what you may charge it to: {accounts}"
