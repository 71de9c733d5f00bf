"""All of Slurm's commands in one program, told apart by name; standard library only, see tests/fake_slurm."""

import contextlib
import io
import itertools
import json
import os
import pwd
import re
import sys
import time
from collections.abc import Iterator

STATE = None  # put in when the commands are installed
NAME = os.path.basename(sys.argv[0])


def note_call(stdin: str) -> None:
    """Write down how this command was called, under the next free number."""
    with open("/proc/self/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    files = {
        fd: os.readlink(f"/proc/self/fd/{fd}")
        for fd in os.listdir("/proc/self/fd")
        if os.path.exists(f"/proc/self/fd/{fd}")
    }
    call = {"argv": sys.argv[1:], "stdin": stdin, "environ": dict(os.environ), "uid": os.getuid()}
    call |= {"status": status, "files": files, "cwd": os.getcwd()}
    # Whoever reads it meanwhile sees all of it or nothing.
    fresh = f"{STATE}/calls/.{os.getpid()}"
    with open(fresh, "w") as file:
        json.dump(call, file)
    for number in itertools.count(1):
        with contextlib.suppress(FileExistsError):
            os.link(fresh, f"{STATE}/calls/{NAME}.{number}")
            break
    os.unlink(fresh)


def prepared_answer() -> None:
    """What the test wants this command to say instead."""
    try:
        with open(f"{STATE}/{NAME}.answer") as file:
            out, err, code, seconds = json.load(file)
    except FileNotFoundError:
        return
    time.sleep(seconds)
    if out is not None:
        sys.stdout.write(out)
        sys.stderr.write(err)
        sys.exit(code)


def lose_answer() -> None:
    """What the test wants to be heard instead of what this command said."""
    with contextlib.suppress(FileNotFoundError), open(f"{STATE}/{NAME}.lost") as file:
        err, code = json.load(file)
        sys.stderr.write(err)
        sys.exit(code)


def jobs() -> Iterator[dict[str, str]]:
    """All jobs by id."""
    for name in sorted(os.listdir(f"{STATE}/jobs"), key=int):
        with open(f"{STATE}/jobs/{name}") as file:
            yield json.load(file)


def sbatch(stdin: str) -> None:
    """Accept a job: pending, until the test changes it."""
    directives = dict(re.findall(r'^#SBATCH --([a-z-]+)(?:="?([^"\n]*)"?)?$', stdin, re.M))
    if "--test-only" in sys.argv:
        sys.exit(when(directives))
    for number in itertools.count(1):
        try:
            number_is_free = os.open(f"{STATE}/jobs/{number}", os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            continue
        with open(number_is_free, "w") as file:
            os.chmod(file.fileno(), 0o666)
            user = pwd.getpwuid(os.getuid()).pw_name
            kept = {"job_id": str(number), "user": user, "state": "PENDING", "reason": "Priority", "node": "n/a"}
            kept |= {"priority": str(10**6 - number), "submitted": str(int(time.time()))}
            names = {"name": "job-name", "comment": "comment", "partition": "partition", "account": "account"}
            json.dump(kept | {key: directives.get(name, "") for key, name in names.items()}, file)
        print(number)
        return


def when(directives: dict[str, str]) -> str:
    """What Slurm says about a start: as the test has set it for the QoS or the partition, else a fixed time."""
    lane = directives.get("qos") or directives.get("partition", "")
    with contextlib.suppress(FileNotFoundError), open(f"{STATE}/refused.json") as file:
        if words := json.load(file).get(lane):
            return f"allocation failure: {words}"
    try:
        with open(f"{STATE}/starts.json") as file:
            start = json.load(file).get(lane, "")
    except FileNotFoundError:
        start = "2026-11-20T12:00:00"
    if not start:
        return f"allocation failure: {lane} is not available"
    return f"sbatch: Job 7 to start at {start} using 2 processors on nodes cpu1 in partition cpu"


def squeue(stdin: str) -> None:
    """All jobs in the format asked for."""
    form = next(word.partition("=")[2] for word in sys.argv if word.startswith("--format="))
    letters = {"i": "job_id", "u": "user", "T": "state", "r": "reason", "a": "account", "P": "partition"}
    letters |= {
        "B": "node",
        "Q": "priority",
        "V": "submitted",
        "S": "start",
        "e": "end",
        "j": "name",
        "k": "comment",
    }
    for job in jobs():
        row = form
        if job.get("hidden"):
            continue
        for letter, key in letters.items():
            # A job of an array is shown by another id than that it was submitted under.
            row = row.replace(f"%{letter}", job.get("shown", job["job_id"]) if letter == "i" else job.get(key, "N/A"))
        print(row)


def scontrol(stdin: str) -> None:
    """As much of the configuration as anybody asks for, and what somebody changes of a job."""
    if sys.argv[1] == "update":
        told = dict(word.split("=", 1) for word in sys.argv[2:])
        change(told.pop("jobid"), {name.lower(): value for name, value in told.items()})
        return
    print("OverTimeLimit           = 0 min\nPrivateData             = none\nProctrackType           = linuxproc")


def change(job_id: str, values: dict[str, str]) -> None:
    """Change a job that there is."""
    path = f"{STATE}/jobs/{job_id}"
    if not os.path.exists(path):
        sys.exit(f"{NAME}: error: Kill job error on job id {job_id}: Invalid job id specified")
    with open(path) as file:
        job = json.load(file)
    with open(path, "w") as file:
        json.dump(job | values, file)


def scancel(stdin: str) -> None:
    """End a job, as its owner."""
    change(sys.argv[1], {"state": "CANCELLED", "ended_as": f"CANCELLED by {os.getuid()}"})


# What the test lets sacct tell, by what it is asked about.
TOLD = {"accounts": "daily", "partition": "past"}


def sacct(stdin: str) -> None:
    """The jobs asked for, in the fields asked for, each field ended by the delimiter."""
    options = dict(word[2:].split("=", 1) for word in sys.argv if "=" in word)
    told = next((f"{STATE}/{name}.json" for key, name in TOLD.items() if key in options), "")
    if os.path.exists(told):
        with open(told) as file:
            print("\n".join("".join(value + options["delimiter"] for value in row) for row in json.load(file)))
    wanted = options.get("jobs", "").split(",")
    names = {"jobidraw": "job_id", "nodelist": "node", "jobname": "name", "exitcode": "exit_code"}
    names |= {"submit": "submitted", "alloctres": "tres"}
    for job in jobs():
        starts = [*json.loads(job.get("starts", "[]")), job]
        for one in (starts if "--duplicates" in sys.argv else [job]) if job["job_id"] in wanted else ():
            shown = one | {"state": one.get("ended_as", one["state"])}
            if shown["state"] in ("PENDING", "RUNNING"):
                shown["comment"] = ""  # slurmdbd learns it when a job ends
            row = [shown.get(names.get(field, field), "") for field in options["format"].split(",")]
            print("".join(value + options["delimiter"] for value in row))


STDIN = sys.stdin.read() if NAME == "sbatch" else ""
note_call(STDIN)
prepared_answer()
with contextlib.redirect_stdout(io.StringIO()) as said:
    globals().get(NAME, lambda stdin: None)(STDIN)
lose_answer()
print(said.getvalue(), end="")
