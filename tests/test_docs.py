"""What the documents say is there, is there; and they become pages that need nothing from elsewhere."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from click.testing import CliRunner

import onramp
from hub_config.cli.docs import PAGES as BUILT
from hub_config.cli.docs import SHOWN
from hub_config.cli.main import main
from hub_config.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")])
TEST_FILE = re.compile(r"tests/[\w/]+\.py")
LOADS = {"img": "src", "script": "src", "source": "srcset", "link": "href", "iframe": "src", "object": "data"}
IN_A_STYLE = re.compile(r"url\(['\"]?(?!data:)([^)'\"]+)|@import\s+['\"]([^'\"]+)")
OTHER_HOST = ("http:", "https:", "//")


class Html(HTMLParser):
    """What a page loads, where it leads, and the names in it that one can be led to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path, self.loads, self.links, self.names = path, [], [], set()
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.names |= {found[key] for key in ("id", "name") if found.get(key)}
        self.loads += [found[key] for key in (LOADS.get(tag),) if found.get(key)]
        self.links += [found["href"]] if tag == "a" and found.get("href") else []

    def leads_to(self, link: str) -> tuple[Path, str]:
        """The file and the name in it that a link of this page leads to."""
        parts = urlsplit(link)
        return (self.path.parent / unquote(parts.path)).resolve() if parts.path else self.path, unquote(parts.fragment)


def read(name):
    return (REPOSITORY / name).read_text()


@pytest.fixture(scope="module")
def pages():
    """Every page, built as `./onramp docs` builds them: what Sphinx warns of, such as a dead link, fails it."""
    done = subprocess.run(
        [sys.executable, "-m", "hub_config.cli", "docs"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Open file://{BUILT}/index.html" in done.stdout
    return {path: Html(path) for path in BUILT.rglob("*.html")}


def test_every_document_is_a_page(pages):
    missing = {path.relative_to(REPOSITORY).with_suffix(".html") for path in PAGES} - {
        path.relative_to(BUILT) for path in pages
    }

    assert missing == set()


def test_every_link_leads_somewhere(pages):
    dead = []
    for page in pages.values():
        for link in page.links:
            path, name = page.leads_to(link)
            if not link.startswith(OTHER_HOST) and not (path.exists() and (not name or name in pages[path].names)):
                dead.append((str(page.path.relative_to(BUILT)), link))

    assert dead == []


def test_links_to_other_hosts_are_well_formed(pages):
    elsewhere = {link for page in pages.values() for link in page.links if link.startswith(OTHER_HOST)}

    assert [link for link in elsewhere if not re.fullmatch(r"https?://[\w.-]+(:\d+)?(/[\w./@#?=&%~+-]*)?", link)] == []


def test_no_page_loads_anything_from_another_host(pages):
    loads = [(page.path, link) for page in pages.values() for link in page.loads]
    for style in BUILT.rglob("*.css"):
        loads += [(style, "".join(found)) for found in IN_A_STYLE.findall(style.read_text())]

    assert len(loads) > len(pages)
    assert [(path.name, link) for path, link in loads if urlsplit(link).netloc] == []
    assert [(path.name, link) for path, link in loads if not (path.parent / urlsplit(link).path).exists()] == []


@pytest.mark.parametrize("name", onramp.__all__)
def test_what_a_notebook_can_call_is_on_its_page(pages, name):
    assert f"onramp.{name}" in pages[BUILT / "docs/reference/notebook.html"].names


def test_pictures_are_those_that_a_browser_test_takes():
    """No page shows what no test takes, no test takes what no page shows, and a page says what is to be seen."""
    tests = "".join(path.read_text() for path in REPOSITORY.glob("tests/*/*.py"))
    shown = [
        found
        for page in PAGES
        for found in re.findall(r"!\[([^]]*)\]\([\w./]*screenshots/([\w-]+)\.png\)", page.read_text())
    ]

    assert {name for _, name in shown} == set(re.findall(r'\bpicture\(\s*\w+, "([\w-]+)"', tests))
    assert {name for _, name in shown} == {path.stem for path in SHOWN.glob("*")}
    assert [name for words, name in shown if len(words) < 20] == []


def test_without_pictures_the_command_says_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setattr("hub_config.cli.docs.TAKEN", tmp_path)
    done = CliRunner().invoke(main, ["docs", "--screenshots"])

    assert (done.exit_code, "./onramp test tests/end_to_end takes them" in done.output) == (1, True)


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_is_in_the_readme(command):
    assert f"./onramp {command}" in read("README.md")


@pytest.mark.parametrize("key", sorted(Settings.model_fields))
def test_every_setting_is_documented(key):
    assert re.search(rf"^\|.*`{key}[`.].*\|", read("docs/reference/settings.md"), re.MULTILINE)


def test_the_example_settings_are_valid():
    import yaml

    example = re.search(r"```yaml\n(.*?)```", read("docs/reference/settings.md"), re.DOTALL)

    assert Settings.model_validate(yaml.safe_load(example[1])).site == "leonardo"


def test_the_security_page_names_tests_that_exist():
    named = TEST_FILE.findall(read("docs/reference/security.md"))

    assert named
    assert [name for name in named if not (REPOSITORY / name).exists()] == []


def test_the_map_names_what_is_there():
    drawn = re.search(r"## The map\n\n```\n(.*?)```", read("README.md"), re.DOTALL)

    assert [line.split()[0] for line in drawn[1].splitlines() if not (REPOSITORY / line.split()[0]).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_modules_that_are_run_by_name_do_something(page):
    for name in re.findall(r"-m ((?:hub_config|spawners|curricula)[\w.]*\w)", page.read_text()):
        module = REPOSITORY / name.replace(".", "/")
        source = module / "__main__.py" if module.is_dir() else module.with_suffix(".py")

        assert module.is_dir() or '__name__ == "__main__"' in source.read_text(), name
        assert source.exists(), name
