"""What `python -m hub_config` reads: everything is in the settings file that ONRAMP_SETTINGS names."""

import os
from pathlib import Path

from hub_config.assemble import assemble
from hub_config.settings import load_settings

os.umask(0o077)  # the hub's database and cookie secret are its own
assemble(get_config(), load_settings(Path(os.environ["ONRAMP_SETTINGS"])))  # type: ignore[name-defined]  # noqa: F821
