"""Notebooks that were given out as a git repository: refreshed without losing an edit, against a real one."""

import os
import subprocess
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from curricula.materials import MaterialsError, Refreshed, refresh, refreshed, reset

WHO = {f"GIT_{who}_{what}": "author" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(where: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=where, check=True, capture_output=True, env={**os.environ, **WHO})


def write(path: Path, *sources: str, ran: bool = False) -> None:
    cells = [new_code_cell(source, id=f"c{number}") for number, source in enumerate(sources)]
    for cell in cells if ran else ():
        cell.execution_count, cell.outputs = 7, [new_output("stream", text="out")]
    nbformat.write(new_notebook(cells=cells), path)


def sources(path: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells]


@pytest.fixture
def author(tmp_path: Path) -> Path:
    """The author's repository, with two notebooks and a text."""
    home = tmp_path / "author"
    home.mkdir()
    git(home, "init", "-b", "main")
    write(home / "one.ipynb", "1", "2", "3")
    write(home / "two.ipynb", "a", "b")
    (home / "read me.txt").write_text("first\n")
    publish(home)
    return home


def publish(author: Path) -> None:
    git(author, "add", "--all")
    git(author, "commit", "-m", "as it is now")


@pytest.fixture
def mine(author: Path, tmp_path: Path) -> Path:
    """A learner's clone."""
    git(tmp_path, "clone", "-q", str(author), "mine")
    return tmp_path / "mine"


def test_what_is_new_comes_and_what_was_not_touched_is_replaced(
    author: Path, mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(author / "three.ipynb", "new")
    write(author / "one.ipynb", "1", "2", "3", "4")
    publish(author)
    refresh(mine)
    assert capsys.readouterr().out == "New: three.ipynb\nBrought up to date: one.ipynb\n"
    assert sources(mine / "one.ipynb") == ["1", "2", "3", "4"]
    refresh(mine)
    assert capsys.readouterr().out == "Everything is up to date.\n"


def test_an_edit_is_kept_whole_and_said_where_its_author_changed_it_too(author: Path, mine: Path) -> None:
    write(mine / "one.ipynb", "1", "my own", "3", ran=True)
    write(mine / "two.ipynb", "my own", "b")
    write(author / "one.ipynb", "1", "2", "better", "4")
    publish(author)
    assert refreshed(mine) == Refreshed(kept=("one.ipynb",))
    assert sources(mine / "one.ipynb") == ["1", "my own", "3"]
    assert sources(mine / "two.ipynb") == ["my own", "b"]
    # And so it stays with what is changed later.
    write(author / "one.ipynb", "all", "new")
    write(author / "two.ipynb", "a", "b", "c")
    publish(author)
    assert refreshed(mine) == Refreshed(kept=("one.ipynb", "two.ipynb"))
    assert sources(mine / "one.ipynb") == ["1", "my own", "3"]


def test_lines_of_both_are_never_mixed_in_a_notebook(author: Path, mine: Path) -> None:
    """Its cells moved by one side and edited by the other: git alone leaves a cell in it twice."""
    write(mine / "one.ipynb", "1", "2", "my own")
    cells = nbformat.read(author / "one.ipynb", as_version=4)
    cells.cells.insert(0, cells.cells.pop())
    nbformat.write(cells, author / "one.ipynb")
    publish(author)
    assert refreshed(mine).kept == ("one.ipynb",)
    assert sources(mine / "one.ipynb") == ["1", "2", "my own"]


def test_a_notebook_that_was_only_run_is_replaced_and_kept_beside(author: Path, mine: Path) -> None:
    for version, kept in (("better", "one.before.ipynb"), ("best", "one.before-2.ipynb")):
        was = sources(mine / "one.ipynb")
        write(mine / "one.ipynb", *was, ran=True)
        write(author / "one.ipynb", "1", "2", version)
        publish(author)
        assert refreshed(mine) == Refreshed(changed=("one.ipynb",), before=(kept,))
        assert sources(mine / "one.ipynb") == ["1", "2", version]
        before = nbformat.read(mine / kept, as_version=4)
        assert (before.cells[0].outputs[0].text, sources(mine / kept)) == ("out", was)


def test_texts_of_both_are_merged_by_lines(author: Path, mine: Path) -> None:
    (author / "read me.txt").write_text("".join(f"{n}\n" for n in range(9)))
    publish(author)
    refreshed(mine)
    (mine / "read me.txt").write_text("my own\n" + "".join(f"{n}\n" for n in range(9)))
    (author / "read me.txt").write_text("".join(f"{n}\n" for n in range(9)) + "last\n")
    publish(author)
    assert refreshed(mine).kept == ("read me.txt",)
    assert (mine / "read me.txt").read_text() == "my own\n" + "".join(f"{n}\n" for n in range(9)) + "last\n"


def test_what_one_threw_away_comes_back_and_what_its_author_threw_away_stays_if_edited(
    author: Path, mine: Path
) -> None:
    (mine / "two.ipynb").unlink()
    write(mine / "one.ipynb", "my own")
    (author / "one.ipynb").unlink()
    publish(author)
    assert refreshed(mine).kept == ("one.ipynb",)
    assert sources(mine / "one.ipynb") == ["my own"]
    assert sources(mine / "two.ipynb") == ["a", "b"]


def test_a_file_of_ones_own_with_the_name_of_a_new_one_is_not_lost(author: Path, mine: Path) -> None:
    write(mine / "three.ipynb", "my own")
    write(author / "three.ipynb", "new")
    publish(author)
    assert refreshed(mine).new == ("three.ipynb",)
    (renamed,) = mine.glob("three__*.ipynb")
    assert (sources(renamed), sources(mine / "three.ipynb")) == (["my own"], ["new"])


def test_a_file_is_put_back_and_ones_own_kept(author: Path, mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(mine / "one.ipynb", "broken")
    write(author / "one.ipynb", "better")
    publish(author)
    refresh(mine)
    assert reset("one.ipynb", mine) == mine / "one.ipynb"
    assert capsys.readouterr().out.splitlines() == [
        'You and its author changed one.ipynb, and yours was kept. For the new one: onramp.reset("one.ipynb")',
        "one.ipynb is as its author has it now; yours is kept as one.before.ipynb.",
    ]
    assert (sources(mine / "one.ipynb"), sources(mine / "one.before.ipynb")) == (["better"], ["broken"])
    refresh(mine)
    assert capsys.readouterr().out == "Everything is up to date.\n"
    reset("one.ipynb", mine)
    assert capsys.readouterr().out == "one.ipynb is as its author has it now.\n"
    (mine / "one.ipynb").unlink()
    assert sources(reset("one.ipynb", mine)) == ["better"]
    assert len([*mine.glob("one*")]) == 2


def test_a_file_that_is_no_notebook_any_more_was_edited(author: Path, mine: Path) -> None:
    (mine / "one.ipynb").write_text("{")
    write(author / "one.ipynb", "better")
    publish(author)
    assert refreshed(mine).kept == ("one.ipynb",)
    assert (mine / "one.ipynb").read_text() == "{"


def test_what_cannot_be_refreshed(author: Path, mine: Path, tmp_path: Path) -> None:
    with pytest.raises(MaterialsError, match="was not given out as a git repository"):
        refresh(tmp_path / "nowhere")
    with pytest.raises(
        MaterialsError, match=r"'nine.ipynb' was never given out .*one\.ipynb, read me\.txt, two\.ipynb"
    ):
        reset("nine.ipynb", mine)
    with pytest.raises(MaterialsError, match="never given out"):
        reset("../author/one.ipynb", mine)
    write(mine / "one.ipynb", "my own")
    author.rename(tmp_path / "moved")
    with pytest.raises(MaterialsError, match=r"git fetch failed .*Your files are as they were\."):
        refresh(mine)
    assert sources(mine / "one.ipynb") == ["my own"]


def test_a_node_without_git(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(mine))
    with pytest.raises(MaterialsError, match="There is no git on this node"):
        refresh(mine)


def test_somebody_else_is_at_it_just_now(author: Path, mine: Path) -> None:
    write(mine / "one.ipynb", "my own")
    write(author / "one.ipynb", "better")
    publish(author)
    (mine / ".git/index.lock").touch()
    with pytest.raises(MaterialsError, match=r"Your files are as they were|What you edited is as it was"):
        refresh(mine)
    (mine / ".git/index.lock").unlink()
    assert refreshed(mine).kept == ("one.ipynb",)
