"""`onramp up --site`: which site a factory is of, and which it cannot be."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from hub_config.cli.main import main
from hub_config.factory.state import State
from tests.sites.traps import TRAPS


def refused(folder: Path, *arguments: str) -> str:
    """What `up` says when it starts nothing."""
    result = CliRunner().invoke(main, ["up", "--state", str(folder), *arguments])
    assert result.exit_code == 1
    return result.output.replace(str(folder), "FOLDER")


def test_an_unknown_site_lists_the_choices(tmp_path: Path) -> None:
    assert "There is no site 'marconi'. Choose from: arrhenius, " in refused(tmp_path, "--site", "marconi")


def test_a_site_without_slurm_cannot_be_rehearsed(tmp_path: Path) -> None:
    assert "runs pbs, and a factory runs Slurm" in refused(tmp_path, "--site", "hunter")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "/gone.yaml: cannot be read" in refused(tmp_path, "--site", str(tmp_path / "gone.yaml"))


@pytest.mark.parametrize(("kept", "asked"), [("local", "leonardo"), (str(TRAPS), "local"), ("lumi", str(TRAPS))])
def test_a_folder_stays_with_its_site(tmp_path: Path, kept: str, asked: str) -> None:
    State(tmp_path).prepare(8000, kept)

    assert refused(tmp_path, "--site", asked) == (
        f"Error: FOLDER holds a factory of the site {kept}.\n"
        f"  Give {asked} a folder of its own with --state DIR, or delete this one with `./onramp down --purge`.\n"
    )
