"""The reference page of all systems, generated: docs/reference/sites.md is what `./onramp site page` prints."""

from collections.abc import Iterable, Iterator, Sequence

from spawners.evidence import evidence, unknowns
from spawners.factories import Factories, Planned, load_factories
from spawners.rules import RULES
from spawners.site import Site, load_site, site_names
from spawners.site_tables import UNKNOWN, site_tables


def sites_page() -> str:
    """The page as Markdown; raises SiteError for a file that cannot be read."""
    factories = load_factories()
    sites = [site for site in map(load_site, site_names()) if site.tier]
    return "\n".join(
        (
            *_opening(factories),
            *_systems(sites, factories),
            *_rules(),
            *_who(factories),
            *(line for site in sites for line in _one(site)),
            "",
        )
    )


def _opening(factories: Factories) -> Iterator[str]:
    yield "# Systems"
    yield ""
    yield "<!-- Generated from spawners/sites/ and factories.yaml: ./onramp site page > docs/reference/sites.md -->"
    yield ""
    yield (
        "What Onramp knows of the systems of the European AI Factories, how well, and from where. Nothing on this "
        f"page was tried on the systems themselves: it was read, last on {factories.read}. A profile is called "
        "verified only after somebody has run it there."
    )
    yield ""


def _systems(sites: Sequence[Site], factories: Factories) -> Iterator[str]:
    """All systems at a glance, those without a profile last."""
    yield "## At a glance"
    yield ""
    yield (
        "Facts are counted as: read in a strong source (official pages and trainings, configurations in use) / read "
        "elsewhere / inferred / not known."
    )
    yield ""
    rows = [
        (
            f"[{site.name}](#{site.name})",
            site.tier or "",
            ", ".join(factories.of(site.name)),
            evidence(site).counts,
            "; ".join(unknowns(site)) or "nothing we looked for",
        )
        for site in sites
    ]
    yield from _table(("system", "tier", "AI Factory", "facts", "not known"), rows)
    yield "## Systems without a profile yet"
    yield ""
    learn = [
        (
            listed.title,
            listed.tier,
            "; ".join(listed.known),
            "; ".join(f"{question.what}: `{question.command}`" for question in listed.learn),
        )
        for listed in factories.listed
    ]
    yield from _table(("system", "tier", "known", "to be learned, and by which command"), learn)


def _rules() -> Iterator[str]:
    """The traps by name."""
    yield "## Rules"
    yield ""
    yield (
        "A request that breaks one of these rules of its site is refused before it reaches the scheduler, with what "
        "would work."
    )
    yield ""
    yield from _table(("rule", "what happens where nobody looks"), [(f"`{rule.name}`", rule.trap) for rule in RULES])


def _who(factories: Factories) -> Iterator[str]:
    """Factories, antennas and the ways to computing time."""
    yield "## AI Factories"
    yield ""
    rows = [
        (
            one.name,
            ", ".join((one.country, *one.partners)),
            one.host,
            ", ".join(one.systems),
            "; ".join(map(_planned, one.planned)),
            ", ".join(one.sectors),
            ", ".join((*one.routes, *(["experimental platform"] if one.experimental else []))),
        )
        for one in factories.factories
    ]
    yield from _table(
        ("factory", "countries", "host", "systems today", "planned", "sectors", "ways in that were read of"), rows
    )
    yield "## Antennas"
    yield ""
    antennas = [
        (
            one.country,
            one.name or "",
            (", ".join(one.factories) or UNKNOWN) + (" (sources differ)" if one.disputed else ""),
        )
        for one in factories.antennas
    ]
    yield from _table(("country", "name", "factories"), antennas)
    yield "## Ways to computing time"
    yield ""
    routes = [(r.name, r.for_whom, r.size or UNKNOWN, r.duration, r.answer) for r in factories.routes]
    yield from _table(("route", "for whom", "size", "duration", "answer"), routes)


def _planned(planned: Planned) -> str:
    contract = f"contract {planned.contract}" if planned.contract else ""
    said = ", ".join(filter(None, (contract, planned.when)))
    return f"{planned.system}: {said}" if said else planned.system


def _one(site: Site) -> Iterator[str]:
    yield f"## {site.name}"
    yield ""
    yield f"{site.title}."
    yield ""
    for words in site_tables(site):
        yield f"### {words.title}: {site.name}"
        yield ""
        if len(words.columns) == 1:
            yield from (f"- {row[0]}" for row in words.rows)
            yield ""
        else:
            yield from _table(words.columns, words.rows)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """One Markdown table."""
    yield _row(columns)
    yield _row(["---"] * len(columns))
    yield from map(_row, rows)
    yield ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
