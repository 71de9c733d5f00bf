"""WHAT PEOPLE SEE of the hub: its templates, its style sheet, and the start page's offers."""

import hashlib
from pathlib import Path

from jupyterhub.handlers import default_handlers
from jupyterhub.handlers.pages import SpawnHandler
from jupyterhub.handlers.static import CacheControlStaticFilesHandler

from hub_config.pages.start import HAS_FORM, TEMPLATES, StartHandler, options_form

__all__ = ["HAS_FORM", "STATIC", "TEMPLATES", "VERSION", "options_form"]
STATIC = Path(__file__).parent / "static"
# In the URL of the style sheet, so that browsers keep it until it changes.
VERSION = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(STATIC.iterdir()))).hexdigest()[:12]


def register() -> None:
    """Serve our style sheet below the hub's own prefix, and our start page where JupyterHub has its own."""
    entry = (r"/onramp/(.*)", CacheControlStaticFilesHandler, {"path": str(STATIC)})
    default_handlers[:] = [
        *(
            (path, StartHandler if handler is SpawnHandler else handler, *rest)
            for path, handler, *rest in default_handlers
            if path != entry[0]
        ),
        entry,
    ]


register()
