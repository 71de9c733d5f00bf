"""What jupyter-scheduler's dialog offers, with price and start, and what it asks for as options of a Request. Pure."""

import contextlib
from collections.abc import Mapping
from typing import NamedTuple

from jupyter_scheduler.models import RuntimeEnvironment

from spawners.price import start_cost
from spawners.request import RequestError, Resources, parse_request, resolve
from spawners.run_fit import span
from spawners.run_record import RunError
from spawners.scheduler import Usage
from spawners.site import Profile, Site

FORMATS = {"ipynb": "Notebook"}
# Minutes that are offered beside a profile's own, as far as it allows them.
_MINUTES = (5, 15, 30, 60, 120, 240, 480, 1440, 2880)
# What stands between a name to choose and what is known of it.
_AND = " · "


class Known(NamedTuple):
    """What is said before a run is asked for: by a profile's name when it would start, and what the account has left.

    Sentences are left out, and `usage` is None, where nobody knows.
    """

    starts: Mapping[str, str] = {}
    usage: Usage | None = None


def environments(site: Site, known: Known) -> list[RuntimeEnvironment]:
    """What the dialog offers: the profiles that a notebook can run with, and of each how long it may take.

    The dialog has no place for what it costs and when it starts but the names to choose from.
    """
    asked = askable(site)
    return [
        _environment(_told(title, known.starts.get(one.name, "")), one, _limits(site, one, asked.get(one.name), known))
        for title, one in _profiles(site).items()
    ]


def askable(site: Site) -> dict[str, Resources]:
    """What Slurm would be asked for, by the name of each offered profile; without those that need more choices."""
    found = {}
    for profile in _profiles(site).values():
        with contextlib.suppress(RequestError):
            found[profile.name] = resolve(parse_request({"profile": profile.name}, site, purpose="run"), site)
    return found


def request(environment: str, limit: str | None, site: Site) -> dict[str, object]:
    """What the dialog asked for, as options of a Request; RunError for a time limit that it does not offer."""
    profile = _profiles(site).get(_plain(environment))
    if profile is None:
        return {"profile": environment}
    offered, chosen = limits(profile), _plain(limit or "")
    if chosen and chosen not in offered:
        raise RunError(
            f"The compute type is '{chosen}'. With {_plain(environment)}, choose from: {', '.join(offered)}."
        )
    return {"profile": profile.name, "time": offered[chosen] if chosen else None}


def limits(profile: Profile) -> dict[str, int]:
    """The time limits that a profile offers, in words, with their minutes."""
    minutes = sorted({profile.time, *(one for one in _MINUTES if one <= profile.max_time)})
    return {limit_name(one): one for one in minutes}


def _profiles(site: Site) -> dict[str, Profile]:
    """The profiles that a notebook can run with, as the dialog calls them."""
    fitting = (one for one in site.profiles if "run" in one.purposes and one.nodes == 1)
    return {f"{one.display_name} ({one.name})": one for one in fitting}


def _limits(site: Site, profile: Profile, asked: Resources | None, known: Known) -> dict[int, str]:
    """By its minutes what each time limit is called, with its price."""
    if asked is None:
        return {minutes: limit for limit, minutes in limits(profile).items()}
    return {
        minutes: _told(limit, start_cost(site, asked.model_copy(update={"time": minutes}), known.usage))
        for limit, minutes in limits(profile).items()
    }


def _environment(name: str, profile: Profile, shown: Mapping[int, str]) -> RuntimeEnvironment:
    return RuntimeEnvironment(
        # The dialog shows the name, and takes the label for it.
        name=name,
        label=name,
        description=profile.description,
        file_extensions=["ipynb"],
        output_formats=list(FORMATS),
        compute_types=list(shown.values()),
        default_compute_type=shown[profile.time],
    )


def _told(name: str, sentence: str) -> str:
    """A name to choose, with what is known of it; `_plain` takes that off again, since it changes."""
    words = sentence.removeprefix("It ").removesuffix(".")
    if not words.startswith("Slurm"):
        words = words[:1].lower() + words[1:]
    return f"{name}{_AND}{words}" if words else name


def _plain(name: str) -> str:
    return name.partition(_AND)[0]


def limit_name(minutes: int) -> str:
    """A time limit in words."""
    return f"Time limit {span(60 * minutes)}"
