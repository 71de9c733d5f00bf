"""The hub's process: JupyterHub, and starts that outlive it."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sqlalchemy.event
from jupyterhub import orm
from jupyterhub.app import JupyterHub
from jupyterhub.objects import Server
from jupyterhub.utils import url_escape_path, url_path_join
from prometheus_client import REGISTRY
from sqlalchemy import select
from sqlalchemy.orm import selectinload
from traitlets import default

from spawners.door import Door
from spawners.ending import FORGOTTEN
from spawners.ledger import LedgerError, Start
from spawners.metrics import Polled
from spawners.server_token import revoke
from spawners.strays import end_strays

_STRAYS_SECONDS = 60
# Names in one question to the database.
_AT_A_TIME = 500


class Hub(JupyterHub):  # type: ignore[misc]
    """JupyterHub ends a start whose hub died. This one reads the ledger first, and goes on with every start in it."""

    @default("config_file")
    def _config_file(self) -> str:
        return str(Path(__file__).with_name("jupyterhub_config.py"))

    def init_db(self) -> None:
        """Open JupyterHub's database; in SQLite, nobody waits for the disk whenever it notes something."""
        super().init_db()
        engine = self.db.get_bind()
        if engine.dialect.name == "sqlite":
            self.db.close()
            engine.dispose()
            sqlalchemy.event.listen(engine, "connect", _swift)

    async def init_spawners(self) -> int:
        """Go on with what the ledger says is alive; JupyterHub checks what the ledger does not know."""
        door: Door = self.config.ServerSpawner.door()
        REGISTRY.register(Polled(door))
        starts = door.ledger.alive()
        users = self._users_of(starts)
        # Each question would first write what the one before it changed.
        with self.db.no_autoflush:
            left = [found for start in starts if (found := self._set_aside(door, start, users.get(start.user)))]
        self.db.commit()
        checked: int = await super().init_spawners()
        servers = [_server(spawner, start, node) for spawner, start, node in left]
        self.db.add_all(servers)
        self.db.flush()
        with self.db.no_autoflush:
            up = [one[0] for one, server in zip(left, servers, strict=True) if self._go_on(*one, server)]
        self.db.commit()
        self._first_polls = asyncio.gather(*(spawner.poll_and_notify() for spawner in up), return_exceptions=True)
        self._strays = asyncio.ensure_future(self._end_strays(door))
        return checked + len(left)

    def _users_of(self, starts: Iterable[Start]) -> dict[str, Any]:
        """The users of these starts by name, with their servers: a few questions, however many they are."""
        servers = selectinload(orm.User._orm_spawners).joinedload(orm.Spawner.server)
        names = sorted({start.user for start in starts})
        asked = (
            select(orm.User).where(orm.User.name.in_(names[first : first + _AT_A_TIME])).options(servers)
            for first in range(0, len(names), _AT_A_TIME)
        )
        return {user.name: user for one in asked for user in self.db.scalars(one)}

    def _set_aside(self, door: Door, start: Start, user: Any) -> tuple[Any, Start, str] | None:
        """Return spawner and node of a start, which JupyterHub then does not check; None where that is left to it."""
        if user is None or start.server not in user.orm_spawners:
            door.ledger.end(start.user, start.server, FORGOTTEN)
            if user is not None:
                revoke(self.users[user], start.server)
            return None
        spawner = self.users[user].spawners[start.server]
        ran_unnoted = start.port is None and bool(spawner.job_id)
        if ran_unnoted or start.user in self.authenticator.blocked_users:
            return None
        node = spawner.server.ip if spawner.server else ""
        spawner.server, spawner._spawn_pending = None, True
        return spawner, start, node

    def _go_on(self, spawner: Any, start: Start, node: str, server: Any) -> bool:
        """Let a server be up (True: until Slurm says that it ended), or let its start be pending again.

        Pending as JupyterHub's own handlers know it: its progress is shown, and it is stopped like any other.
        """
        known = _address(start, node)
        spawner.server = Server(orm_server=server)
        if known:
            spawner.take_over(start)
            spawner._spawn_pending = False
            self._watch(spawner)
        else:
            task = spawner._spawn_future = asyncio.ensure_future(self._resume(spawner, start))
            task.add_done_callback(lambda done: self._went_on(spawner, done))
        return bool(known)

    async def _resume(self, spawner: Any, start: Start) -> None:
        """Wait for the server, and do what JupyterHub does once one has started."""
        try:
            spawner.server.ip, spawner.server.port = await spawner.resume(start)
            spawner.orm_spawner.state = spawner.get_state()
            self.db.commit()
            if start.port is None:
                await spawner.server.wait_up(http=True, timeout=spawner.http_timeout, extra_path="api")
            await self.proxy.add_user(spawner.user, start.server)
        except Exception:
            await spawner.user.stop(start.server)
            raise
        self._watch(spawner)

    def _went_on(self, spawner: Any, done: "asyncio.Task[None]") -> None:
        """Take the start for over; its failure stays where the pages look for it."""
        spawner._spawn_pending = False
        if done.cancelled() or done.exception() is None:
            spawner._spawn_future = None
        else:
            self.log.error("The server of %s is over: %s", spawner._log_name, done.exception())

    def _watch(self, spawner: Any) -> None:
        """Notice when a server ends."""
        spawner.add_poll_callback(self._over, spawner.user, spawner.name)
        spawner.start_polling()

    async def _over(self, user: Any, server: str) -> None:
        """Clean up after a server that has ended."""
        await self.proxy.delete_user(user, server)
        await user.stop(server)

    async def _end_strays(self, door: Door) -> None:
        """Look for strays now and then, the first time as the hub starts."""
        while True:
            try:
                for sentence in await end_strays(door):
                    self.log.warning(sentence)
            except LedgerError as error:
                self.log.error("Strays are looked for again in a minute: %s", error)
            await asyncio.sleep(_STRAYS_SECONDS)


def _address(start: Start, node: str) -> dict[str, Any]:
    """Where a server that is up answers; empty for a start that is pending."""
    return {"ip": node, "port": start.port} if node and start.port is not None else {}


def _server(spawner: Any, start: Start, node: str) -> Any:
    """What JupyterHub's database says of a server."""
    url = url_path_join(spawner.user.base_url, url_escape_path(start.server), "/")
    return orm.Server(base_url=url, **_address(start, node))


def _swift(connection: Any, _record: object) -> None:
    """Commit without waiting for the disk: a killed hub loses nothing, and a power cut at most the last few commits.

    JupyterHub commits a dozen times for a start, and everybody waits meanwhile. What must not be lost, a start and its
    job, is in the ledger, which waits for the disk (spawners.database).
    """
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")
