"""What site this server runs at, as far as it is known."""

from pathlib import Path

import pytest

from spawners.site_here import site_here, vendor_here


@pytest.mark.parametrize(("name", "vendor"), [("lumi", "amd"), ("leonardo", "nvidia")])
def test_a_site_and_the_make_of_its_gpus(name: str, vendor: str) -> None:
    site = site_here({"ONRAMP_SITE": name})
    assert site is not None
    assert (site.name, vendor_here({"ONRAMP_SITE": name})) == (name, vendor)


@pytest.mark.parametrize("text", [None, "", "- no site", "name: [", "\x00"])
def test_what_is_not_known_stops_nothing(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "site.yaml"
    if text is not None:
        file.write_text(text)
    for environ in ({}, {"ONRAMP_SITE": ""}, {"ONRAMP_SITE": str(file)}):
        assert site_here(environ) is None
        assert vendor_here(environ) is None
