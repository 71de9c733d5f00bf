"""Uploads of large files: the module itself, in node, against a real Jupyter Server whose answers get lost."""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.nodejs import NODEJS
from tests.notebooks.jupyter_here import KEY, jupyter

_MODULE = Path(__file__).parents[2] / "notebooks/lab/labextension/static/uploads.js"
PIECE = 4 * 1024**2
CONTENT = b"0123456789abcde\n" * (PIECE * 9 // 32)  # four pieces and a half
# Jupyter's contents, as JupyterLab offers them to a page; `lost` pieces never arrive, of `heard` no answer comes.
_CONTENTS = """
const [base, key, content, given] = process.argv.slice(1);
const { lost = [], heard = [], modified = 1000, extra = 0 } = JSON.parse(given);
let pieces = 0;
const ask = async (path, method = "GET", body) => {
  const headers = { Authorization: `token ${key}` };
  const response = await fetch(`${base}api/contents/${path}`, { method, headers, body: body && JSON.stringify(body) });
  if (!response.ok) throw Object.assign(new Error(await response.text()), { response });
  return response.status === 204 ? null : response.json();
};
const contents = {
  get: (path) => ask(`${path}?content=0`),
  delete: (path) => ask(path, "DELETE"),
  rename: (path, to) => ask(path, "PATCH", { path: to }),
  save: async (path, model) => {
    pieces += 1;
    if (lost.includes(pieces)) throw new Error("the network is gone");
    const answer = await ask(path, "PUT", model);
    if (heard.includes(pieces)) throw new Error("the network is gone");
    return { ...answer, size: answer.size + extra };
  },
};
const { readFileSync } = await import("node:fs");
const file = new File([readFileSync(content)], "model.bin", { lastModified: modified });
const shares = [];
const { Upload } = await import(process.env.MODULE);
const upload = new Upload(contents, file, "model.bin", (share) => shares.push(share));
upload.pauses = [1, 1, 1];
const found = await upload.run().then(
  (model) => ({ size: model.size, path: model.path }), (error) => ({ why: error.message }));
console.log(JSON.stringify({ ...found, pieces, shares }));
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, Path]]:
    """A real server, and a file to upload to it."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "mine").write_bytes(CONTENT)
    with jupyter(folder) as page:
        yield page, folder


@pytest.fixture
def folder(server: tuple[httpx.Client, Path]) -> Path:
    """The server's folder, with nothing uploaded yet."""
    for path in server[1].glob("model.bin*"):
        path.unlink()
    return server[1]


@pytest.fixture
def page(server: tuple[httpx.Client, Path]) -> httpx.Client:
    """Somebody who knows the server's key."""
    return server[0]


def upload(page: httpx.Client, folder: Path, **given: object) -> Any:
    """Upload the file; what came of it."""
    argv = (NODEJS, "--no-warnings", "--input-type=module", "--eval", _CONTENTS)
    words = (str(page.base_url), KEY, str(folder / "mine"), json.dumps(given))
    environment = {"MODULE": str(_MODULE)}
    done = subprocess.run((*argv, *words), capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def arrived(folder: Path) -> bool:
    """Whether the whole file is there under its name, and nothing else of it."""
    same = hashlib.sha256((folder / "model.bin").read_bytes()).digest() == hashlib.sha256(CONTENT).digest()
    return same and not list(folder.glob("*.part"))


def test_it_comes_in_pieces(page: httpx.Client, folder: Path) -> None:
    told = upload(page, folder)
    assert (told["path"], told["size"], told["pieces"]) == ("model.bin", len(CONTENT), 5)
    assert told["shares"] == sorted(told["shares"])
    assert arrived(folder)


def test_one_that_broke_off_goes_on_where_it_stopped(page: httpx.Client, folder: Path) -> None:
    told = upload(page, folder, lost=[3, 4, 5, 6])
    assert told["why"].startswith("model.bin broke off when 44 % of it had come: the network is gone. Upload the same")
    assert not (folder / "model.bin").exists()
    (part,) = folder.glob("*.part")
    assert part.stat().st_size == 2 * PIECE
    assert upload(page, folder)["pieces"] == 3
    assert arrived(folder)


def test_an_answer_that_is_lost_is_no_piece_twice(page: httpx.Client, folder: Path) -> None:
    """Also that of the last piece."""
    assert upload(page, folder, heard=[1, 2, 5], lost=[3])["pieces"] == 6
    assert arrived(folder)


def test_another_file_of_the_same_name_begins_anew(page: httpx.Client, folder: Path) -> None:
    upload(page, folder, lost=[3, 4, 5, 6])
    assert upload(page, folder, modified=2000)["pieces"] == 5
    assert hashlib.sha256((folder / "model.bin").read_bytes()).digest() == hashlib.sha256(CONTENT).digest()


def test_what_is_there_is_replaced_when_all_has_come(page: httpx.Client, folder: Path) -> None:
    (folder / "model.bin").write_text("older")
    upload(page, folder, lost=[3, 4, 5, 6])
    assert (folder / "model.bin").read_text() == "older"
    upload(page, folder)
    assert arrived(folder)


def test_two_at_once_are_never_one_broken_file(page: httpx.Client, folder: Path) -> None:
    told = upload(page, folder, extra=16)  # as if somebody else had added to it
    assert told["why"].startswith("The parts of model.bin do not fit together")
    assert not list(folder.glob("model.bin*"))
    assert upload(page, folder)["pieces"] == 5
    assert arrived(folder)
