"""`kernels`: kernels with GPUs in a Jupyter that no hub has started. Needs nothing of the hub's own packages."""

import json
import tempfile
from pathlib import Path

import click
from jupyter_client.kernelspec import KernelSpecManager

from hub_config.cli.complaint import or_complain
from spawners.kernel_specs import kernel_specs
from spawners.site import load_site


@click.group()
def kernels() -> None:
    """Kernels that are jobs with a GPU, also in a Jupyter that was not started from the hub."""


@kernels.command()
@click.option("--site", "name", required=True, help="The site's name, as `onramp site list` has it, or its file.")
@click.option("--account", help="Who pays, instead of your default account.")
def install(name: str, account: str | None) -> None:
    """Offer a kernel for each profile with a GPU in every Jupyter of yours on this system."""
    site = or_complain(lambda: load_site(name))
    named = str(Path(name).resolve()) if Path(name).is_file() else name
    specs = kernel_specs(site, account, None, named=named)
    if not specs:
        raise click.ClickException(f"{site.title} has no profile for a kernel with a GPU{_of(account)}.")
    for kernel, spec in specs.items():
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "kernel.json").write_text(json.dumps(spec, indent=1))
            where = KernelSpecManager().install_kernel_spec(folder, kernel, user=True)
        click.echo(f"{spec['display_name']}: {where}")
    click.echo("Choose it in JupyterLab's launcher. To take one away: jupyter kernelspec remove NAME")


def _of(account: str | None) -> str:
    return f" that account '{account}' may use" if account else ""


COMMANDS = (kernels,)
