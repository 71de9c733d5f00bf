"""Scripts for PBS Pro, held against its documented syntax; nothing here has been read by a PBS."""

import pytest

from spawners.render import Job, Script, render
from spawners.request import parse_request, resolve
from spawners.script import RenderError
from spawners.site import Site

NONCE = "0123456789abcdef"


@pytest.fixture
def pbs(site: Site) -> Site:
    """The factory's site as if it ran PBS and gave whole nodes of four APUs."""
    partitions = tuple(
        partition.model_copy(update={"exclusive": "always", "select": ("node_type=mi300a",)})
        for partition in site.partitions
    )
    return site.model_copy(update={"scheduler": "pbs", "partitions": partitions, "resource_list": ("ws13=True",)})


def script(site: Site, options: dict[str, object] | None = None, **job: str) -> Script:
    """The script of a run on whole nodes."""
    request = parse_request({"profile": "gpu-4"} | (options or {}), site, purpose="run")
    base = {"name": "onramp-run", "comment": f"onramp:run:{NONCE}", "output": "/home/s/run.log", "chdir": "/"}
    return render(site, resolve(request, site), Job.model_validate(base | job | {"argv": ("python", "it's")}))


def lines(script: Script) -> list[str]:
    """The directives, and only those: PBS stops at the first command."""
    head = script.text.split("\n\n")[0].splitlines()[1:]
    assert all(line.startswith("#PBS -") for line in head)
    return [line.removeprefix("#PBS ") for line in head]


def test_a_whole_script(pbs: Site) -> None:
    assert script(pbs, {"account": "onboarding", "time": 90}).text == (
        "#!/bin/sh\n"
        "#PBS -N onramp-run\n"
        f"#PBS -v ONRAMP_COMMENT=onramp:run:{NONCE}\n"
        "#PBS -q gpu\n"
        "#PBS -W group_list=onboarding\n"
        "#PBS -l select=1:node_type=mi300a:mpiprocs=1\n"
        "#PBS -l walltime=01:30:00\n"
        "#PBS -l ws13=True\n"
        "#PBS -S /bin/sh\n"
        "#PBS -o /home/s/run.log\n"
        "#PBS -j oe\n"
        "#PBS -r n\n"
        "\n"
        "cd / || exit\n"
        "umask 077\n"
        "export PATH=/usr/local/bin:/usr/bin:/bin\n"
        "exec python 'it'\"'\"'s'\n"
    )


def test_on_several_nodes_one_process_on_each(pbs: Site) -> None:
    told = script(pbs, {"profile": "gpu-8"})

    assert "-l select=2:node_type=mi300a:mpiprocs=1" in lines(told)
    launch = """'. /etc/profile; exec "$0" "$@"' mpiexec -n 2 --ppn 1 --cpu-bind none python """
    assert f"\nexec /bin/bash --noprofile --norc -c {launch}" in told.text


def test_a_day_and_more(pbs: Site) -> None:
    partitions = tuple(one.model_copy(update={"max_time": 6000}) for one in pbs.partitions)
    profiles = tuple(one.model_copy(update={"max_time": 6000}) for one in pbs.profiles)
    longer = pbs.model_copy(update={"partitions": partitions, "profiles": profiles})

    assert "-l walltime=99:59:00" in lines(script(longer, {"time": 5999}))


def test_a_reservation_is_a_queue(pbs: Site) -> None:
    told = lines(script(pbs, {"reservation": "R123"}))

    assert "-q R123" in told
    assert "-q gpu" not in told


def test_a_queue_that_pbs_routes_to_is_not_named(pbs: Site) -> None:
    partitions = tuple(one.model_copy(update={"routed": True}) for one in pbs.partitions)
    routed = pbs.model_copy(update={"partitions": partitions})

    assert not [line for line in lines(script(routed)) if line.startswith("-q")]
    assert "-q R123" in lines(script(routed, {"reservation": "R123"}))


def test_without_an_account_the_persons_own_group_pays(pbs: Site) -> None:
    assert not [line for line in lines(script(pbs)) if line.startswith("-W")]


def test_a_file_named_after_the_job_is_left_to_pbs(pbs: Site) -> None:
    assert "-o /home/s/.onramp/" in lines(script(pbs, output="/home/s/.onramp/cluster-abc-%j.log"))


def test_the_folder_may_have_any_name_but_output_goes_to_a_plain_one(pbs: Site) -> None:
    assert "\ncd '/home/s/Meine Läufe; id' || exit\n" in script(pbs, chdir="/home/s/Meine Läufe; id").text
    with pytest.raises(ValueError, match="it takes one plain word"):
        script(pbs, output="/home/s/First try.log")


def test_part_of_a_node_cannot_be_asked_for(pbs: Site, site: Site) -> None:
    shared = pbs.model_copy(update={"partitions": site.partitions})

    with pytest.raises(RenderError, match="does not give whole nodes"):
        script(shared)


@pytest.mark.parametrize("option", ["qos", "constraint"])
def test_what_pbs_does_not_know(pbs: Site, option: str) -> None:
    request = parse_request({"profile": "gpu-4"}, pbs, purpose="run")
    resources = resolve(request, pbs).model_copy(update={option: "high"})
    job = Job(name="onramp-run", comment="onramp:x", output="/x", chdir="/", argv=("true",))

    with pytest.raises(RenderError, match=f"PBS knows no '{option}', so 'high' cannot be asked for"):
        render(pbs, resources, job)


@pytest.mark.parametrize("field", ["account", "reservation", "partition"])
def test_no_hostile_string_becomes_a_directive(pbs: Site, field: str, hostile: str) -> None:
    resources = resolve(parse_request({"profile": "gpu-4"}, pbs, purpose="run"), pbs)
    job = Job(name="onramp-run", comment="onramp:x", output="/x", chdir="/", argv=("true",))
    expected = len(render(pbs, resources.model_copy(update={"account": "a"}), job).directives)

    try:
        told = render(pbs, resources.model_copy(update={"account": "a", field: hostile}), job)
    except ValueError:
        return
    assert len(lines(told)) == expected
