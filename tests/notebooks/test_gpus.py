"""Stand-ins, and whether a driver is there."""

from pathlib import Path

import pytest

from notebooks import gpus


@pytest.mark.parametrize(
    ("devices", "node", "expected"),
    [
        (("0", "1", "2"), "gpu1", ("1", "2")),
        (("0",), "gpu1", ()),
        (("0",), "gpu2", ("0",)),
        (("1",), "gpu3", ()),
        (("1", "GPU-1", "../gpu1/1"), "gpu1", ("1",)),
        (("1",), None, ()),
    ],
    ids=[
        "behind real ones",
        "a real one",
        "a node of stand-ins",
        "a node without",
        "names that are no numbers",
        "no node",
    ],
)
def test_stand_ins(tmp_path: Path, devices: tuple[str, ...], node: str | None, expected: tuple[str, ...]) -> None:
    for name in ("gpu1/1", "gpu1/2", "gpu1/3", "gpu2/0"):
        (tmp_path / "dev/onramp" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "dev/onramp" / name).touch()

    assert gpus.stand_ins(devices, node, tmp_path) == expected


@pytest.mark.parametrize("name", gpus.DRIVERS)
def test_a_driver_is_seen(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).touch()

    assert gpus.driver(tmp_path)


def test_device_files_alone_are_no_driver(tmp_path: Path) -> None:
    """They outlast a driver that was unloaded."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidia0").touch()

    assert not gpus.driver(tmp_path)
