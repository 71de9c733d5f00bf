"""What the commands share: where the checkout is, the --state option, and how they speak."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

import click
from rich.console import Console

from hub_config.factory.namespace import NotRunning, inside
from hub_config.factory.parts import COURSE_STATE, PYTHON, SITE, hub_api
from hub_config.factory.state import State

REPOSITORY = Path(__file__).resolve().parents[2]
DEFAULT_STATE = REPOSITORY / ".onramp"
console = Console(highlight=False, soft_wrap=True)
_T = TypeVar("_T")

state_option = click.option(
    "--state",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_STATE,
    help="The factory's folder: homes, accounting, logs.  [default: .onramp]",
)
port_option = click.option(
    "--port", type=click.IntRange(1024, 65535), default=8000, show_default=True, help="Where the hub listens."
)


def or_complain(action: Callable[[], _T]) -> _T:
    """Do something that needs a running factory, and say in one sentence why it cannot be done."""
    try:
        return action()
    except NotRunning as error:
        raise click.ClickException(str(error)) from None
    except subprocess.CalledProcessError as error:
        raise click.ClickException(f"{error.cmd[-1]} ended with {error.returncode}: see ./onramp logs") from None


def as_course_account(
    folder: Path, action: str, *arguments: str | None, stdin: bytes = b"", stdout: IO[bytes] | None = None
) -> int:
    """Run one command of curricula.service.admin in the factory, as its course account, and return its exit code."""
    module = [PYTHON, "-I", "-m", "curricula.service.admin", "--root", COURSE_STATE, "--site", SITE, action]
    state = State(folder)
    plan = state.plan
    hub = [f"JUPYTERHUB_API_URL={hub_api(plan)}"] if plan else []
    command = ["env", f"HOME={COURSE_STATE}", *hub, *module, *(one for one in arguments if one)]
    argv = or_complain(lambda: inside(state, command, user="onramp-course"))
    return subprocess.run(argv, input=stdin, stdout=stdout, check=False).returncode
