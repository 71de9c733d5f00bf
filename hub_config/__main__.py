"""`python -m hub_config` starts the hub."""

from hub_config.hub import Hub

Hub.launch_instance()
