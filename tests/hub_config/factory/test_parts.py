"""The long-running parts, as supervisord reads them."""

import configparser
import shlex

import pytest

from hub_config.factory.parts import parts, supervisor_conf
from hub_config.factory.plan import make_plan
from hub_config.factory.site_slurm import cluster
from spawners.site import load_site
from tests.sites.traps import TRAPS

PLAN = make_plan(8000, 101, cluster(load_site("local"), "local"))
TOKEN = "0123456789abcdef"
NODES = {"cpu1", "cpu2", "gpu1", "gpu2"}
COURSE_TOKEN = "fedcba9876543210"


@pytest.fixture
def found():
    return {part.name: part for part in parts(PLAN, proxy_token=TOKEN, course_token=COURSE_TOKEN)}


@pytest.fixture
def conf(found):
    parser = configparser.RawConfigParser()
    parser.read_string(supervisor_conf(found.values()))
    return parser


def test_every_part_is_a_program_and_boot_alone_starts_by_itself(found, conf):
    programs = {name.removeprefix("program:") for name in conf.sections() if name.startswith("program:")}

    assert programs == {*found, "boot"}
    assert {name for name in programs if conf.getboolean(f"program:{name}", "autostart")} == {"boot"}


def test_only_what_must_be_root_is_root(found):
    assert {name for name, part in found.items() if part.user == "root"} == NODES | {"launcher", "grade-launcher"}
    assert found["hub"].user == found["proxy"].user == "onramp-hub"
    assert found["course"].user == "onramp-course"


def test_no_command_line_holds_a_token(found):
    assert not any(token in part.command for part in found.values() for token in (TOKEN, COURSE_TOKEN))
    assert found["hub"].environment["CONFIGPROXY_AUTH_TOKEN"] == TOKEN
    assert found["hub"].environment["ONRAMP_COURSE_TOKEN"] == COURSE_TOKEN
    assert found["course"].environment["JUPYTERHUB_API_TOKEN"] == COURSE_TOKEN


def test_a_node_is_told_which_gpus_are_its_own():
    plan = make_plan(8000, 101, cluster(load_site("local"), "local", ["/dev/nvidia0"]))
    command = {
        part.name: shlex.split(part.command) for part in parts(plan, proxy_token=TOKEN, course_token=COURSE_TOKEN)
    }
    script = command["cpu1"].index("cpu1")

    gpus = "/dev/nvidia0,/dev/onramp/gpu1/1,/dev/onramp/gpu1/2,/dev/onramp/gpu1/3"
    assert command["cpu1"][script:] == ["cpu1"]
    assert command["gpu1"][script:] == ["gpu1", "--gpus", gpus]


def test_everything_listens_on_loopback_or_on_a_socket(found):
    assert "--ip 127.0.0.1" in found["proxy"].command
    assert "--api-ip 127.101.0.1" in found["proxy"].command
    assert "--skip-networking" in found["mariadb"].command


def test_a_node_hides_from_jobs_what_its_site_hides():
    plan = make_plan(8000, 101, cluster(load_site(TRAPS), "traps"))
    commands = {part.name: part.command for part in parts(plan, proxy_token=TOKEN, course_token=COURSE_TOKEN)}

    assert commands["compute1"].endswith("node.sh compute1 --tmp 8 --no-internet --hide /login-only")
    assert commands["transfer1"].endswith("node.sh transfer1 --tmp 8 --hide /login-only")
