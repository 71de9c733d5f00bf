"""How a command for everybody says why something cannot be done. Needs nothing of the hub's own packages."""

from collections.abc import Callable
from typing import TypeVar

import click

from spawners.run_record import RunError
from spawners.site import SiteError

_T = TypeVar("_T")


def or_complain(action: Callable[[], _T]) -> _T:
    """Do something with runs or sites, and say in one sentence why it cannot be done."""
    try:
        return action()
    except (RunError, SiteError) as error:
        raise click.ClickException(str(error)) from None
