"""nbgrader's buttons Validate, in a notebook's toolbar and in the Assignment List, with the answer of `onramp.check`.

nbgrader's own answer is about the tests of one's own copy, which are not what counts.
"""

import html
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join
from tornado.web import authenticated

from curricula.check import check_file
from curricula.client import CourseServiceError
from curricula.submissions import SubmissionError
from curricula.visible import Checked


class Validate(JupyterHandler):
    """POST: the path of a saved notebook, as an argument or in JSON."""

    @authenticated
    async def post(self) -> None:
        """Answer in nbgrader's form."""
        told = self.get_argument("path", None) or (self.get_json_body() or {}).get("path", "")
        path = Path(self.settings["server_root_dir"]).expanduser() / str(told)
        try:
            answer = {"success": True, "value": in_nbgraders_form(await check_file(path.resolve()))}
        except (CourseServiceError, SubmissionError, OSError) as error:
            answer = {"success": False, "value": str(error)}
        self.finish(answer)


def in_nbgraders_form(found: Checked) -> dict[str, Any]:
    """Return what nbgrader's dialog shows: what did not pass; of nothing it says that all tests passed."""
    failed = [one for one in found.tests if one.outcome not in ("passed", "by hand")]
    errors = [html.escape(one.said or one.outcome.capitalize()) for one in failed]
    if not failed:
        return {}
    errors[-1] += "\n\n" + html.escape("\n".join((*found.notes, found.sentence)))
    named = zip(failed, errors, strict=True)
    return {"failed": [{"source": f"{one.name} ({one.points:g} points)", "error": error} for one, error in named]}


def load_jupyter_server_extension(server: ServerApp) -> None:
    """Answer in the place of nbgrader's own."""
    address = url_path_join(server.base_url, "assignments/validate")
    web_app: Any = server.web_app
    web_app.add_handlers(".*$", [(address, Validate)])
