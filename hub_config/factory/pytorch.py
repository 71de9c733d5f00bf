"""Which PyTorch goes into the environment: CUDA builds only where a GPU is seen, a CPU build elsewhere, or none."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

VERSION = "2.13.0"
CHOICES = ("auto", "cpu", "cuda", "none")
# PyTorch's own index of CPU builds, for whoever asks for one where pip is configured for CUDA builds.
_CPU_INDEX = ("--index-url", "https://download.pytorch.org/whl/cpu")
_PIP = (sys.executable, "-m", "pip", "-qq", "--disable-pip-version-check", "--no-input")
_CUDA_NEEDS = ("nvidia-", "cuda-", "triton")


class TorchError(Exception):
    """PyTorch cannot be installed as asked."""


def install(choice: str, *, say: Callable[[str], None], ask: Callable[[str], bool]) -> None:
    """Bring PyTorch to what `choice` says; `ask` decides about a download nobody asked for."""
    found = installed()
    if choice == "none" or (found and choice in ("auto", found)):
        return
    further = options(choice, _report(), ask, gpu=gpu_seen())
    if further is None:
        say("Going on without PyTorch: notebooks say so and compute with NumPy. To have it: ./onramp up --torch cpu")
        return
    say(f"Installing PyTorch {VERSION} into .venv")
    if found:
        subprocess.run([*_PIP, "uninstall", "--yes", "torch"], check=True)
    if subprocess.run([*_PIP, "install", *further, f"torch=={VERSION}"], check=False).returncode:
        raise TorchError(f"PyTorch {VERSION} could not be installed. Try again, or go on with ./onramp up --torch none")


def installed() -> str | None:
    """Return "cpu" or "cuda" for the build in this environment, None where there is none."""
    try:
        needs = metadata.requires("torch") or []
    except metadata.PackageNotFoundError:
        return None
    return build_of(needs)


def build_of(needs: list[str]) -> str:
    """Tell a CUDA build from a CPU build by what it requires."""
    return "cuda" if any(need.startswith(_CUDA_NEEDS) for need in needs) else "cpu"


def gpu_seen() -> bool:
    """Whether this machine has an NVIDIA driver with a GPU behind it."""
    return any(Path("/dev").glob("nvidia[0-9]*"))


def options(
    choice: str, report: list[Mapping[str, Any]], ask: Callable[[str], bool], *, gpu: bool
) -> tuple[str, ...] | None:
    """Return pip's further options, or None for not installing. Raises TorchError where it cannot be as asked."""
    offered = build_of(next(item["metadata"]["requires_dist"] for item in report if _is_torch(item)))
    wanted = choice if choice != "auto" else ("cuda" if gpu else "cpu")
    if offered == wanted:
        return ()
    if choice == "cpu":
        return _CPU_INDEX
    if wanted == "cuda":
        raise TorchError(
            "pip is configured to find a CPU build of PyTorch only (see `pip config list`); use --torch cpu"
        )
    size = f"pip offers only the CUDA build of PyTorch here, a download of {_gigabytes(report):.1f} GB"
    return _CPU_INDEX if ask(f"{size}. This machine has no GPU that needs it: install the CPU build instead?") else None


def _report() -> list[Mapping[str, Any]]:
    """Return what pip would install for PyTorch, without doing it."""
    command = [*_PIP, "install", "--dry-run", "--ignore-installed", "--report", "-", f"torch=={VERSION}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise TorchError(f"pip finds no PyTorch {VERSION}. Check the network, or go on with ./onramp up --torch none")
    items: list[Mapping[str, Any]] = json.loads(done.stdout)["install"]
    return items


def _is_torch(item: Mapping[str, Any]) -> bool:
    return bool(item["metadata"]["name"] == "torch")


def _gigabytes(report: list[Mapping[str, Any]]) -> float:
    def size(url: str) -> int:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=30) as answer:
            return int(answer.headers.get("Content-Length", 0))

    return sum(size(item["download_info"]["url"]) for item in report) / 1e9
