"""Every learner's server: what it passes on of its node."""

from spawners import own_ports

own_ports.install()
c.ServerProxy.host_allowlist = own_ports.shows  # type: ignore[name-defined]  # noqa: F821 - Jupyter gives `c`
