"""`docs`: the documents as pages."""

import shutil
import subprocess
import sys

import click

from hub_config.cli.terminal import REPOSITORY, console

PAGES = REPOSITORY / "build/docs"
SHOWN = REPOSITORY / "docs/screenshots"
TAKEN = REPOSITORY / "tests/artifacts/docs"


@click.command()
@click.option("--screenshots", is_flag=True, help="Put the pictures that the last `onramp test` took into the pages.")
def docs(screenshots: bool) -> None:
    """Build the documents as pages in build/docs; whatever Sphinx warns of is an error, such as a dead link."""
    if screenshots:
        _take_over()
    # What Sphinx has built before, it does not check again.
    shutil.rmtree(PAGES.parent, ignore_errors=True)
    strictly = ("--fail-on-warning", "--nitpicky", "--keep-going", "--quiet")
    where = ("--conf-dir", "docs", "--doctree-dir", PAGES.with_name("doctrees"), ".", PAGES)
    done = subprocess.run([sys.executable, "-m", "sphinx", *strictly, *where], cwd=REPOSITORY, check=False)
    if done.returncode:
        raise click.ClickException("the documents have the faults above")
    console.print(f"Open {(PAGES / 'index.html').as_uri()}")


def _take_over() -> None:
    pictures = sorted(TAKEN.glob("*.png"))
    if not pictures:
        raise click.ClickException("no pictures are in tests/artifacts/docs: ./onramp test tests/end_to_end takes them")
    for picture in pictures:
        shutil.copy(picture, SHOWN)


COMMANDS = (docs,)
