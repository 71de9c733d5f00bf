"""Request and Resources: what a person asks for, what the scheduler is asked for, and both beside their site."""

from pydantic import BaseModel

from spawners.environment import Environment
from spawners.options import RequestError
from spawners.site import GPU, QOS, Lane, Partition, Profile, Purpose, Site, SiteError, lanes


class Request(BaseModel, frozen=True, extra="forbid"):
    """What a person asks for: a profile, and where wanted numbers of their own; None means the profile's.

    `internet` says that the job will fetch something.
    """

    purpose: Purpose = "server"
    profile: str
    partition: str | None = None
    gpus: int | None = None
    cpus_per_task: int | None = None
    mem: int | None = None
    time: int | None = None
    nodes: int | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    reservation: str | None = None
    environment: str | None = None
    internet: bool = False
    safe_start: bool = False


class Resources(BaseModel, frozen=True, extra="forbid"):
    """What the scheduler is asked for: `mem` in MiB per node, `time` in minutes, `gpus` over all nodes."""

    partition: str
    qos: str | None
    account: str | None
    constraint: str | None = None
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


class Ask(BaseModel, frozen=True, extra="forbid"):
    """A request, its resources, and the folders that its job would use, at one site.

    `attended`: a person asks. That is a fact of the door they ask at, and nothing that a request could say of itself.
    """

    site: Site
    request: Request
    resources: Resources
    folders: tuple[str, ...] = ()
    attended: bool = True

    @property
    def profile(self) -> Profile:
        """The profile asked for."""
        return self.site.profile(self.request.profile)

    @property
    def partition(self) -> Partition:
        """The partition the job would run in."""
        return self.site.partition(self.resources.partition)

    @property
    def gpu(self) -> GPU | None:
        """The kind of GPU in that partition."""
        return self.site.gpu(self.partition)

    @property
    def gpus_per_node(self) -> int:
        """How many GPUs the job would have on each node."""
        return self.resources.gpus // max(self.resources.nodes, 1)

    @property
    def qos(self) -> QOS | None:
        """The QoS whose limits hold: the one asked for, or the one that Slurm takes where none is."""
        if self.resources.qos is None:
            return next((qos for qos in self.partition.qos if qos.default), None)
        names = {qos_name(qos, self.resources.account): qos for qos in self.partition.qos}
        return names.get(self.resources.qos)


def qos_name(qos: QOS | str, account: str | None) -> str:
    """The name of a QoS for an account; Slurm writes the names of QoS in lower case."""
    name = qos if isinstance(qos, str) else qos.name
    return name.replace("{account}", (account or "").lower())


def fill(request: Request, site: Site) -> Resources:
    """Fill a Request from its profile, without looking at any rule; RequestError for names that do not exist."""
    try:
        profile = site.profile(request.profile)
        lane = _lane(request, profile)
        partition = site.partition(lane.partition)
        environment = _environment(request, site, partition)
    except SiteError as e:
        raise RequestError(str(e)) from None
    nodes = _pick(request.nodes, profile.nodes)
    cpus, mem = _share(request, profile, site.gpu(partition), nodes)
    return Resources(
        partition=lane.partition,
        qos=request.qos or (lane.qos and qos_name(lane.qos, request.account)),
        account=request.account,
        constraint=request.constraint or lane.constraint,
        reservation=request.reservation,
        nodes=nodes,
        cpus_per_task=_pick(request.cpus_per_task, cpus),
        mem=_pick(request.mem, mem),
        gpus=_pick(request.gpus, profile.gpus),
        time=_pick(request.time, profile.time),
        environment=environment,
    )


def _lane(request: Request, profile: Profile) -> Lane:
    """The lane of the profile that leads into the partition and QoS asked for; its own where none is."""
    known = lanes(profile)
    if request.partition is None:
        return known[0]
    fitting = [lane for lane in known if lane.partition == request.partition]
    if not fitting:
        choices = ", ".join(dict.fromkeys(lane.partition for lane in known))
        raise RequestError(
            f"Profile '{profile.name}' does not lead into partition '{request.partition}'. Choose from: {choices}."
        )
    return next((lane for lane in fitting if lane.qos == request.qos), fitting[0])


def _environment(request: Request, site: Site, partition: Partition) -> Environment | None:
    """The environment asked for, or the site's first that is built for the processor of the partition."""
    if request.environment is not None:
        return site.environment(request.environment)
    return next(iter(site.fitting(partition)), None)


def _share(request: Request, profile: Profile, gpu: GPU | None, nodes: int) -> tuple[int, int]:
    """CPUs and memory of the profile, and no more than come with the GPUs where fewer than its own are asked for."""
    per_node = 0 if request.gpus is None else request.gpus // max(nodes, 1)
    if not per_node or gpu is None:
        return profile.cpus_per_task, profile.mem
    return (
        min(profile.cpus_per_task, (gpu.cpus_per_gpu or profile.cpus_per_task) * per_node),
        min(profile.mem, (gpu.mem_per_gpu or profile.mem) * per_node),
    )


def _pick(asked: int | None, default: int) -> int:
    """What was asked, or the profile's own; 0 GPUs is an answer, so truth is not the test."""
    return default if asked is None else asked
