"""The report as a page: it loads nothing, runs nothing, and shows a learner's text as text."""

import re
from html.parser import HTMLParser

from spawners.run_page import page, timeline
from spawners.run_report import CellTime
from spawners.site import Site
from tests.spawners.test_run_report import AT, ended, record

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


class Tags(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def made(site: Site, line: str) -> str:
    """The page of a run one of whose cells begins with this line."""
    times = [CellTime(1, line, 60, AT), CellTime(2, "train()", 200, AT)]
    return page(f"run-{line}", line, record(site), ended(6), [("Time", line)], times)


def test_nothing_in_it_runs_or_is_loaded_whatever_a_notebook_says(site: Site) -> None:
    harmless, evil = Tags(made(site, "x = 1")), Tags(made(site, EVIL))
    assert evil.tags == harmless.tags
    assert evil.attributes == harmless.attributes
    assert not harmless.tags & {"script", "img", "link", "iframe", "object", "a"}
    assert not {name for name in harmless.attributes if name in ("src", "href") or name.startswith("on")}
    assert "default-src 'none'" in made(site, "x")


def test_the_timeline_is_as_wide_as_its_parts_are_long(site: Site) -> None:
    times = [CellTime(1, "load()", 90, ended(6).start), CellTime(2, "train()", 180)]
    drawn = timeline(record(site), ended(6), times)
    parts = re.findall(r'width="([0-9.]+)"[^>]*><title>([^<]+)</title>', drawn)
    assert [(said, float(width)) for width, said in parts] == [
        ("In the queue: 2 min", 190),
        ("On the node: 6 min", 570),
        ("[1] load(): 1 min 30 s", 190),
        ("[2] train(): 3 min", 380),
        ("The rest: 1 min 30 s", 190),
    ]
    assert 'aria-label="Timeline: 2 min in the queue, 6 min on the node"' in drawn


def test_what_never_ran_has_no_timeline(site: Site) -> None:
    assert timeline(record(site), ended(0).model_copy(update={"start": None}), []) == ""
