"""WHAT PEOPLE SEE of the hub: its templates, its style sheet, and the start page's offers."""

import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from jupyterhub.handlers import default_handlers
from jupyterhub.handlers.static import CacheControlStaticFilesHandler

from hub_config.pages.offers import offers

TEMPLATES = Path(__file__).parent / "templates"
STATIC = Path(__file__).parent / "static"
# In the URL of the style sheet, so that browsers keep it until it changes.
VERSION = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(STATIC.iterdir()))).hexdigest()[:12]

_jinja = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True)


async def options_form(spawner: Any) -> str:
    """Return the start page's choices as HTML: one card for each profile, the rest under "More choices"."""
    return _jinja.get_template("options.html").render(start=await offers(spawner.door(), spawner))


def register() -> None:
    """Serve our style sheet below the hub's own prefix."""
    entry = (r"/onramp/(.*)", CacheControlStaticFilesHandler, {"path": str(STATIC)})
    default_handlers[:] = [*(known for known in default_handlers if known[0] != entry[0]), entry]


register()
