"""What the documents say is there, is there."""

import re
from pathlib import Path

import pytest

from hub_config.cli.main import main
from hub_config.settings import Settings

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")])
LINK = re.compile(r"\]\((?!https?://)([^)#\s]+)[^)]*\)")
TEST_FILE = re.compile(r"tests/[\w/]+\.py")


def read(name):
    return (REPOSITORY / name).read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page):
    dead = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]

    assert dead == []


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
