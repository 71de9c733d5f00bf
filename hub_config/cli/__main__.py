"""`python -m hub_config.cli`."""

from hub_config.cli.main import main

main(prog_name="onramp")
