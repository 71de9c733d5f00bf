"""Whether a notebook fetches something, by its text."""

from pathlib import Path

import pytest

from spawners.run_internet import Fetch, fetches
from spawners.run_notebook import read_notebook
from tests.spawners.a_run import notebook


@pytest.mark.parametrize(
    "line",
    [
        "!pip install einops",
        "  %pip install einops",
        "!wget https://example.org/data.zip",
        "data = urlopen('https://example.org/data')",
        'pd.read_csv("https://example.org/data.csv")',
        "requests.get(url)",
        "datasets.MNIST(root, train=True, download=True)",
        "load_dataset('imdb')",
        "AutoModel.from_pretrained('bert-base-uncased')",
    ],
)
def test_lines_that_fetch(tmp_path: Path, line: str) -> None:
    found = fetches(read_notebook(notebook(tmp_path / "n.ipynb", ["x = 1", f"y = 2\n{line}"])))
    assert found == Fetch(3, line.strip())


@pytest.mark.parametrize(
    "line",
    [
        "# !pip install einops",
        "import requests",
        "print('see https://example.org')",
        "pd.read_csv('data.csv')",
        "datasets.MNIST(root, download=False)",
        "AutoModel.from_pretrained('./bert')",
        "AutoModel.from_pretrained('bert', local_files_only=True)",
        "AutoModel.from_pretrained(folder)",
    ],
)
def test_lines_that_do_not(tmp_path: Path, line: str) -> None:
    assert fetches(read_notebook(notebook(tmp_path / "n.ipynb", [line]))) is None
