"""A site rehearsed on this machine: its rules, partitions and profiles, with the factory's own folders and software."""

from hub_config.factory.parts import VENV
from spawners.environment import Arch, Environment
from spawners.site import Site
from spawners.site_parts import Paths

HOME, RUNTIME = "/home/{user}", "/srv/onramp/spool/{user}"


class RehearsalError(ValueError):
    """This site cannot be rehearsed; the message says why."""


def rehearsed(site: Site) -> Site:
    """Return the site as this machine can be it; a site that is this machine stays as it is."""
    if site.scheduler != "slurm":
        raise RehearsalError(f"{site.title} runs {site.scheduler}, and a factory runs Slurm: it cannot be rehearsed.")
    if site.name == "local":
        return site
    return site.model_copy(
        update={
            "title": f"{site.title}, rehearsed on this machine",
            "interface": None,
            "paths": _paths(site.paths),
            "environments": _environments(site),
        }
    )


def _paths(paths: Paths) -> Paths:
    """The factory's folders where the site has its own; what nodes do not see, and /tmp, as at the site."""
    return paths.model_copy(
        update={
            "home": HOME,
            "runtime": RUNTIME,
            "project": paths.project and HOME,
            "scratch": paths.scratch and RUNTIME,
            "local": paths.local and RUNTIME,
        }
    )


def _environments(site: Site) -> tuple[Environment, ...]:
    """The site's environments by their names and processors, each of them the factory's own software."""
    archs: set[Arch] = {partition.arch or site.arch for partition in site.partitions}
    known = [Environment(name=one.name, kind="venv", path=VENV, arch=one.arch) for one in site.environments]
    missing = sorted(archs - {one.arch for one in known})
    return (
        *known,
        *(Environment(name=f"onramp-{arch.replace('_', '-')}", kind="venv", path=VENV, arch=arch) for arch in missing),
    )
