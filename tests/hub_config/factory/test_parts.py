"""The long-running parts, as supervisord reads them."""

import configparser

import pytest

from hub_config.factory.parts import parts, supervisor_conf
from hub_config.factory.plan import make_plan

TOKEN = "0123456789abcdef"
NODES = {"cpu1", "cpu2", "gpu1", "gpu2"}
COURSE_TOKEN = "fedcba9876543210"


@pytest.fixture
def found():
    return {part.name: part for part in parts(make_plan(8000, 101), proxy_token=TOKEN, course_token=COURSE_TOKEN)}


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


def test_everything_listens_on_loopback_or_on_a_socket(found):
    assert "--ip 127.0.0.1" in found["proxy"].command
    assert "--api-ip 127.101.0.1" in found["proxy"].command
    assert "--skip-networking" in found["mariadb"].command
