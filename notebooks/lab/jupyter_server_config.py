"""Every learner's server: what it passes on of its node, and whose jobs its pages for jobs show."""

from spawners import own_ports

own_ports.install()
c.ServerProxy.host_allowlist = own_ports.shows  # type: ignore[name-defined]  # noqa: F821 - Jupyter gives `c`
c.SchedulerApp.scheduler_class = "notebooks.lab_jobs.Jobs"  # type: ignore[name-defined]  # noqa: F821
c.SchedulerApp.environment_manager_class = "notebooks.lab_profiles.Profiles"  # type: ignore[name-defined]  # noqa: F821
# Its tables stay empty, so that they need no file.
c.SchedulerApp.db_url = "sqlite://"  # type: ignore[name-defined]  # noqa: F821
