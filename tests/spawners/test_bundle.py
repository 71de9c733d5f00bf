"""Bundles: made with real pip from an index of this test's own, and run where there is no network at all."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from spawners.bundle import bundle
from spawners.bundle_record import check_complete
from spawners.run_record import RunError
from spawners.run_submit import price
from tests.spawners.a_run import notebook, on_a_server

# A shell command in a namespace of its own, in which there is not even a loopback device that is up.
NO_NETWORK = ("unshare", "--user", "--map-root-user", "--net")
STAGED = '%pip install -q "staged>=1"\nimport staged'
ROOT = Path(__file__).parents[2]
READS = "import numpy\nprint(staged.total(numpy.loadtxt('data/in.txt')) * epochs)"


def wheel(folder: Path, name: str, version: str, source: str, *needs: str) -> None:
    """A package's wheel, as an index has it."""
    info = f"{name}-{version}.dist-info"
    requires = "".join(f"Requires-Dist: {one}\n" for one in needs)
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as file:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            file.writestr(path, text)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A server's home with data, and an index with two packages, of which one needs the other and numpy."""
    on_a_server(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    wheel(tmp_path / "index", "staged", "1.2", "from helps import add as total\n", "helps", "numpy>=2")
    wheel(tmp_path / "index", "helps", "0.3", "def add(values):\n    return float(sum(values))\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    (tmp_path / "data").mkdir()
    (tmp_path / "data/in.txt").write_text("1\n2\n")
    return tmp_path


def training(home: Path, *more: str) -> Path:
    """A notebook that installs a package and reads a file."""
    return notebook(home / "train.ipynb", [STAGED, READS, *more])


def printed(folder: Path, *argv: str) -> str:
    """What a program prints in this folder, without network and without anything of this process's environment."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    done = subprocess.run(
        [*NO_NETWORK, *argv], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_runs_without_network_by_what_it_brought_along(home: Path) -> None:
    made = bundle(training(home), data=["data"])
    shutil.rmtree(home / "index")
    shutil.rmtree(home / "data")
    assert made.folder == home / "train-bundle"
    assert made.record.packages == ("staged 1.2", "helps 0.3")
    assert printed(made.folder, sys.executable, "train.py") == "9.0\n"
    assert not list(made.folder.glob("packages/numpy*"))  # the environment has it
    told = json.loads((made.folder / "onramp-bundle.json").read_text())
    assert {"train.py", "data/in.txt", "environment.txt", "requirements.txt"} < set(told["files"])
    locks = (made.folder / "requirements.txt").read_text()
    assert [line.partition(" --hash=sha256:")[0] for line in locks.splitlines()[-2:]] == ["staged==1.2", "helps==0.3"]
    assert list(home.glob(".*.new")) == []


def test_a_run_can_use_it_and_needs_all_of_it(home: Path) -> None:
    made = bundle(training(home), data=["data"])
    assert "1 GPU" in price(made.folder / "train.py", "gpu-1", {"epochs": 5}).gets
    (made.folder / "data/in.txt").write_text("1")
    with pytest.raises(RunError, match=r"train-bundle is not whole: data/in\.txt has 1 bytes of 4\. Copy it again"):
        price(made.folder / "train.py", "gpu-1")
    (made.folder / "data/in.txt").unlink()
    with pytest.raises(RunError, match=r"not whole: data/in\.txt is missing"):
        price(made.folder / "train.py", "gpu-1")


def test_with_wheels_a_python_that_has_nothing_can_run_it(home: Path) -> None:
    (home / "train.py").write_text(
        '# %% tags=["parameters"]\nepochs = 2\n# %%\nimport staged\nprint(staged.total([epochs]))\n'
    )
    wheel(home / "index", "numpy", __import__("numpy").__version__, "")
    made = bundle(home / "train.py", packages=["staged"], wheels=True)
    shutil.rmtree(home / "index")
    shutil.rmtree(made.folder / "packages")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", made.folder / "env"], check=True)
    pip = Path(sys.prefix, "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "site-packages/pip")
    install = ("install", "--no-index", "--find-links", "wheels", "--require-hashes", "-r", "requirements.txt")
    printed(made.folder, "env/bin/python", str(pip), *install)
    assert printed(made.folder, "env/bin/python", "train.py") == "2.0\n"


@pytest.mark.parametrize(
    ("sources", "given", "words"),
    [
        (["%pip install -r more.txt"], {}, "'-r' is not a package's name"),
        (["!pip install git+https://a.example/b"], {}, "is not a package's name"),
        (["!pip install staged && rm -rf /"], {}, "'&&' is not a package's name"),
        (["%pip install staged==9"], {}, "pip cannot fetch these packages: .*staged==9"),
        (["%matplotlib inline"], {}, "a line that only a notebook understands: `get_ipython"),
        (["1"], {"packages": ["a b"]}, "'a b' is not a package's name"),
        (["1"], {"data": ["nowhere"]}, "There is no .*nowhere, which is named as data"),
        (["1"], {"data": ["."]}, "holds the notebook itself"),
        (["1"], {"data": ["data", "more/data"]}, "would be more/data|there is one already|There is no"),
        (["1"], {"data": ["packages"]}, "would be packages in the bundle, and there is one already. Rename it."),
    ],
)
def test_what_cannot_be_bundled_is_refused_and_leaves_nothing(
    home: Path, sources: list[str], given: dict[str, Any], words: str
) -> None:
    (home / "packages").mkdir()
    with pytest.raises(RunError, match=words):
        bundle(notebook(home / "train.ipynb", sources), **given)
    assert not list(home.glob("*bundle*")) + list(home.glob(".*.new"))


def test_on_a_node_without_internet_it_says_where_to_make_one(home: Path) -> None:
    training(home)
    program = "from spawners.bundle import bundle; bundle('train.ipynb')"
    index = {"PIP_INDEX_URL": "https://pypi.example/simple", "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0"}
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT), **index}
    command = [*NO_NETWORK, sys.executable, "-c", program]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, check=False)
    assert "RunError: pip cannot fetch these packages: Could not find a version that satisfies" in done.stderr
    assert "This node does not reach the packages' index: do it where there is internet" in done.stderr
    assert not list(home.glob("*bundle*")) + list(home.glob(".*.new"))


def test_one_that_is_there_already_is_kept(home: Path) -> None:
    (home / "train-bundle").mkdir()
    (home / "train-bundle/mine").touch()
    with pytest.raises(RunError, match=r"train-bundle is there already\. Delete it"):
        bundle(training(home))
    assert [path.name for path in (home / "train-bundle").iterdir()] == ["mine"]


def test_what_it_still_fetches_is_said(home: Path) -> None:
    made = bundle(notebook(home / "train.ipynb", ["import pandas\npandas.read_csv('https://a.example/x.csv')"]))
    assert "still seems to fetch something: `pandas.read_csv('https://a.example/x.csv')`" in str(made)
    assert "Packages: none beyond the environment's." in str(made)


def test_data_for_which_there_is_no_room(home: Path) -> None:
    """A file with a hole that no disk holds."""
    with (home / "data/huge").open("wb") as file:
        file.truncate(2**43)
    with pytest.raises(RunError, match=r"The bundle's data does not fit: 8 TiB needed, and only .* left\."):
        bundle(training(home), data=["data"])
    assert not list(home.glob("*bundle*"))


def test_another_programs_folder_is_none_and_a_broken_record_is_said(tmp_path: Path) -> None:
    check_complete(tmp_path)
    (tmp_path / "onramp-bundle.json").write_text("{}")
    with pytest.raises(RunError, match=r"is no record of a bundle that can be read\. Make the bundle anew"):
        check_complete(tmp_path)
