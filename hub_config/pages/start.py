"""The start page: its choices, which come back as they were left where what was asked is refused."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from jupyterhub.handlers.pages import SpawnHandler

from hub_config.pages.endings import ended
from hub_config.pages.offers import offers, offers_so_far

TEMPLATES = Path(__file__).parent / "templates"
# JupyterHub shows its start page where a spawner has a form. Ours is made by the handler, which knows what was typed.
HAS_FORM = "The choices are made by hub_config.pages.start."
# The fields under "More choices".
_MORE = (
    *("time", "cpus_per_task", "mem", "gpus", "nodes", "partition", "qos", "reservation", "environment", "constraint"),
    "safe_start",
)
# With this header a page comes when Slurm has answered; without it, at once, with what is known.
WAIT = "X-Onramp-Wait"
# What a start page's address may hold beside options.
_OTHERS = ("_xsrf", "next", "display_name")
_PREFIX = "opt-"

_jinja = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)


async def options_form(
    spawner: Any, typed: Mapping[str, str] | None = None, refusal: str = "", *, wait: bool = False
) -> str:
    """Return the choices as HTML: one card for each profile, the rest under "More choices".

    `typed` are the fields as they were sent, and `refusal` the sentences that say why they were refused. Nothing is
    waited for, unless `wait` is set: then all that Slurm says is there.
    """
    door = spawner.door()
    start = await offers(door, spawner) if wait else offers_so_far(door, spawner)
    end = ended(door, spawner.user, spawner.name)
    # Of the last start only the profile and the account are taken up; the rest was meant for that start.
    filled = typed or {key: str(start.chosen[key]) for key in ("profile", "account") if key in start.chosen}
    refused = by_field(refusal)
    opened = any(filled.get(key) or key in refused for key in _MORE)
    template = _jinja.get_template("options.html")
    return template.render(start=start, end=end, filled=filled, refused=refused, opened=opened)


def by_field(refusal: str) -> dict[str, str]:
    """Return the sentences of a refusal by the option that each is about; those about none are left out."""
    found = [(re.match(r"Option '(\w+)'", line), line) for line in refusal.splitlines()]
    return {match.group(1): line for match, line in reversed(found) if match}


def typed_fields(arguments: Mapping[str, Sequence[bytes]]) -> dict[str, str]:
    """Return a request's fields as options, whether a form or an address held them."""
    names = {key: key.removeprefix(_PREFIX) for key in arguments if key not in _OTHERS}
    return {name: arguments[key][0].decode(errors="replace") for key, name in names.items()}


class StartHandler(SpawnHandler):  # type: ignore[misc]
    """JupyterHub's own start page, with our choices: those of the server that the address names."""

    async def _render_form(
        self, for_user: Any, spawner_options_form: str, message: str = "", html_message: str = ""
    ) -> Any:
        server = self.path_args[1] if len(self.path_args) > 1 else ""
        sent = self.request.body_arguments if self.request.method == "POST" else self.request.query_arguments
        wait = WAIT in self.request.headers
        form = await options_form(for_user.spawners[server], typed_fields(sent), message or "", wait=wait)
        return await super()._render_form(for_user, form, message, html_message)
