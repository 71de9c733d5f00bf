"""`runs bundle`: a notebook with what it needs, for a node without internet."""

from pathlib import Path

import click

from hub_config.cli.complaint import or_complain
from spawners.bundle import bundle as bundle_


@click.command()
@click.argument("notebook", type=click.Path(path_type=Path))
@click.option("--data", "data", multiple=True, type=click.Path(path_type=Path), help="A file or folder that it reads.")
@click.option("--package", "packages", multiple=True, metavar="NAME", help="A package that it needs, as for pip.")
@click.option("--wheels", is_flag=True, help="Also wheels of all that it imports, for a machine with Python alone.")
def bundle(notebook: Path, data: tuple[Path, ...], packages: tuple[str, ...], wheels: bool) -> None:
    """Make a folder of NOTEBOOK that runs without internet: a script, locked packages, data. See onramp.bundle."""
    click.echo(or_complain(lambda: bundle_(notebook, data, packages, wheels=wheels)))
