"""What JupyterLab asks for seldom is loaded when it does, and then it is there."""

import subprocess
import sys
from importlib.metadata import files
from pathlib import Path

from spawners.node_server import _EXTENSIONS
from tests.notebooks.jupyter_here import jupyter

LOADED = "import sys, notebooks.lab_later; print({'nbgrader', 'dask', 'jupyter_scheduler'} & sys.modules.keys())"


def test_nothing_of_it_is_loaded_for_a_start() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
    # As each package switches its part on by itself, a server switches it off.
    for package in ("dask-labextension", "jupyter-scheduler"):
        switches = [one for one in files(package) or () if "jupyter_server_config.d" in str(one)]
        assert [_EXTENSIONS[one.stem] for one in switches] == [False]


def test_each_part_answers_when_it_is_asked(tmp_path: Path) -> None:
    with jupyter(tmp_path, ONRAMP_SITE="local") as client:
        for _ in range(2):
            assert client.get("dask/clusters").json() == []
            assert client.get("scheduler/jobs").json()["jobs"] == []
            assert client.get("scheduler/runtime_environments").status_code == 200
        assert client.get("dask/nothing").status_code == 404
        assert client.get("scheduler").status_code == 404
