"""The server process on a node: JupyterHub's single-user server, without what it imports and never uses.

`python -I singleuser.py [options of jupyterhub-singleuser]`. JupyterHub's own entry point also imports the hub, with
its database, migrations and pages, for two names in its log; JupyterLab starts Node to read how yarn is configured.
Together that is a third of a start, of every server.
"""

import contextlib
import gc
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from types import ModuleType

# Modules of the hub, and what is taken from them as the single-user server is imported. It never uses any of it but
# prometheus_log_method, with each request that it answers: `id` does nothing with that.
_HUB: Mapping[str, Mapping[str, object]] = {
    "jupyterhub.handlers": {"__path__": []},
    "jupyterhub.handlers.pages": {"HealthCheckHandler": type("HealthCheckHandler", (), {})},
    "jupyterhub.metrics": {"prometheus_log_method": id},
    "jupyterhub.orm": {},
    "jupyterhub.roles": {},
    "sqlalchemy": {"__path__": []},
    "sqlalchemy.exc": {"SQLAlchemyError": type("SQLAlchemyError", (Exception,), {})},
}
# jsonschema does without it, and to be imported it builds a parser, for as long as half a server takes.
_PARSER = "rfc3987_syntax"


@contextlib.contextmanager
def absent(modules: Mapping[str, Mapping[str, object]]) -> Iterator[None]:
    """Let empty modules stand for these while others are imported; who asks later gets the real ones."""
    stand_ins = {name: ModuleType(name) for name in modules if name not in sys.modules}
    for name, module in stand_ins.items():
        vars(module).update(modules[name])
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name in stand_ins:
            sys.modules.pop(name, None)


@contextlib.contextmanager
def no_programs() -> Iterator[None]:
    """Let nothing be found on PATH for a while."""
    path = os.environ["PATH"]
    # Where it is empty, JupyterLab looks in the system's folders.
    os.environ["PATH"] = os.devnull
    try:
        yield
    finally:
        os.environ["PATH"] = path


def server(modules: Mapping[str, Mapping[str, object]] = _HUB) -> Callable[[], object]:
    """Import JupyterHub's single-user server and return its entry point.

    A JupyterHub that takes more of the absent modules than we know is imported as it is: slower, and just as right.
    """
    try:
        with absent(modules):
            return _entry_point()
    except (ImportError, AttributeError, TypeError):
        for name in [name for name in sys.modules if name.partition(".")[0] == "jupyterhub"]:
            del sys.modules[name]
        return _entry_point()


def _entry_point() -> Callable[[], object]:
    found: Callable[[], object] = import_module("jupyterhub.singleuser").main
    return found


def prepared() -> Callable[[], object]:
    """Import all that a server needs, and return what runs it."""
    # What is imported stays: looking through all of it for garbage, again and again, finds nothing.
    gc.disable()
    sys.modules.setdefault(_PARSER, None)  # type: ignore[arg-type]
    run = server()
    with no_programs(), contextlib.suppress(ImportError):
        import_module("jupyterlab.labapp")
    if sys.modules[_PARSER] is None:
        del sys.modules[_PARSER]
    gc.freeze()
    gc.enable()
    return run


if __name__ == "__main__":
    prepared()()
