"""Work elsewhere is noted where the server sees it."""

import time
from pathlib import Path

from spawners import node_work


def test_a_note_of_work_is_good_for_a_while(tmp_path: Path) -> None:
    environ = {"JUPYTER_RUNTIME_DIR": str(tmp_path)}
    node_work.note(environ)
    assert node_work.noted(environ, time.time())
    assert not node_work.noted(environ, time.time() + 2 * node_work.GOOD)
    node_work.note({"JUPYTER_RUNTIME_DIR": "/nonexistent"})
    assert not node_work.noted({"JUPYTER_RUNTIME_DIR": "/nonexistent"}, time.time())
    assert not node_work.noted({}, time.time())
