"""The site that a server runs at, for what a page shows: where none is known, or its file is wrong, nothing stops."""

from collections.abc import Mapping

from spawners.site import Site, SiteError, load_site


def site_here(environ: Mapping[str, str]) -> Site | None:
    """The site that this environment names; None where there is none, or its file is wrong here."""
    try:
        return load_site(environ.get("ONRAMP_SITE", ""))
    except SiteError:
        return None


def vendor_here(environ: Mapping[str, str]) -> str | None:
    """The make of that site's GPUs; None where there are none."""
    site = site_here(environ)
    return site.gpus[0].vendor if site and site.gpus else None
