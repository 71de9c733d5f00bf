"""ONE HUB, ASSEMBLED: settings and a Site become JupyterHub traits, pages and services."""
