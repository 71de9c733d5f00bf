"""Why a notebook failed, by its exception and the end of its log, and what mends that: a table. Pure."""

import re

from pydantic import BaseModel

from spawners.printed import last_lines
from spawners.run_record import Failure


class Cause(BaseModel, frozen=True, extra="forbid"):
    """One cause: `says` is looked for in "Exception: text", and where Python was ended, in the log.

    `advice` may name {cwd}, where the run began, and {mem}, its memory in MiB.
    """

    name: str
    says: str
    advice: str

    def fits(self, text: str) -> bool:
        """Whether this text tells of it."""
        return re.search(self.says, text, re.MULTILINE) is not None


NO_SPACE = Cause(
    name="result-not-saved",
    says=r"^NoSpace",
    advice="Your home folder is full, so the result could not be saved. Delete what you no longer need, and "
    "promote it again.",
)
KERNEL_DIED = Cause(
    name="kernel-died",
    says=r"^DeadKernelError",
    advice="Python itself was ended, most often because the job had too little memory ({mem} MiB). "
    "Promote it with a larger profile, or load less at once.",
)
# The first that fits counts: the narrow ones stand before those that an exception alone tells.
CAUSES = (
    NO_SPACE,
    Cause(
        name="disk-full",
        says=r"No space left on device|Disk quota exceeded",
        advice="There was no room left for a file that it writes. Delete what you no longer need, in your home folder "
        "first, and promote it again.",
    ),
    Cause(
        name="too-much-output",
        says=r"^TooMuchOutput",
        advice="It was ended there, and what it had shown until then is kept. Print less, for example every hundredth "
        "step, and write data to a file of its own.",
    ),
    Cause(
        name="gpu-memory",
        says=r"^(torch\.|cuda\.)?OutOfMemoryError|CUDA out of memory|HIP out of memory|CUDNN_STATUS_ALLOC_FAILED",
        advice="The GPU's memory was too small. Make the batches smaller, or the model.",
    ),
    Cause(
        name="shared-memory",
        says=r"insufficient shared memory \(shm\)",
        advice="Its loaders had too little shared memory (/dev/shm). Use fewer workers (num_workers), or "
        "smaller batches.",
    ),
    Cause(
        name="driver-mismatch",
        says=r"NVIDIA driver on your system is too old|CUDA driver version is insufficient"
        r"|no kernel image is available for execution",
        advice="This build of PyTorch does not fit the node's GPU or its driver. Choose another environment, or "
        "tell the operators, with this sentence.",
    ),
    Cause(
        name="no-gpu",
        says=r"No CUDA GPUs are available|Found no NVIDIA driver|not compiled with CUDA enabled"
        r"|No HIP GPUs are available|no CUDA-capable device",
        advice="The notebook wants a GPU, and there is none that it could use. Promote it with a profile that has one, "
        "and let it use the CPU where torch.cuda.is_available() says so.",
    ),
    Cause(
        name="gpu-index",
        says=r"device-side assert triggered",
        advice="An index or a label was out of range on the GPU. Run it once on the CPU: there Python names the line.",
    ),
    Cause(
        name="port-in-use",
        says=r"Address already in use|EADDRINUSE",
        advice="Another program on the node has that port. Use port 0, which finds a free one, or a number made from "
        "the job's id.",
    ),
    Cause(
        name="rendezvous",
        says=r"NCCL error|ncclSystemError|ncclInternalError|DistNetworkError|DistStoreError"
        r"|[Gg]loo.*(timed? ?out|[Cc]onnect)|\[c10d\].*timed out|Watchdog caught collective operation timeout",
        advice="Its processes did not find each other. Does each have the same MASTER_ADDR, MASTER_PORT and "
        "WORLD_SIZE, and does none of them end before the others?",
    ),
    Cause(
        name="no-internet",
        says=r"name resolution|Name or service not known|Network is unreachable|No address associated with hostname"
        r"|Max retries exceeded with url|^LocalEntryNotFoundError|^(URLError|ConnectTimeout|gaierror)",
        advice="It could not fetch something: this node has no way to the internet, or the address is wrong. Fetch it "
        "before, from your server, into your home folder, and give its path.",
    ),
    Cause(
        name="library-missing",
        says=r"cannot open shared object file|version [`'].*' not found",
        advice="A system library that a package needs is not on the node. Choose another environment, or tell the "
        "operators.",
    ),
    Cause(
        name="dependency-conflict",
        says=r"cannot import name|compiled using NumPy 1\.x|numpy\.dtype size changed|^(ContextualVersionConflict"
        r"|VersionConflict)",
        advice="Two packages do not fit each other, or the notebook was written for another version. environment.txt "
        "in the run's folder lists what is installed.",
    ),
    Cause(
        name="package-missing",
        says=r"^(ModuleNotFoundError|PackageNotFoundError)",
        advice="The package is not in the environment that runs use. Ask for it, or do without.",
    ),
    Cause(
        name="file-missing",
        says=r"^FileNotFoundError",
        advice="It needs a file that is not there. A run begins in {cwd}: put the file there, or give its whole path.",
    ),
    Cause(
        name="permission",
        says=r"^PermissionError|Read-only file system",
        advice="It may not use that file. Is it in your own home folder?",
    ),
    Cause(
        name="many-files",
        says=r"Too many open files",
        advice="It opened more files at once than it may. Close each when it is read (`with open(…)`).",
    ),
    Cause(
        name="memory",
        says=r"^MemoryError|^_?ArrayMemoryError|DefaultCPUAllocator: can't allocate memory"
        r"|exceeded memory limit|oom[-_ ]kill",
        advice="It needed more memory than the job has. Promote it with a larger profile, or load less at once.",
    ),
    Cause(
        name="asks-a-question",
        says=r"^StdinNotImplementedError",
        advice="Nobody is there to answer a question while a job runs. Use a parameter instead.",
    ),
    Cause(
        name="no-name",
        says=r"^NameError",
        advice="The name is not defined when the notebook is run from the top. Does an earlier cell lack it?",
    ),
    Cause(
        name="no-python",
        says=r"^SyntaxError|^IndentationError",
        advice="The cell is no Python as it stands. Run it once in JupyterLab, save, and promote it again.",
    ),
    Cause(
        name="wrong-type",
        says=r"^TypeError|^ValueError: (invalid literal|could not convert)",
        advice="A value is of another kind than the code expects. If it came in as a parameter, parameters.yaml in the "
        "run's folder shows it as it was given.",
    ),
    Cause(
        name="kernel-missing",
        says=r"^NoSuchKernel",
        advice="The environment of this run has no Python kernel (ipykernel). Choose another environment, or tell the "
        "operators.",
    ),
    Cause(
        name="not-a-notebook",
        says=r"^NotJSONError|does not appear to be JSON|^ValidationError: .*(cells|nbformat)",
        advice="input.ipynb in the run's folder is no notebook any more: it was changed while the job waited. "
        "Promote it again.",
    ),
    KERNEL_DIED,
)


def cause_of(failure: Failure, log: str = "") -> Cause | None:
    """The cause of a failure; where Python was ended, the end of the log may know better. None: not in the table."""
    text = f"{failure.ename}: {failure.evalue}"
    found = next((cause for cause in CAUSES if cause.fits(text)), None)
    if found is KERNEL_DIED:
        end = "\n".join(last_lines(log))
        return next((cause for cause in CAUSES if cause.fits(end)), found)
    return found
