"""The `onramp` command."""

import click

from hub_config.cli import kernels, runs, site

OPERATING: tuple[click.Command, ...] = ()
try:
    from hub_config.cli import checks, course, docs, grade, running
    from hub_config.cli.up import up
except ModuleNotFoundError:
    pass  # a learner's environment has no packages of a hub, and no use for these commands
else:
    OPERATING = (up, *running.COMMANDS, *course.COMMANDS, *grade.COMMANDS, *checks.COMMANDS, *docs.COMMANDS)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """From a tutorial notebook to a full GPU workload, in one place.

    `up` starts a whole AI Factory on this machine: a real Slurm with two CPU and two GPU nodes, accounting, people
    with homes, and the hub. Nothing of it is installed on the machine itself, and `down` ends every process.
    """


for command in (*OPERATING, *runs.COMMANDS, *kernels.COMMANDS, *site.COMMANDS):
    main.add_command(command)
