"""Environment: the software a job runs in, the same for a server, a kernel, a run, a worker and a grader."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, StringConstraints, model_validator

# `\Z`-anchored on purpose: `$` would let a trailing newline through.
Slug = Annotated[str, StringConstraints(pattern=r"\A[a-z0-9][a-z0-9_-]{0,47}\z")]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"\A/[A-Za-z0-9_./@+{}-]{0,400}\z")]
ModuleName = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_./+-]{0,100}\z")]
Option = Annotated[str, StringConstraints(pattern=r"\A--?[a-z][a-z0-9-]*(=[A-Za-z0-9_./:,@+-]+)?\z")]
Arch = Literal["x86_64", "aarch64"]
Digest = Annotated[str, StringConstraints(pattern=r"\A[0-9a-f]{64}\z")]

# Loads modules without reading any start-up file of the user: a broken .bashrc must not break a job. The values are
# words of the command line ($0: what defines `module`; $1: folders, where there are any; then modules and the program).
_PURGE, _USE = "module purge; ", "module use $1 && shift && "
_LOAD = 'module load $1 && shift && exec "$@"'
# Where the site defines the command `module`.
PROFILE = "/etc/profile"


class Environment(BaseModel, frozen=True, extra="forbid"):
    """One way to run a program: a venv, a set of modules, or a container image; receipts store its `lock`.

    A venv and an image may need modules too: what the venv was made with, or the container program itself. `init` is
    the file that defines the command `module` on the nodes, `purge` that modules loaded before are unloaded first, and
    `module_path` folders in which these modules are looked for as well.
    """

    name: Slug
    kind: Literal["venv", "module", "image"]
    path: AbsolutePath | None = None
    modules: tuple[ModuleName, ...] = ()
    init: AbsolutePath = PROFILE
    purge: bool = False
    module_path: tuple[AbsolutePath, ...] = ()
    options: tuple[Option, ...] = ()
    arch: Arch
    lock: Digest | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """A venv and an image are found by path, modules by name."""
        if self.kind == "module" and not self.modules:
            raise ValueError("an environment of kind 'module' names at least one module in 'modules'")
        if not self.modules and (self.purge or self.module_path or self.init != PROFILE):
            raise ValueError("'init', 'purge' and 'module_path' say how 'modules' are loaded, and there are none")
        if self.kind != "module" and self.path is None:
            raise ValueError(f"an environment of kind '{self.kind}' needs 'path'")
        return self

    def argv(self, program: str, *args: str) -> tuple[str, ...]:
        """The argument list that runs `program` in this environment, without the user's start-up files."""
        inner = {
            "venv": (f"{self.path}/bin/{program}", *args),
            "image": ("singularity", "exec", *self.options, str(self.path), program, *args),
            "module": (program, *args),
        }[self.kind]
        return (*self._loading(), *inner) if self.modules else inner

    def _loading(self) -> tuple[str, ...]:
        """The words before a program by which its modules are loaded."""
        script = "".join(('. "$0"; ', _PURGE if self.purge else "", _USE if self.module_path else "", _LOAD))
        folders = (" ".join(self.module_path),) if self.module_path else ()
        return ("/bin/bash", "--noprofile", "--norc", "-c", script, self.init, *folders, " ".join(self.modules))
