"""The kernels that JupyterLab offers beside the server's own: one for each profile of the site with GPUs. Pure."""

from collections.abc import Mapping
from typing import Any

from spawners.price import cost_sentence, left_of, price, unit_of, written
from spawners.request import RequestError, parse_request, resolve
from spawners.resources import Resources
from spawners.scheduler import Usage
from spawners.site import Profile, Site

# What jupyter_client finds our provisioner by; pyproject.toml says the same.
PROVISIONER = "onramp-slurm"


def kernel_specs(site: Site, account: str | None, usage: Usage | None) -> Mapping[str, Mapping[str, Any]]:
    """The content of kernel.json by the kernel's name; `usage` tells what is left, None: that is not known."""
    found = {}
    for profile in site.profiles:
        if "kernel" not in profile.purposes or not profile.gpus or profile.nodes > 1:
            continue
        asked = {"profile": profile.name, "account": account}
        try:
            resources = resolve(parse_request(asked, site, purpose="kernel"), site)
        except RequestError:
            continue  # not for this account; whoever asks by name is told why
        found[f"onramp-{profile.name}"] = _spec(profile, f"{profile.display_name}: {_cost(site, resources, usage)}")
    return found


def _spec(profile: Profile, display_name: str) -> Mapping[str, Any]:
    provisioner = {"provisioner_name": PROVISIONER, "config": {"profile": profile.name}}
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
    return f"up to {written(resources.gpu_minutes)}{of} GPU minutes"
