"""What somebody who hears a notebook, or reads it without a network, would stumble over."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from curricula.readable import readable


def said(*texts: str) -> list[str]:
    return [*readable(new_notebook(cells=[new_markdown_cell("# Title"), *map(new_markdown_cell, texts)]))]


@pytest.mark.parametrize(
    "text",
    [
        "![a plot of losses](attachment:x.png)",
        '<img src="x.png" alt="a plot">',
        "[Slurm](https://slurm.schedmd.com) and [above](#title)",
        "## Two\n### Three\n## Two",
        "```\n# a comment\n#### and another\n[x](y)\n```",
        "`[x](y)` and `![]()`",
    ],
)
def test_what_is_fine(text: str) -> None:
    assert said(text) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("![](x.png)", "Cell 2 has a picture without a text"),
        ("<img src='x.png'>", "Cell 2 has a picture without a text"),
        ('<IMG alt="" src="x.png">', "Cell 2 has a picture without a text"),
        ("[next](m01.ipynb)", "Cell 2 links to m01.ipynb"),
        ("[old](http://example.org)", "Cell 2 links to http://example.org"),
        ("### Three", "Cell 2 has a heading of level 3 after one of level 1"),
    ],
)
def test_what_is_not(text: str, words: str) -> None:
    (only,) = said(text)
    assert only.startswith(words)


def test_a_notebook_without_a_heading() -> None:
    assert [*readable(new_notebook(cells=[new_code_cell("# no heading")]))] == [
        "The notebook has no heading: begin with # and its title."
    ]
