"""Onramp for learners: `import onramp` in any notebook, then `onramp.panel()`."""

from notebooks.panel import panel
from notebooks.status import status

__all__ = ["panel", "status"]
