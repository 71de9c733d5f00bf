"""A server that answers is noted in the hub's own database before JupyterHub relies on that."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import object_session


async def record(spawner: Any, look: Callable[[], Awaitable[object]]) -> None:
    """Write the spawner's state, and on a full disk wait until there is room: JupyterHub would end the server.

    `look` is asked between two attempts; what it raises ends the wait.
    """
    session = object_session(spawner.orm_spawner)
    while session is not None:
        try:
            spawner.orm_spawner.state = spawner.get_state()
            session.commit()
            return
        except SQLAlchemyError as error:
            session.rollback()
            spawner.log.error("The server of %s is up, but cannot be noted yet: %s", spawner._log_name, error)
        await asyncio.sleep(spawner.startup_poll_interval)
        await look()
