"""What a notebook shows where `onramp` refuses: one sentence, and no traceback. A real kernel."""

import os
from collections.abc import Mapping

import nbformat
import pytest
from nbclient import NotebookClient

from tests.notebooks.job import ROOT

# A server of the local site, whose course service is away just now.
SERVER = {
    "ONRAMP_SITE": "local",
    "ONRAMP_COURSE_URL": "http://127.0.0.1:9/services/onramp-course/",
    "JUPYTERHUB_API_TOKEN": "token",
    "PYTHONPATH": str(ROOT),
}
REFUSED = {
    "RequestError": ("onramp.dask_cluster('huge')", "Option 'profile' is 'huge'. Choose from: "),
    "ClusterError": ("onramp.dask_cluster('cpu', jobs=1000)", "A cluster has 1 to 100 jobs"),
    "RunError": ("onramp.promote('none.ipynb', profile='cpu')", "none.ipynb"),
    "SubmissionError": ("onramp.submit('m01', 'onboarding', path='text.ipynb')", "This file is not a notebook"),
    "CourseServiceError": ("onramp.submit('m01')", "The course service is away"),
    "Away": ("onramp.courses()", "The course service cannot be reached"),
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, nbformat.NotebookNode]:
    """The error that each of these cells ends with, by its name."""
    home = tmp_path_factory.mktemp("home")
    (home / "text.ipynb").write_text("hello")
    cells = [nbformat.v4.new_code_cell("import onramp"), *map(nbformat.v4.new_code_cell, dict(REFUSED.values()))]
    notebook = nbformat.v4.new_notebook(cells=cells)
    resources = {"metadata": {"path": str(home)}}
    client = NotebookClient(notebook, timeout=120, resources=resources, allow_errors=True)
    client.execute(env={**os.environ, **SERVER, "HOME": str(home)})
    errors = [output for cell in notebook.cells for output in cell.outputs if output.output_type == "error"]
    return {error.ename: error for error in errors}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_its_sentence_alone(shown: Mapping[str, nbformat.NotebookNode], name: str) -> None:
    assert set(shown) == set(REFUSED)
    assert shown[name].traceback == [shown[name].evalue]
    assert REFUSED[name][1] in shown[name].evalue
