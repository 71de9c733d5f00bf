"""report: the values by which a run is judged, as it tells them itself; a file in the run's folder."""

import json
import math
import os
from pathlib import Path

from spawners.run_record import INSIDE, RunError, write_whole

VALUES = "values.json"


def report(**values: float) -> None:
    """Say what came of a run, for example report(loss=0.3, accuracy=0.9); a later value replaces an earlier one.

    In a notebook that a person has open, nothing happens. Nobody has verified what a run says of itself.
    """
    for name, value in values.items():
        if not hasattr(value, "__float__") or isinstance(value, str):
            raise RunError(f"'{name}' is a {type(value).__name__}; report takes numbers: report({name}=0.5).")
    if INSIDE in os.environ and values:
        folder = Path(os.environ[INSIDE])
        told = reported_values(folder) | {name: float(value) for name, value in values.items()}
        write_whole(folder / VALUES, json.dumps(told) + "\n")


def reported_values(folder: Path) -> dict[str, float]:
    """What a run has reported so far, numbers alone; nothing where there is nothing that can be read."""
    try:
        found = json.loads((folder / VALUES).read_bytes())
        values = {str(name): float(value) for name, value in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
    return {name: value for name, value in values.items() if not math.isnan(value)}
