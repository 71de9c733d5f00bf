"""Remedy: the starts that are offered after an end, most fitting first; each has passed the one gate. Pure."""

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from spawners.ending import Ending
from spawners.request import Request, RequestError, parse_request
from spawners.resources import Resources, fill
from spawners.server_job import duration
from spawners.site import Profile, Site

# What a larger profile decides anew.
_SIZES = ("profile", "partition", "qos", "constraint", "nodes", "gpus", "cpus_per_task", "mem")


class Remedy(BaseModel, frozen=True, extra="forbid"):
    """One start: what its button says, and its options as a form or a URL sends them."""

    label: str
    fields: tuple[tuple[str, str], ...]


def again(options: Mapping[str, object], site: Site) -> Remedy | None:
    """The same start again; None where the site does not take these options any more."""
    return _remedy("Start again", options, site)


def remedies(ending: Ending | None, options: Mapping[str, object], site: Site) -> tuple[Remedy, ...]:
    """The starts to offer after `ending` of a server with these options; without any, only a new choice helps."""
    same = again(options, site)
    if same is None:
        return ()
    options = options or dict(same.fields)
    request = _request(options, site)
    resources = fill(request, site)
    match ending.cause if ending else None:
        case "memory":
            found = [*_more_memory(options, resources, site), same]
        case "time":
            found = [same, *_more_time(options, request, resources, site)]
        case "environment" | "settings" if not request.safe_start:
            found = [*_safe(options, site), same]
        case "unreachable" | "failed" | "disk" if not request.safe_start:
            found = [same, *_safe(options, site)]
        case _:
            found = [same]
    return tuple(found)


def _more_memory(options: Mapping[str, object], resources: Resources, site: Site) -> Iterator[Remedy]:
    """Twice the memory in the same profile, or all that a node has; else the next larger profile."""
    most = site.partition(resources.partition).mem_per_node or 2 * resources.mem
    wanted = min(2 * resources.mem, most)
    if wanted > resources.mem:
        found = _remedy(f"Start again with {wanted / 1000:.3g} GB of memory", {**options, "mem": wanted}, site)
        if found is not None:
            yield found
            return
    rest = {key: value for key, value in options.items() if key not in _SIZES}
    larger = [p for p in site.profiles if "server" in p.purposes and p.mem > resources.mem]
    for profile in sorted(larger, key=lambda p: p.mem):
        found = _remedy(f"Start {_named(profile)}", {**rest, "profile": profile.name}, site)
        if found is not None:
            yield found
            return


def _named(profile: Profile) -> str:
    return f"{profile.display_name}, with {profile.mem / 1000:.3g} GB of memory"


def _more_time(options: Mapping[str, object], request: Request, resources: Resources, site: Site) -> Iterator[Remedy]:
    """Twice the time, or the longest that profile and partition allow."""
    limits = (site.profile(request.profile).max_time, site.partition(resources.partition).max_time)
    wanted = min((2 * resources.time, *(limit for limit in limits if limit)))
    if wanted > resources.time:
        found = _remedy(f"Start again for up to {duration(wanted)}", {**options, "time": wanted}, site)
        if found is not None:
            yield found


def _safe(options: Mapping[str, object], site: Site) -> Iterator[Remedy]:
    found = _remedy("Start safely, without your own settings", {**options, "safe_start": True}, site)
    if found is not None:
        yield found


def _request(options: Mapping[str, object], site: Site) -> Request:
    usual = next((profile.name for profile in site.profiles if "server" in profile.purposes), "")
    return parse_request(options or {"profile": usual}, site)


def _remedy(label: str, options: Mapping[str, object], site: Site) -> Remedy | None:
    try:
        request = _request(options, site)
    except RequestError:
        return None
    # What the gate made of them, so that a form says the same as JSON did.
    values = request.model_dump(exclude_defaults=True) | {"profile": request.profile}
    return Remedy(label=label, fields=tuple((key, _written(value)) for key, value in values.items()))


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
