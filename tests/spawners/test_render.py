"""Rendering: whole scripts compared with golden files, and nothing from outside that becomes a line of its own."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spawners.environment import Environment
from spawners.render import Job, Sbatch, Script, render
from spawners.request import RequestError, Resources, parse_request, resolve
from spawners.site import Site, load_site, site_names
from tests.golden import FOLDER, Case, cases, cases_of

# What an environment has several of.
SEVERAL = ("modules", "options", "module_path")
NONCE = "0123456789abcdef"
DIRECTIVE = re.compile(r'#SBATCH --([a-z-]+)(?:=(?:"([^"\\]*)"|([^"\\\s]*)))?')


def job_for(site: Site, resources: Resources) -> Job:
    """A job with what is hard to write into a script: spaces, quotes, a dollar."""
    runtime = site.runtime("student1", resources.account)
    assert resources.environment is not None
    return Job(
        name="onramp-server",
        comment=f"onramp:hub1:student1::{NONCE}",
        output=f"{runtime}/{NONCE}.log",
        chdir="/home/student1",
        argv=resources.environment.argv("papermill", "input.ipynb", "-p", "title", "it's $HOME"),
    )


def parsed(text: str) -> list[tuple[str, str | None]]:
    """The directives of a script as Slurm reads them: up to the first command, whole lines only."""
    found = []
    for line in text.split("\n")[1:]:
        if line and not line.startswith("#"):
            break
        if line:
            match = DIRECTIVE.fullmatch(line)
            assert match, line
            found.append((match[1], match[2] if match[2] is not None else match[3]))
    return found


def local_script(site: Site, options: dict[str, object], **job: object) -> Script:
    """A script for the local site with some part of the job replaced."""
    resources = resolve(parse_request({"profile": "gpu-1"} | options, site), site)
    base = job_for(site, resources)
    return render(site, resources, Job.model_validate(base.model_dump() | job))


CASES = cases()
each_case = pytest.mark.parametrize("case", CASES, ids=[f"{case.site}/{case.shape}" for case in CASES])


@each_case
def test_scripts_are_exactly_the_golden_files(case: Case) -> None:
    """To accept a change on purpose: `.venv/bin/python -m tests.golden`, and read the difference before committing."""
    assert case.text() == case.path.read_text()


def test_every_golden_file_is_a_case() -> None:
    assert sorted(case.path for case in CASES) == sorted(FOLDER.glob("*/*.sh"))


def test_a_shape_that_a_site_cannot_have_is_no_case() -> None:
    shapes = {case.shape for case in cases_of(load_site("jupiter"))}

    assert "1-gpu" not in shapes
    assert {"server", "kernel", "4-gpus", "2-nodes", "dask-worker", "course", "grading"} <= shapes


def test_every_site_that_allows_it_grades() -> None:
    """Where nodes have GPUs only, too, and where the smallest slice of a node is more than one processor."""
    graded = {case.site for case in CASES if case.shape == "grading"}

    assert graded == {name for name in site_names() if load_site(name).policy.unattended_submit is not False}
    assert "#SBATCH --cpus-per-task=16\n" in (FOLDER / "snellius/grading.sh").read_text()


@each_case
def test_the_text_holds_the_directives_and_no_other(case: Case) -> None:
    script = case.script()

    if script.scheduler == "slurm":
        assert parsed(script.text) == [(directive.name, directive.value) for directive in script.directives]


@each_case
def test_only_gradings_are_requeued_and_no_job_gets_the_environment_of_whoever_submits(case: Case) -> None:
    """A second start of the others would find neither secrets nor its port; a run says so itself once it can go on."""
    script = case.script()
    directives = {directive.name: directive.value for directive in script.directives}
    again = case.purpose == "grading" and case.site in ("arrhenius", "discoverer-plus", "local")

    if script.scheduler == "slurm":
        assert ("requeue" in directives, "no-requeue" in directives) == (again, not again)
        assert directives["export"] == "ALL"
    else:
        assert directives["r"] == "n"
        assert "V" not in directives


@pytest.mark.parametrize("field", ["account", "reservation", "qos", "partition"])
def test_no_hostile_string_becomes_a_directive_even_past_the_gate(site: Site, field: str, hostile: str) -> None:
    resources = resolve(parse_request({"profile": "gpu-1"}, site), site)
    job = job_for(site, resources)
    told = resources.model_copy(update={field: hostile})

    try:
        script = render(site, told, job)
    except ValueError:
        return
    assert (field, hostile) in parsed(script.text)
    assert len(parsed(script.text)) <= len(script.directives)


@pytest.mark.parametrize("field", ["name", "comment"])
def test_no_hostile_string_names_a_job(site: Site, field: str, hostile: str) -> None:
    with pytest.raises(ValueError, match=f"{field}\n"):
        local_script(site, {}, **{field: hostile})


@pytest.mark.parametrize("field", ["output", "chdir"])
def test_a_path_is_kept_in_one_piece_or_refused(site: Site, field: str, hostile: str) -> None:
    path = f"/home/student1/{hostile}"
    try:
        script = local_script(site, {}, **{field: path})
    except ValueError:
        return
    assert dict(parsed(script.text))[field] == path


def test_a_path_with_spaces_and_accents_is_fine(site: Site) -> None:
    script = local_script(site, {}, chdir="/home/josé/Meine Läufe # 1")

    assert '#SBATCH --chdir="/home/josé/Meine Läufe # 1"' in script.text.splitlines()


@given(st.lists(st.text(st.characters()), min_size=1, max_size=5))
def test_the_program_gets_exactly_the_words_it_was_given(argv: list[str]) -> None:
    site = load_site("local")
    try:
        script = local_script(site, {}, argv=tuple(argv))
    except ValueError:
        assert any("\0" in word or re.search("[\ud800-\udfff]", word) for word in argv)
        return
    command = script.text[script.text.index("\nexec ") + 1 :]
    assert shlex.split(command) == ["exec", *argv]
    assert len(parsed(script.text)) == len(script.directives)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "gpus": st.integers(-1, 9) | st.text(),
            "cpus_per_task": st.integers(-1, 12) | st.text(),
            "mem": st.integers(-1, 20000) | st.text(),
            "time": st.integers(-1, 300) | st.text(),
            "nodes": st.integers(-1, 3) | st.text(),
            "account": st.from_regex(r"[a-z0-9_.-]{1,9}") | st.text(),
            "reservation": st.from_regex(r"[a-z0-9_.-]{1,9}") | st.text(),
            "environment": st.just("onramp") | st.text(),
            "qos": st.text(),
            "safe_start": st.booleans() | st.text(),
        },
    )
)
def test_options_end_in_the_expected_directives_and_no_other(options: dict[str, object]) -> None:
    site = load_site("local")
    try:
        script = local_script(site, options)
    except RequestError:
        return
    asked = {key: str(value) for key, value in options.items() if value not in ("", None)}
    expected = {
        "job-name": "onramp-server",
        "comment": f"onramp:hub1:student1::{NONCE}",
        "partition": "gpu",
        "nodes": asked.get("nodes", "1"),
        "ntasks-per-node": "1",
        "cpus-per-task": asked.get("cpus_per_task", "2"),
        "mem": f"{asked.get('mem', '4000')}M",
        "gres": f"gpu:{int(asked.get('gpus', '1')) // int(asked.get('nodes', '1'))}",
        "time": asked.get("time", "60"),
        "output": f"/srv/onramp/spool/student1/{NONCE}.log",
        "chdir": "/home/student1",
        "no-requeue": None,
        "export": "ALL",
    }
    expected |= {key: asked[key] for key in ("account", "reservation") if key in asked}
    if expected["gres"] == "gpu:0":
        del expected["gres"]
    found = dict(parsed(script.text))
    for number in ("nodes", "cpus-per-task", "time"):
        found[number], expected[number] = str(int(found[number] or 0)), str(int(expected[number] or 0))
    found["mem"], expected["mem"] = (str(int((each or "")[:-1])) for each in (found["mem"], expected["mem"]))
    assert found == expected
    assert len(parsed(script.text)) == len(expected)


@pytest.mark.parametrize(
    ("syntax", "type_", "line"),
    [
        ("gres", None, "--gres=gpu:4"),
        ("gres", "a100", "--gres=gpu:a100:4"),
        ("gpus", None, "--gpus=8"),
        ("gpus", "h100", "--gpus=h100:8"),
        ("gpus-per-node", None, "--gpus-per-node=4"),
        ("shard", None, "--gres=shard:4"),
        ("gres", "1g.10gb", "--gres=gpu:1g.10gb:4"),
        ("gpus-per-task", "mi300a", "--gpus-per-task=mi300a:4"),
    ],
)
def test_eight_gpus_on_two_nodes_in_every_syntax(syntax: str, type_: str | None, line: str) -> None:
    site = load_site("local")
    gpus = tuple(gpu.model_copy(update={"syntax": syntax, "type": type_}) for gpu in site.gpus)
    site = site.model_copy(update={"gpus": gpus})
    resources = resolve(parse_request({"profile": "gpu-8"}, site, purpose="run"), site)

    assert f"#SBATCH {line}\n" in render(site, resources, job_for(site, resources)).text


def test_gpus_per_task_need_the_number_of_tasks() -> None:
    text = (FOLDER / "meluxina/2-nodes.sh").read_text()

    assert "#SBATCH --nodes=2\n#SBATCH --ntasks-per-node=1\n" in text
    assert "#SBATCH --ntasks=2\n#SBATCH --gpus-per-task=4\n" in text


@pytest.mark.parametrize(
    ("syntax", "lines"), [("mem", ["--mem=4000M"]), ("mem-per-gpu", ["--mem-per-gpu=2000M"]), ("none", []), (None, [])]
)
def test_memory_in_the_words_of_the_site(site: Site, syntax: str | None, lines: list[str]) -> None:
    site = site.model_copy(update={"memory": site.memory.model_copy(update={"syntax": syntax})})

    script = local_script(site, {"gpus": 2})
    assert [directive.line[8:] for directive in script.directives if "mem" in directive.name] == lines


@pytest.mark.parametrize("policy", [True, False, None], ids=str)
@pytest.mark.parametrize("idempotent", [True, False], ids=["idempotent", "once"])
def test_a_job_is_requeued_where_it_takes_no_harm_and_the_site_does_it(
    site: Site, policy: bool | None, idempotent: bool
) -> None:
    site = site.model_copy(update={"policy": site.policy.model_copy(update={"requeue": policy})})

    names = [directive.name for directive in local_script(site, {}, idempotent=idempotent).directives]
    assert ("requeue" in names) == (policy is True and idempotent)
    assert ("no-requeue" in names) != ("requeue" in names)


def test_a_job_without_a_program_is_refused(site: Site) -> None:
    with pytest.raises(ValueError, match="list of words"):
        local_script(site, {}, argv=())


@pytest.mark.parametrize("name", ["", "x", "mem=1", "Mem", "wrap\n"])
def test_the_name_of_a_directive(name: str) -> None:
    with pytest.raises(ValueError, match="name\n"):
        Sbatch(name=name, value="1")


def test_environments_run_a_program_without_the_users_shell() -> None:
    venv = Environment(name="a", kind="venv", path="/opt/a", arch="x86_64")
    image = Environment(name="b", kind="image", path="/i.sif", options=("--nv", "--bind=/data"), arch="x86_64")
    module = Environment(name="c", kind="module", modules=("profile/deeplrn", "cineca-ai/4.3.0"), arch="x86_64")

    assert venv.argv("python", "-V") == ("/opt/a/bin/python", "-V")
    assert image.argv("python") == ("singularity", "exec", "--nv", "--bind=/data", "/i.sif", "python")
    loaded = image.model_copy(update={"modules": ("singularity",)}).argv("python")
    assert loaded[5:] == ("/etc/profile", "singularity", *image.argv("python"))
    assert module.argv("python", "a b")[:4] == ("/bin/bash", "--noprofile", "--norc", "-c")
    assert module.argv("python", "a b")[5:] == ("/etc/profile", "profile/deeplrn cineca-ai/4.3.0", "python", "a b")


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({}, ["load arch/h100 pytorch/2.4"]),
        ({"purge": True}, ["purge", "load arch/h100 pytorch/2.4"]),
        ({"module_path": ("/m/one", "/m/{two}")}, ["use /m/one /m/{two}", "load arch/h100 pytorch/2.4"]),
        ({"purge": True, "module_path": ("/m",)}, ["purge", "use /m", "load arch/h100 pytorch/2.4"]),
    ],
    ids=["load", "purge", "use", "all"],
)
def test_modules_are_loaded_as_the_site_has_it(tmp_path: Path, facts: dict[str, object], said: list[str]) -> None:
    """A real bash, with the site's own definition of `module`; the program gets its words whole."""
    init = tmp_path / "init"
    init.write_text(f'module() {{ echo "$*" >>{tmp_path}/said; }}\n')
    modules = ("arch/h100", "pytorch/2.4")
    values = {"name": "a", "kind": "module", "modules": modules, "arch": "x86_64", "init": str(init), **facts}

    argv = Environment.model_validate(values).argv("printf", "%s|", "a b", "$HOME")

    assert subprocess.run(argv, capture_output=True, text=True, check=True).stdout == "a b|$HOME|"
    assert (tmp_path / "said").read_text().splitlines() == said


def test_a_module_that_cannot_be_loaded_starts_nothing(tmp_path: Path) -> None:
    init = tmp_path / "init"
    init.write_text('module() { test "$1" != use; }\n')
    one = Environment(
        name="a", kind="module", modules=("m",), module_path=("/m",), init=str(init), purge=True, arch="x86_64"
    )

    found = subprocess.run(one.argv("echo", "started"), capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (1, "")


def test_how_modules_are_loaded_is_told_where_there_are_some() -> None:
    with pytest.raises(ValueError, match="say how 'modules' are loaded, and there are none"):
        Environment(name="a", kind="venv", path="/opt/a", purge=True, arch="x86_64")


@pytest.mark.parametrize("field", ["path", "modules", "options", "name", "init", "module_path"])
def test_nothing_hostile_describes_an_environment(field: str, hostile: str) -> None:
    good: dict[str, object] = {"name": "a", "kind": "venv", "path": "/opt/a", "arch": "x86_64"}

    with pytest.raises(ValueError, match=f"{field}|valid string"):
        Environment.model_validate(good | {field: (hostile,) if field in SEVERAL else hostile})
