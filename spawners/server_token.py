"""A server's token: by it the hub knows which server asks, and it ends with its server, however that ends."""

from typing import Any

from jupyterhub import orm
from jupyterhub.user import User
from jupyterhub.utils import url_escape_path, url_path_join
from sqlalchemy import delete
from sqlalchemy.orm import object_session


def note(user: Any, server: str) -> str:
    """Return how JupyterHub marks the tokens that it makes for a server of `user`: with the server's address."""
    return f"Server at {url_path_join(user.base_url, url_escape_path(server), '/')}"


def whose(handler: Any) -> Any:
    """Return the server whose token a request to the hub's API carries; None with any other token, or a cookie.

    A hub that was restarted knows a token by its note, not by its text.
    """
    user, token = handler.current_user, handler.get_token()
    if token is None or not isinstance(user, User):
        return None
    servers = (spawner for spawner in user.spawners.values() if hasattr(spawner, "port_reported"))
    return next((one for one in servers if note(user, one.name) == token.note), None)


def revoke(user: Any, server: str) -> None:
    """Delete every token that JupyterHub made for this server."""
    session = object_session(user.orm_user)
    if session is not None:
        mine = (orm.APIToken.user_id == user.orm_user.id, orm.APIToken.note == note(user, server))
        session.execute(delete(orm.APIToken).where(*mine))
        session.commit()
