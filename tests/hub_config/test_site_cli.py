"""`onramp site`: what a person sees of the systems, and of mistakes in a file."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hub_config.cli.main import main
from hub_config.cli.site import console
from hub_config.site_page import sites_page
from spawners.factories import load_factories
from spawners.rules import RULES
from spawners.site import SITES, site_names

PAGE = Path(__file__).parents[2] / "docs/reference/sites.md"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch):
    """`onramp site …` in a terminal wide enough for its tables."""
    monkeypatch.setattr(console, "width", 400)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["site", *arguments])

    return run


def test_the_list_names_every_system_with_tier_evidence_and_what_is_not_known(site) -> None:
    lines = {line.split()[0]: line for line in site("list").stdout.splitlines() if line}

    assert {*site_names(), *(listed.name for listed in load_factories().listed)} <= set(lines)
    assert lines["leonardo"].split()[1] == "A"
    assert "0 of" in lines["leonardo"]
    assert "unattended submit" in lines["leonardo"]
    assert "no profile" in lines["daedalus"]


def test_a_system_is_shown_with_its_partitions_profiles_and_sources(site) -> None:
    said = site("show", "leonardo").stdout

    assert "boost_qos_dbg (30 min, 2 nodes, 8 GPUs)" in said
    assert "docs.hpc.cineca.it" in said


def test_a_listed_system_is_shown_with_the_commands_that_answer_what_is_open(site) -> None:
    said = site("show", "daedalus").stdout

    assert "which scheduler it runs: command -v sbatch qsub" in said


def test_an_unknown_system_lists_the_choices(site) -> None:
    found = site("show", "marconi")

    assert found.exit_code == 1
    assert "There is no site 'marconi'. Choose from: arrhenius, " in found.stderr
    assert "Listed, and without a file yet: berzelius, aris, daedalus, " in found.stderr


def test_a_listed_system_has_no_file_to_check_and_says_where_its_questions_are(site) -> None:
    found = site("check", "daedalus")

    assert found.exit_code == 1
    assert "DAEDALUS (GRNET), planned for Pharos has no site file yet" in found.stdout
    assert "onramp site show daedalus" in found.stdout


def test_every_site_that_comes_along_checks_well(site) -> None:
    found = site("check", "--all")

    assert found.exit_code == 0
    assert [line.split()[0] for line in found.stdout.splitlines() if line[:1] in "✓✗"] == ["✓"] * len(site_names())


def test_a_file_with_a_mistake_is_told_with_its_line_and_the_others_are_checked(site, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text((SITES / "local.yaml").read_text().replace("syntax: gres", "syntax: gras"))

    found = site("check", str(path))

    assert found.exit_code == 1
    assert "mine.yaml:" in found.stdout.replace("\n", "")
    assert "'gres'" in found.stdout


def test_a_site_whose_profile_breaks_its_rules_fails_the_check(site, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        (SITES / "local.yaml").read_text().replace("title: GPU nodes,", "title: GPU nodes, exclusive: always,")
    )

    found = site("check", str(path))

    assert found.exit_code == 1
    assert "profile gpu-1, for a server: whole-node: " in found.stdout


@pytest.mark.parametrize("arguments", [(), ("leonardo", "--all")], ids=str)
def test_one_system_or_all_but_not_neither_nor_both(site, arguments: tuple[str, ...]) -> None:
    assert site("check", *arguments).exit_code == 2


def test_the_reference_page_is_up_to_date() -> None:
    """After a change of a site: ./onramp site page > docs/reference/sites.md."""
    assert PAGE.read_text() == sites_page()


def test_the_reference_page_holds_every_system_and_rule() -> None:
    page = PAGE.read_text()

    assert all(f"## {name}\n" in page for name in site_names() if name != "local")
    assert all(f"| `{rule.name}` |" in page for rule in RULES)
