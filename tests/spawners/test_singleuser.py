"""What the server process imports before it runs: counted, in an interpreter of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from spawners import singleuser

HERE = Path(singleuser.__file__).parents[1]
# What a start would pay for and a server does not use; all of it is there to be imported.
UNUSED = {"alembic", "sqlalchemy", "jupyterhub.handlers", "jupyterhub.orm", "nbgrader", "rfc3987_syntax"}


def found(code: str) -> Any:
    """Run `code` in a new interpreter that knows our checkout, and return what it leaves in `answer`."""
    before = f"import json, sys; sys.path.insert(0, {str(HERE)!r}); from spawners import singleuser; "
    done = subprocess.run(
        (sys.executable, "-I", "-c", f"{before}\n{code}\nprint(json.dumps(answer))"),
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


def test_nothing_of_the_hub_is_imported_and_no_program_started() -> None:
    names, programs, path = found(
        "import os; programs = []; before = os.environ['PATH']\n"
        "sys.addaudithook(lambda event, args: programs.append(str(args[0])) if event == 'subprocess.Popen' else None)\n"
        "singleuser.prepared()\n"
        "answer = sorted(sys.modules), programs, os.environ['PATH'] == before"
    )
    assert not UNUSED & set(names)
    assert {"jupyterhub.singleuser.extension", "jupyterlab.labapp"} <= set(names)
    assert programs == []
    assert path


def test_a_parser_that_pip_installs_is_not_built_by_a_server(tmp_path: Path) -> None:
    """Our lock leaves it out; whoever installs without the lock has it, and jsonschema imports what it finds."""
    (tmp_path / "rfc3987_syntax.py").write_text("def is_valid_syntax(*_): return True\n")
    path = f"sys.path.insert(0, {str(tmp_path)!r}); "
    prepared = "singleuser.prepared(); before = 'rfc3987_syntax' in sys.modules; import rfc3987_syntax; "
    assert found(path + prepared + "answer = [before, rfc3987_syntax.is_valid_syntax()]") == [False, True]
    assert found(path + "import jsonschema; answer = 'rfc3987_syntax' in sys.modules")


def test_who_asks_later_gets_the_real_modules() -> None:
    assert found(
        "singleuser.prepared()\n"
        "import jupyterhub.orm, jupyterhub.metrics, sqlalchemy\n"
        "answer = [jupyterhub.orm.User.__name__, bool(sqlalchemy.__file__), bool(jupyterhub.metrics.__file__)]"
    ) == ["User", True, True]


def test_a_jupyterhub_that_needs_more_is_imported_as_it_is() -> None:
    """Here the module that is taken away is one that the server uses."""
    assert found(
        "run = singleuser.server({'jupyterhub.utils': {}, 'jupyterhub.handlers': {}})\n"
        "import jupyterhub.utils, jupyterhub.handlers\n"
        "answer = [callable(run), bool(jupyterhub.utils.__file__), bool(jupyterhub.handlers.__file__)]"
    ) == [True, True, True]


def test_the_garbage_collector_works_again() -> None:
    assert found("import gc; singleuser.prepared(); answer = [gc.isenabled(), gc.get_freeze_count() > 0]") == [
        True,
        True,
    ]
