"""The kernels that JupyterLab offers beside the server's own: one for each profile of the site with GPUs. Pure."""

from collections.abc import Mapping
from typing import Any

from spawners.price import cost_sentence, left_of, price, unit_of, written
from spawners.request import RequestError, parse_request, resolve
from spawners.resources import Resources
from spawners.scheduler import Usage
from spawners.site import Site

# What jupyter_client finds our provisioner by; pyproject.toml says the same.
PROVISIONER = "onramp-slurm"
# How their names begin. JupyterLab's dialog sorts by name and has the first one chosen: that is to be the server's own,
# "Python 3 (ipykernel)", which costs nothing more. A notebook's toolbar hides a name for which it has no room.
NAMED = "Python on"


def kernel_specs(
    site: Site, account: str | None, usage: Usage | None, *, named: str = ""
) -> Mapping[str, Mapping[str, Any]]:
    """The content of kernel.json by the kernel's name; `usage` tells what is left, None: that is not known.

    `named` is how the site is called in it, for a Jupyter that was not started from a hub and knows none; then it says
    who pays, too.
    """
    found = {}
    for profile in site.profiles:
        if "kernel" not in profile.purposes or not profile.gpus or profile.nodes > 1:
            continue
        asked = {"profile": profile.name, "account": account}
        try:
            resources = resolve(parse_request(asked, site, purpose="kernel"), site)
        except RequestError:
            continue  # not for this account; whoever asks by name is told why
        found[f"onramp-{profile.name}"] = _spec(
            f"{NAMED} {profile.display_name}: {_cost(site, resources, usage)}",
            {"profile": profile.name} | ({"site": named, "account": account or ""} if named else {}),
        )
    return found


def _spec(display_name: str, config: Mapping[str, str]) -> Mapping[str, Any]:
    provisioner = {"provisioner_name": PROVISIONER, "config": config}
    return {
        "argv": [],  # what runs, and with which Python, is the site's to say
        "display_name": display_name,
        "language": "python",
        "metadata": {"kernel_provisioner": provisioner, "supported_encryption": ["curve"]},
    }


def _cost(site: Site, resources: Resources, usage: Usage | None) -> str:
    """What a kernel costs of what is left, as short as fits below an icon."""
    cost = price(site, resources)
    charge = site.partition(resources.partition).charge
    if cost is not None:
        return cost_sentence(cost, None if usage is None else left_of(unit_of(charge, usage), usage)).rstrip(".")
    left = None if usage is None else usage.gpu_minutes_left
    of = "" if left is None else f" of {written(left)}"
    return f"{written(resources.gpu_minutes)}{of} GPU min"
