"""`doctor`, `test`, `bench`: is this machine, is this checkout, is this speed all right?"""

import os
import subprocess
import sys

import click

from hub_config.cli.terminal import REPOSITORY, console, port_option
from hub_config.cli.up import install_torch
from hub_config.factory import doctor as doctor_


@click.command()
@port_option
def doctor(port: int) -> None:
    """Check what `up` needs, one line each with the fix. Exits with 1 if anything is missing."""
    found = list(doctor_.checks(port))
    for check in found:
        mark = "[green]✓[/]" if check.ok else "[red]✗[/]"
        console.print(f"{mark} {check.name:<12} {check.found}")
        if not check.ok:
            console.print(f"  {'':<12} {check.fix}")
    sys.exit(0 if all(check.ok for check in found) else 1)


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(arguments: tuple[str, ...]) -> None:
    """Run every check and test, or pytest alone with ARGUMENTS, for example `onramp test tests/spawners`.

    `onramp test --full` also runs what takes many minutes, such as a student's way through the whole course.
    """
    install_torch("auto")
    if arguments not in ((), ("--full",)):
        os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])
    sys.exit(subprocess.run([REPOSITORY / ".ci/check", *arguments], cwd=REPOSITORY, check=False).returncode)


@click.command()
@click.argument("name")
@click.option("--quick", is_flag=True, help="Fewer rounds, for a first look.")
def bench(name: str, quick: bool) -> None:
    """Measure NAME against its peer, interleaved; prints a table and one line RESULT."""
    folder = REPOSITORY / "tests/bench"
    names = sorted(path.stem.removeprefix("bench_") for path in folder.glob("bench_*.py"))
    if name not in names:
        raise click.ClickException(f"no bench is called {name!r}: choose one of {', '.join(names)}")
    command = [sys.executable, "-m", f"tests.bench.bench_{name}", *(["--quick"] if quick else [])]
    sys.exit(subprocess.run(command, cwd=REPOSITORY, check=False).returncode)


COMMANDS = (doctor, test, bench)
