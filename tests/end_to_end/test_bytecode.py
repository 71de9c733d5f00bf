"""Inside a factory nothing can write bytecode, so all that a start imports has to be compiled before."""

from tests.end_to_end.factory import Factory

_COMPILED = """
import importlib, os, sys
for name in ("spawners.node", "spawners.singleuser", "hub_config.hub", "curricula.service.app", "ipykernel.kernelapp"):
    importlib.import_module(name)
importlib.import_module("spawners.singleuser").prepared()
files = {module.__cached__ for module in sys.modules.values() if getattr(module, "__cached__", None)}
files = {file for file in files if file.startswith(sys.prefix)}
print(len(files), *(file for file in files if not os.path.exists(file)))
"""


def test_what_a_start_imports_is_compiled(factory: Factory) -> None:
    count, *missing = factory.exec("/srv/onramp/venv/bin/python", "-I", "-c", _COMPILED, user="student1").split()
    assert int(count) > 1000
    assert missing == []
