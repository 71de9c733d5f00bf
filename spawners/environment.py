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

# Loads modules without reading any start-up file of the user: a broken .bashrc must not break a job.
_WITH_MODULES = '. /etc/profile; module load $0 && exec "$@"'


class Environment(BaseModel, frozen=True, extra="forbid"):
    """One way to run a program: a venv, a set of modules, or a container image; receipts store its `lock`.

    A venv and an image may need modules too: what the venv was made with, or the container program itself.
    """

    name: Slug
    kind: Literal["venv", "module", "image"]
    path: AbsolutePath | None = None
    modules: tuple[ModuleName, ...] = ()
    options: tuple[Option, ...] = ()
    arch: Arch
    lock: Digest | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """A venv and an image are found by path, modules by name."""
        if self.kind == "module" and not self.modules:
            raise ValueError("an environment of kind 'module' names at least one module in 'modules'")
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
        if not self.modules:
            return inner
        return ("/bin/bash", "--noprofile", "--norc", "-c", _WITH_MODULES, " ".join(self.modules), *inner)
