"""A kernel in somebody's server, reached over the hub's proxy with that person's token."""

from tests import kernel
from tests.end_to_end.factory import Factory
from tests.end_to_end.person import Person


class Kernel(kernel.Kernel):
    """A new kernel that answers; `pid` is its process's."""

    def __init__(self, factory: Factory, person: Person, server: str = "", *, name: str = "python3") -> None:
        address = f"{factory.url}/user/{person.name}/{server + '/' if server else ''}"
        super().__init__(address, person.api.headers["Authorization"].removeprefix("token "), name)
        self.connect()
        self.pid = int(self.run("import os; print(os.getpid())"))
