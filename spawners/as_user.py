"""What the launcher does once it is the user: submit, cancel, test, read a log's end. Standard library only.

As a program it reads one JSON object on stdin and answers with one on stdout:
`{"user", "action": "submit", "script", "secrets": {…}, "runtime", "nonce"}` → `{"job_id": "42"}`,
`{"user", "action": "cancel", "job_id", "runtime", "nonce"}` → `{}`,
`{"user", "action": "test", "script"}` → `{"says": "…"}`,
`{"user", "action": "log", "runtime", "nonce"}` → `{"text": "…"}`: the end of what a job of theirs printed,
and `{"error": "…"}` whenever it refuses or Slurm does. Secrets, runtime and nonce may be left out.
"""

import contextlib
import json
import os
import pwd
import re
import stat
import subprocess
import sys

LIMIT = 1 << 20
LEAST_UID = 1000
TIMEOUT = 60
LOG_BYTES = 4096
# action → (keys it needs, keys it may have) beside "user" and "action"
KEYS = {
    "submit": ({"script"}, {"secrets", "runtime", "nonce"}),
    "cancel": ({"job_id"}, {"runtime", "nonce"}),
    "test": ({"script"}, set[str]()),
    "log": ({"runtime", "nonce"}, set[str]()),
}
SHAPES = {
    "user": r"[a-z_][a-z0-9_-]{0,31}",
    "script": r"#!/bin/sh\n[^\0]*",
    "runtime": r"(/[A-Za-z0-9_@+-][A-Za-z0-9_.@+-]*|/\.[A-Za-z0-9_][A-Za-z0-9_.@+-]*)+",
    "nonce": r"[A-Za-z0-9]{8,64}",
    "job_id": r"[0-9]{1,12}(_[0-9]{1,9})?",
}
OVER = ("Invalid job id specified", "already completing or completed")


class Refused(Exception):
    """This will not be done; the message goes back to whoever asked."""


def perform(request: object, commands: str = "/usr/bin") -> dict[str, str]:
    """Check a request and do it as the user this process already is, with Slurm's programs in `commands`.

    Raises Refused, with Slurm's own words where it was Slurm that refused.
    """
    checked, secrets = check(request)
    entry = pwd.getpwuid(os.geteuid())
    if entry.pw_name != checked["user"] or os.getuid() != os.geteuid():
        raise Refused(f"This process is {entry.pw_name}; it does nothing for {checked['user']}.")
    if entry.pw_uid < LEAST_UID:
        raise Refused("Jobs are submitted only by people (uid 1000 and above), never by root or a system user.")
    slurm = _Commands(commands, entry)
    if checked["action"] == "submit":
        return _submit(checked, secrets, slurm)
    if checked["action"] == "cancel":
        return _cancel(checked, slurm)
    if checked["action"] == "log":
        return {"text": _log_end(checked["runtime"], f"{checked['nonce']}.log")}
    return {"says": slurm.run("sbatch", "--test-only", text=checked["script"]).stderr}


def check(request: object) -> tuple[dict[str, str], dict[str, str]]:
    """A request split into checked words and secrets; raises Refused for anything unexpected."""
    if not isinstance(request, dict) or request.get("action") not in list(KEYS):
        raise Refused(f"A request is an object with an action. Choose from: {', '.join(KEYS)}.")
    needed, optional = KEYS[request["action"]]
    words = {key: value for key, value in request.items() if key != "secrets"}
    keys = set(request) - {"user", "action"}
    if not needed <= keys <= needed | optional or "user" not in request:
        raise Refused(
            f"'{request['action']}' takes user, {', '.join(sorted(needed | optional))}; a key is missing or unknown."
        )
    for key, value in words.items():
        if key != "action" and not (isinstance(value, str) and re.fullmatch(SHAPES[key], value, re.ASCII)):
            raise Refused(f"'{key}' does not have the shape it must have.")
    return words, _check_secrets(request)


def _check_secrets(request: dict[str, object]) -> dict[str, str]:
    """The secrets: environment names with text, and then a place to put them."""
    secrets = request.get("secrets", {})
    if not isinstance(secrets, dict):
        raise Refused("'secrets' is an object of names and texts.")
    for name, value in secrets.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", name, re.ASCII) or not isinstance(value, str):
            raise Refused("'secrets' is an object of names and texts.")
    if len({"runtime", "nonce"} & set(request)) == 1 or (secrets and "runtime" not in request):
        raise Refused("Secrets need both 'runtime' and 'nonce'.")
    return secrets


class _Commands:
    """Slurm's commands, run with a clean environment: what a script inherits is only what is here."""

    def __init__(self, folder: str, entry: pwd.struct_passwd) -> None:
        self.folder = folder
        self.environment = {
            "HOME": entry.pw_dir,
            "LOGNAME": entry.pw_name,
            "USER": entry.pw_name,
            "SHELL": "/bin/sh",
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
        }
        self.environment |= {name: os.environ[name] for name in ("SLURM_CONF",) if name in os.environ}

    def run(self, name: str, *args: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        """Run one command with `text` on its stdin; Refused when it cannot be run or does not end in time."""
        try:
            return subprocess.run(
                [f"{self.folder}/{name}", *args],
                input=text,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                env=self.environment,
                cwd="/",
                umask=0o077,
                timeout=TIMEOUT,
            )
        except (OSError, subprocess.TimeoutExpired) as e:
            raise Refused(f"{name} could not be run: {e}") from e


def _submit(request: dict[str, str], secrets: dict[str, str], slurm: _Commands) -> dict[str, str]:
    """Put the secrets where only the user reads them, then submit; nothing stays when sbatch refuses."""
    letter = _write_secrets(request, secrets) if "runtime" in request else None
    try:
        done = slurm.run("sbatch", "--parsable", text=request["script"])
        job_id = done.stdout.strip().partition(";")[0]
        if done.returncode or not re.fullmatch(SHAPES["job_id"], job_id, re.ASCII):
            raise Refused(done.stderr.strip() or f"sbatch ended with {done.returncode} and said nothing.")
    except Refused:
        if letter:
            os.unlink(letter)
        raise
    return {"job_id": job_id}


def _write_secrets(request: dict[str, str], secrets: dict[str, str]) -> str:
    """Write <runtime>/<nonce>.json, 0600, in a folder of the user's own; no links, nobody else's."""
    folder = _open_runtime(request["runtime"], create=True)
    name = f"{request['nonce']}.json"
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, 0o600, dir_fd=folder), "w", encoding="utf-8") as file:
            json.dump(secrets, file)
    except OSError as e:
        raise Refused(f"The job's private file cannot be written: {e}") from e
    finally:
        os.close(folder)
    return f"{request['runtime']}/{name}"


def _open_runtime(path: str, *, create: bool) -> int:
    """A descriptor of the runtime directory, 0700 and made if need be; it must be the user's own."""
    try:
        if create and not os.path.lexists(path):
            os.mkdir(path, 0o700)
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as e:
        raise Refused(f"The runtime directory {path} cannot be used: {e}") from e
    if os.fstat(folder).st_uid != os.geteuid():
        os.close(folder)
        raise Refused(f"The runtime directory {path} belongs to someone else.")
    os.fchmod(folder, 0o700)
    return folder


def _cancel(request: dict[str, str], slurm: _Commands) -> dict[str, str]:
    """End a job and remove the secrets it has not read; a job that is already over is no error."""
    done = slurm.run("scancel", request["job_id"])
    if done.returncode and not any(words in done.stderr for words in OVER):
        raise Refused(done.stderr.strip() or f"scancel ended with {done.returncode} and said nothing.")
    if "runtime" in request:
        with contextlib.suppress(Refused, FileNotFoundError):
            folder = _open_runtime(request["runtime"], create=False)
            try:
                os.unlink(f"{request['nonce']}.json", dir_fd=folder)
            finally:
                os.close(folder)
    return {}


def _log_end(runtime: str, name: str) -> str:
    """The last bytes of a job's log: a regular file of the user's own in their runtime directory, and no link."""
    folder = _open_runtime(runtime, create=False)
    try:
        # A pipe in its place would be waited for without O_NONBLOCK.
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as e:
        raise Refused(f"The job's log cannot be read: {e}") from e
    finally:
        os.close(folder)
    try:
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
            raise Refused("The job's log is not a file of the user's own.")
        return os.pread(file, LOG_BYTES, max(0, found.st_size - LOG_BYTES)).decode(errors="replace")
    finally:
        os.close(file)


def main(argv: list[str]) -> int:
    """Read one request on stdin, answer on stdout; `argv` is empty or `--commands DIR`."""
    commands = argv[1] if len(argv) == 2 and argv[0] == "--commands" else "/usr/bin"
    try:
        text = sys.stdin.buffer.read(LIMIT + 1)
        if len(text) > LIMIT:
            raise Refused(f"A request is at most {LIMIT} bytes.")
        answer = perform(json.loads(text), commands)
    except Refused as e:
        answer = {"error": str(e)}
    except (ValueError, RecursionError):
        answer = {"error": "A request is one JSON object."}
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
