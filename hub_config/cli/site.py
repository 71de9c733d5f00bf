"""`site`: which systems Onramp knows, what it knows of each and from where, and whether a site file holds."""

import sys

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hub_config.cli.complaint import or_complain
from hub_config.site_page import sites_page
from spawners.evidence import evidence, unknowns
from spawners.factories import Listed, load_factories
from spawners.site import Site, SiteError, load_site, site_names
from spawners.site_check import Checked, check_site
from spawners.site_tables import site_tables

console = Console(highlight=False)


@click.group()
def site() -> None:
    """The systems of the European AI Factories: their rules as data, each fact with its source.

    SYSTEM is a name from `onramp site list`, or a path to a site file of your own.
    """


@site.command("list")
def list_() -> None:
    """List every system: its tier, how well it is known, and what is not.

    Tier A: enough was read for a draft; B: a draft that needs special handling; C and D: too little for a profile.
    The four numbers count facts: read in a strong source, read in another, inferred, not known. A profile counts as
    verified once somebody has run it on the system.
    """
    table = Table("system", "tier", "facts", "verified", "AI Factory", "not known", box=None, pad_edge=False)
    factories = or_complain(load_factories)
    for known in or_complain(lambda: [load_site(name) for name in site_names()]):
        verified = f"{sum(profile.verified for profile in known.profiles)} of {len(known.profiles)}"
        whose = ", ".join(factories.of(known.name)) or "this machine"
        counts = evidence(known).counts if known.tier else ""
        table.add_row(known.name, known.tier, counts, verified, whose, "; ".join(unknowns(known)))
    for listed in factories.listed:
        learn = "; ".join(question.what for question in listed.learn)
        whose = ", ".join(factories.of(listed.name))
        table.add_row(listed.name, listed.tier, "", "no profile", whose, learn)
    console.print(table)
    console.print("\nfacts: read in a strong source / read elsewhere / inferred / not known")


@site.command()
@click.argument("system")
def show(system: str) -> None:
    """Show what is known of SYSTEM, how well, and from where."""
    listed = _listed(system)
    if listed is not None:
        console.print(f"{listed.title}: tier {listed.tier}, no profile yet.\nKnown: {'; '.join(listed.known)}.")
        console.print("Still to be learned, and the command that answers it on the machine:")
        for question in listed.learn:
            console.print(f"  {question.what}: {question.command}", markup=False)
        return
    known = or_complain(lambda: _load(system))
    console.print(f"[bold]{known.title}[/]")
    for words in site_tables(known):
        table = Table(*words.columns, box=None, pad_edge=False, show_header=any(words.columns), title_justify="left")
        for row in words.rows:
            table.add_row(*map(escape, row))
        console.print(f"\n[bold]{words.title}[/]")
        console.print(table)


@site.command()
@click.argument("system", required=False)
@click.option("--all", "everything", is_flag=True, help="Every system that comes with Onramp.")
def check(system: str | None, everything: bool) -> None:
    """Check SYSTEM's file: that it can be read, agrees with itself, and that its profiles pass its own rules.

    Exits with 1 if anything is wrong. What is not known is listed and is no mistake.
    """
    if everything == (system is not None):
        raise click.UsageError("Name one SYSTEM, or give --all.")
    names = site_names() if system is None else (system,)
    mistakes = [_check(name) for name in names]
    sys.exit(1 if any(mistakes) else 0)


@site.command()
def page() -> None:
    """Print the reference page of all systems as Markdown: docs/reference/sites.md."""
    click.echo(or_complain(sites_page), nl=False)


def _listed(system: str) -> Listed | None:
    """The system of that name of which too little was read for a site file."""
    return next((one for one in or_complain(load_factories).listed if one.name == system), None)


def _load(system: str) -> Site:
    """Read a site; SiteError names the listed systems too, which have no file to read yet."""
    listed = _listed(system)
    if listed is not None:
        raise SiteError(
            f"{listed.title} has no site file yet: too little was read. What must be learned, and by which command: "
            f"onramp site show {system}"
        )
    try:
        return load_site(system)
    except SiteError as error:
        if "/" in system or system in site_names() or system.endswith((".yaml", ".yml")):
            raise
        others = ", ".join(one.name for one in load_factories().listed)
        raise SiteError(f"{error} Listed, and without a file yet: {others}.") from None


def _check(name: str) -> bool:
    """Print what is found in one file, and say whether anything is wrong."""
    try:
        found = check_site(_load(name))
    except SiteError as error:
        console.print(f"[red]✗[/] {name}")
        console.print(f"  {error}", markup=False)
        return True
    _print(found)
    return bool(found.mistakes)


def _print(found: Checked) -> None:
    mark = "[red]✗[/]" if found.mistakes else "[green]✓[/]"
    console.print(f"{mark} {found.name}: {found.tried} requests against its rules; {found.open}")
    for mistake in found.mistakes:
        console.print(f"  {mistake}", markup=False)


COMMANDS = (site,)
