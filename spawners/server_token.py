"""A server's token ends with its server, also where the hub was restarted in between and has forgotten it."""

from typing import Any

from jupyterhub import orm
from jupyterhub.utils import url_escape_path, url_path_join
from sqlalchemy import delete
from sqlalchemy.orm import object_session


def revoke(spawner: Any) -> None:
    """Delete every token that JupyterHub made for this server; it marks them with the server's address."""
    address = url_path_join(spawner.user.base_url, url_escape_path(spawner.name), "/")
    session = object_session(spawner.user.orm_user)
    if session is not None:
        mine = (orm.APIToken.user_id == spawner.user.orm_user.id, orm.APIToken.note == f"Server at {address}")
        session.execute(delete(orm.APIToken).where(*mine))
        session.commit()
