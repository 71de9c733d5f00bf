"""Which PyTorch goes into the environment."""

import pytest

from hub_config.factory import pytorch

CPU = [{"metadata": {"name": "torch", "requires_dist": ["filelock", "sympy>=1.13"]}}]
CUDA = [{"metadata": {"name": "torch", "requires_dist": ["filelock", "nvidia-cudnn-cu13==9.20.0.48"]}}]
CPU_INDEX = ("--index-url", "https://download.pytorch.org/whl/cpu")


def no(question):
    return False


@pytest.mark.parametrize(
    ("gpu", "choice", "offered", "expected"),
    [
        (False, "auto", CPU, ()),
        (True, "auto", CUDA, ()),
        (False, "cpu", CUDA, CPU_INDEX),
        (True, "cpu", CPU, ()),
        (False, "cuda", CUDA, ()),
    ],
    ids=["no GPU, CPU build", "a GPU, CUDA build", "asked for CPU", "CPU although a GPU", "asked for CUDA"],
)
def test_the_build_follows_the_machine_and_the_wish(gpu, choice, offered, expected):
    assert pytorch.options(choice, offered, no, gpu=gpu) == expected


@pytest.mark.parametrize(("answer", "expected"), [(True, CPU_INDEX), (False, None)])
def test_gigabytes_of_cuda_are_never_fetched_unasked(answer, expected, tmp_path):
    wheel = tmp_path / "torch.whl"
    wheel.write_bytes(b"x" * 2_000_000)
    asked = []
    report = [CUDA[0] | {"download_info": {"url": wheel.as_uri()}}]

    assert pytorch.options("auto", report, lambda text: asked.append(text) or answer, gpu=False) == expected
    assert "0.0 GB" in asked[0]


@pytest.mark.parametrize("choice", ["auto", "cuda"])
def test_where_pip_has_no_cuda_build_it_says_so(choice):
    with pytest.raises(pytorch.TorchError, match="use --torch cpu"):
        pytorch.options(choice, CPU, no, gpu=True)


def test_none_installs_nothing():
    said = []
    pytorch.install("none", say=said.append, ask=no)

    assert said == []
