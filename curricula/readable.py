"""Whether a notebook's text can be read by everybody: heard instead of seen, and without a network. Pure."""

import re
from collections.abc import Iterator

from nbformat import NotebookNode

_IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\(|<img\b(?P<tag>[^>]*)>", re.IGNORECASE)
_ALT = re.compile(r"\balt=(['\"])[^'\"]+\1", re.IGNORECASE)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<to>[^)\s]+)[^)]*\)")
_HEADING = re.compile(r"^(#{1,6}) +\S", re.MULTILINE)
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def readable(notebook: NotebookNode) -> Iterator[str]:
    """Yield a sentence for everything that somebody would stumble over."""
    texts = [
        (n, _CODE.sub("", cell.source)) for n, cell in enumerate(notebook.cells, 1) if cell.cell_type == "markdown"
    ]
    for number, text in texts:
        yield from _pictures(number, text)
        yield from _links(number, text)
    yield from _headings(texts)


def _pictures(number: int, text: str) -> Iterator[str]:
    for image in _IMAGE.finditer(text):
        if not (image["alt"] or _ALT.search(image["tag"] or "")):
            yield f"Cell {number} has a picture without a text for those who do not see it: ![what it shows](…)."


def _links(number: int, text: str) -> Iterator[str]:
    for link in _LINK.finditer(text):
        if not link["to"].startswith(("https://", "#")):
            yield f"Cell {number} links to {link['to']}: learners have the notebook alone, so link with https://."


def _headings(texts: list[tuple[int, str]]) -> Iterator[str]:
    before = 0
    for number, text in texts:
        for heading in _HEADING.finditer(text):
            level = len(heading[1])
            if level > before + 1:
                yield f"Cell {number} has a heading of level {level} after one of level {before}: leave none out."
            before = level
    if not before:
        yield "The notebook has no heading: begin with # and its title."
