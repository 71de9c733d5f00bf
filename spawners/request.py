"""Request: what a person asks for, and the one gate through which untrusted options become one."""

from collections.abc import Mapping

from pydantic import BaseModel

from spawners.environment import Environment
from spawners.options import READERS, RequestError, show
from spawners.site import Partition, Profile, Purpose, Site, SiteError

__all__ = ["Request", "RequestError", "Resources", "parse_request", "resolve"]


class Request(BaseModel, frozen=True, extra="forbid"):
    """What a person asks for: a profile, and where wanted numbers of their own; None means the profile's."""

    purpose: Purpose = "server"
    profile: str
    gpus: int | None = None
    cpus_per_task: int | None = None
    mem: int | None = None
    time: int | None = None
    nodes: int | None = None
    account: str | None = None
    qos: str | None = None
    reservation: str | None = None
    environment: str | None = None
    safe_start: bool = False


class Resources(BaseModel, frozen=True, extra="forbid"):
    """What the scheduler is asked for: `mem` in MiB per node, `time` in minutes, `gpus` over all nodes."""

    partition: str
    qos: str | None
    account: str | None
    reservation: str | None
    nodes: int
    cpus_per_task: int
    mem: int
    gpus: int
    time: int
    environment: Environment | None

    @property
    def gpu_minutes(self) -> int:
        """The most GPU minutes the job can use up: what a start page shows as its cost."""
        return self.gpus * self.time


def parse_request(options: Mapping[str, object], site: Site, *, purpose: Purpose = "server") -> Request:
    """Make a Request of untrusted options (form, URL and REST alike); RequestError lists the valid choices.

    Form values arrive as strings and are read strictly; an empty string or None means "not given".
    Limits are checked too, so that a Request that came through here can be resolved.
    """
    fitting = tuple(profile for profile in site.profiles if purpose in profile.purposes)
    values, mistakes = _read(options, site.model_copy(update={"profiles": fitting}))
    if "profile" not in values and not mistakes:
        mistakes.append(f"Option 'profile' is missing. Choose from: {', '.join(p.name for p in fitting)}.")
    if values.get("purpose", purpose) != purpose:
        mistakes.append(f"Option 'purpose' is {show(values['purpose'])}. Choose from: {purpose}.")
    if mistakes:
        raise RequestError("\n".join(mistakes))
    request = Request.model_validate(values | {"purpose": purpose})
    resolve(request, site)
    return request


def _read(options: Mapping[str, object], site: Site) -> tuple[dict[str, object], list[str]]:
    """The options that could be read, and one sentence for each that could not."""
    values: dict[str, object] = {}
    mistakes: list[str] = []
    unknown = [key for key in options if key not in READERS]
    if unknown:
        mistakes.append(f"Unknown option {', '.join(map(show, unknown[:5]))}. Choose from: {', '.join(READERS)}.")
    for key, read in READERS.items():
        value = options.get(key)
        if value is None or value == "":
            continue
        try:
            values[key] = read(key, value, site)
        except RequestError as e:
            mistakes.append(str(e))
    return values, mistakes


def resolve(request: Request, site: Site) -> Resources:
    """Fill a Request from its profile and check it against the limits of the site; raises RequestError."""
    try:
        profile = site.profile(request.profile)
        environment = site.environment(request.environment) if site.environments or request.environment else None
    except SiteError as e:
        raise RequestError(str(e)) from None
    if request.purpose not in profile.purposes:
        fitting = [p.name for p in site.profiles if request.purpose in p.purposes]
        raise RequestError(
            f"Profile '{profile.name}' is not for a {request.purpose}. Choose from: {', '.join(fitting) or 'none'}."
        )
    resources = Resources(
        partition=profile.partition,
        qos=request.qos or profile.qos,
        account=request.account,
        reservation=request.reservation,
        nodes=_pick(request.nodes, profile.nodes),
        cpus_per_task=_pick(request.cpus_per_task, profile.cpus_per_task),
        mem=_pick(request.mem, profile.mem),
        gpus=_pick(request.gpus, profile.gpus),
        time=_pick(request.time, profile.time),
        environment=environment,
    )
    _check_limits(resources, profile, site)
    return resources


def _pick(asked: int | None, default: int) -> int:
    """What was asked, or the profile's own; 0 GPUs is an answer, so truth is not the test."""
    return default if asked is None else asked


def _check_limits(resources: Resources, profile: Profile, site: Site) -> None:
    """Every number within what profile, partition, QoS and GPU section allow; all mistakes at once."""
    partition = site.partition(profile.partition)
    broken = {
        key: f"Option '{key}' is {asked}, but {whose} allows {least} to {most}."
        for key, asked, least, most, whose in _widest_first(_limits(resources, profile, partition))
        if not least <= asked <= most
    }
    mistakes = [*broken.values()]
    if resources.nodes and resources.gpus % resources.nodes:
        mistakes.append(f"{resources.gpus} GPUs cannot be spread evenly over {resources.nodes} nodes.")
    if resources.qos is not None and resources.qos not in [qos.name for qos in partition.qos]:
        known = ", ".join(qos.name for qos in partition.qos) or "none; leave it out"
        mistakes.append(f"Option 'qos' is '{resources.qos}'. Choose from: {known}.")
    if site.account.required and resources.account is None:
        mistakes.append(f"{site.title} needs the option 'account', for example {site.account.example}.")
    if mistakes:
        raise RequestError("\n".join(mistakes))


def _widest_first(limits: list[tuple[str, int, int, int | None, str]]) -> list[tuple[str, int, int, int, str]]:
    """The limits that are known, the narrowest of each option last: it is the one worth saying."""
    known = [(key, asked, least, most, whose) for key, asked, least, most, whose in limits if most is not None]
    return sorted(known, key=lambda limit: limit[3], reverse=True)


def _limits(
    resources: Resources, profile: Profile, partition: Partition
) -> list[tuple[str, int, int, int | None, str]]:
    """(option, asked, least, most or None where unknown, who says so) for every number of the request."""
    where = f"partition '{partition.name}'"
    limits: list[tuple[str, int, int, int | None, str]] = [
        ("time", resources.time, 1, partition.max_time, where),
        ("time", resources.time, 1, profile.max_time, f"profile '{profile.name}'"),
        ("nodes", resources.nodes, 1, partition.max_nodes or profile.nodes, where),
        (
            "cpus_per_task",
            resources.cpus_per_task,
            1,
            partition.cpus_per_node or profile.cpus_per_task,
            where,
        ),
        ("mem", resources.mem, 1, partition.mem_per_node or profile.mem, where),
        ("gpus", resources.gpus, 0, partition.gpus_per_node * resources.nodes, where),
    ]
    for qos in partition.qos:
        if qos.name == resources.qos:
            limits += [
                ("time", resources.time, 1, qos.max_time, f"QoS '{qos.name}'"),
                ("nodes", resources.nodes, 1, qos.max_nodes, f"QoS '{qos.name}'"),
                ("gpus", resources.gpus, 0, qos.max_gpus, f"QoS '{qos.name}'"),
            ]
    return limits
