"""Each rule refuses what it is there for, in a sentence that says what would work; and what it names works."""

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spawners.accounts import Account
from spawners.request import Request, RequestError, resolve
from spawners.resources import Ask, Resources, fill
from spawners.rules import RULES, broken_rules
from spawners.server_job import server_job
from spawners.site import Site, load_site
from tests.sites.traps import CASES, TRAPS, Case

SITE = load_site(TRAPS)


SENTENCES = {case.rule: case.sentence for case in CASES}
each_case = pytest.mark.parametrize("case", CASES, ids=[case.rule for case in CASES])


def broken(asked: Mapping[str, object], site: Site = SITE) -> list[tuple[str, str]]:
    """Every rule that a request of these options breaks, with its sentence."""
    options: dict[str, object] = {"account": "onboarding", **asked}
    folder, attended = options.pop("folder", None), bool(options.pop("attended", True))
    request = Request.model_validate(options)
    folders = (str(folder),) if folder else ()
    ask = Ask(site=site, request=request, resources=fill(request, site), folders=folders, attended=attended)
    return [(one.rule, one.sentence) for one in broken_rules(ask)]


def test_every_rule_has_a_case() -> None:
    assert [case.rule for case in CASES] == [rule.name for rule in RULES]


@each_case
def test_a_trap_is_refused_by_its_own_rule_alone_in_one_whole_sentence(case: Case) -> None:
    assert broken(case.asked, case.site()) == [(case.rule, case.sentence)]


@each_case
def test_what_the_sentence_names_passes(case: Case) -> None:
    assert broken(case.asked | case.works) == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"profile": "compute", "account": "onboarding@gpu", "qos": "short"},
            "Option 'qos' is 'short', which partition 'compute' does not take. Choose from: none; leave it out.",
        ),
        (
            {"profile": "kinds", "constraint": "h100"},
            "Option 'constraint' is 'h100', which no node of partition 'kinds' has. Choose from: a100, v100.",
        ),
        (
            {"profile": "compute", "constraint": "a100"},
            "Option 'constraint' is 'a100', which no node of partition 'compute' has. Choose from: none; leave it out.",
        ),
        (
            {"profile": "compute", "environment": "elsewhere"},
            (
                "Compute nodes do not see /login-only/venv: /login-only is there on login nodes only. "
                "Use a folder below /home/USER/project."
            ),
        ),
        (
            {"profile": "pairs", "nodes": 2},
            (
                "Option 'cpus_per_task' is 1, but partition 'pairs' gives and bills whole nodes: it costs as "
                "much as 4. Ask for 4."
            ),
        ),
        ({"profile": "compute", "gpus": 1}, "Option 'gpus' is 1, but partition 'compute' allows none."),
        ({"profile": "compute", "nodes": 2}, "Option 'nodes' is 2, but partition 'compute' allows 1 to 1."),
        (
            {"profile": "project", "qos": "sme"},
            "Option 'qos' is 'sme', which partition 'project' does not take. Choose from: nothing, onboarding.",
        ),
        (
            {"profile": "cards", "gpus": 9, "nodes": 1},
            "Option 'gpus' is 9, but partition 'cards' allows 0 to 8.",
        ),
    ],
    ids=str,
)
def test_other_ways_into_a_trap(options: dict[str, object], sentence: str) -> None:
    assert sentence in [said for _, said in broken(options)]


def test_a_partition_without_an_environment_names_the_profiles_that_have_one() -> None:
    ((rule, sentence),) = broken({"profile": "cpu", "account": "plgexample-cpu"}, load_site("helios"))

    assert rule == "environment-missing"
    assert "known for x86_64, the processors of partition 'plgrid'" in sentence
    assert sentence.endswith("or choose a profile on other nodes: gpu-1.")


def test_a_service_that_asks_is_no_person() -> None:
    request = Request(profile="compute", account="onboarding")

    assert resolve(request, SITE)
    with pytest.raises(RequestError, match="wants a person behind every job"):
        resolve(request, SITE, attended=False)


def test_every_broken_rule_is_told_at_once_and_in_order() -> None:
    asked = {"profile": "named", "account": None, "time": 61, "environment": "arm"}

    assert [rule for rule, _ in broken(asked)] == ["account-missing", "qos-missing", "arch", "limit"]


@pytest.mark.parametrize(
    ("internet", "where"),
    [({"staging": None}, "on a login node first"), ({"staging": None, "login": False}, "elsewhere and copy it in")],
    ids=["login", "nowhere"],
)
def test_without_a_partition_for_it_data_comes_in_another_way(internet: dict[str, object], where: str) -> None:
    site = SITE.model_copy(update={"internet": SITE.internet.model_copy(update=internet)})

    ((_, sentence),) = broken({"profile": "compute", "internet": True}, site)
    assert f"Fetch what the job needs {where}, then" in sentence


def test_memory_beyond_the_share_of_the_gpus_is_refused_where_it_can_be_asked_for() -> None:
    lumi = load_site("lumi")

    assert broken({"profile": "gpu-1", "mem": 61441, "account": "project_465000001"}, lumi) == [
        (
            "gpu-share",
            (
                "Option 'mem' is 61441, but 61440 come with 1 GCD of a node: GPUs that nobody uses would be blocked. "
                "Ask for at most 61440, or for 2 GPUs per node."
            ),
        )
    ]


def test_memory_is_not_asked_for_where_nobody_read_how() -> None:
    assert broken({"profile": "gpu-4", "mem": 1000, "account": "training0000"}, load_site("jupiter")) == [
        (
            "memory-asked",
            (
                "Option 'mem' is 1000, but how jobs of JUPITER (JSC, JAIF) ask for memory is not known. "
                "Leave it out, and ask for more CPUs where you need more memory."
            ),
        )
    ]


def test_grading_is_work_that_no_person_submits() -> None:
    assert [rule for rule, _ in broken({"profile": "compute", "purpose": "grading"})] == ["unattended"]


def test_what_is_not_known_is_no_rule() -> None:
    site = load_site("local")

    assert site.internet.compute is None
    assert broken({"profile": "cpu", "internet": True, "attended": False}, site) == []


def test_a_disk_takes_what_workers_spill() -> None:
    site = SITE.model_copy(update={"paths": SITE.paths.model_copy(update={"local": "/local"})})

    assert broken({"profile": "compute", "purpose": "cluster"}, site) == []


def test_the_door_raises_every_sentence() -> None:
    request = Request(profile="named")

    with pytest.raises(RequestError) as raised:
        resolve(request, SITE)
    assert str(raised.value).splitlines() == [SENTENCES["account-missing"], SENTENCES["qos-missing"]]
    with pytest.raises(RequestError, match="Compute nodes do not see /login-only/me"):
        resolve(Request(profile="compute", account="a"), SITE, "/home/me", "/login-only/me")


@pytest.mark.parametrize("home", ["/login-only/me", "/home/me"])
def test_a_server_works_at_home_where_its_node_sees_it(home: str) -> None:
    request = Request(profile="compute", account="onboarding")
    account = Account(name="me", uid=1001, gid=1001, home=home)

    def start() -> object:
        return server_job(SITE, request, account, comment="onramp:hub:me::", environment={})

    if home == "/home/me":
        assert start()
    else:
        with pytest.raises(RequestError, match="Compute nodes do not see /login-only/me"):
            start()


values: dict[str, list[object]] = {
    "profile": [profile.name for profile in SITE.profiles],
    "purpose": ["server", "run", "cluster", "grading"],
    "account": [None, "onboarding", "onboarding@gpu"],
    "qos": [None, "short", "long", "nothing", "onboarding", "normal", "debug"],
    "constraint": [None, "a100", "v100", "h100"],
    "environment": [None, "onramp", "arm", "elsewhere"],
    "nodes": [None, 0, 1, 2, 3],
    "gpus": [None, 0, 1, 2, 3, 4, 5, 7, 8, 9, 16],
    "cpus_per_task": [None, 0, 1, 2, 4, 5, 16, 17],
    "mem": [None, 100],
    "time": [None, 0, 1, 30, 31, 60, 61],
    "internet": [False, True],
    "attended": [False, True],
}
changes = st.lists(st.sampled_from([(key, value) for key, several in values.items() for value in several]), max_size=2)
OF_THE_DOOR = frozenset(("folder", "attended"))
works = [{"account": "onboarding"} | case.asked | case.works for case in CASES if not OF_THE_DOOR & set(case.asked)]


@settings(max_examples=3000)
@given(st.sampled_from(works), changes)
def test_what_passes_the_rules_breaks_no_limit(works: dict[str, object], changed: list[tuple[str, object]]) -> None:
    options = works | dict(changed)
    attended = bool(options.pop("attended", True))
    request = Request.model_validate(options)
    ask = Ask(site=SITE, request=request, resources=fill(request, SITE), attended=attended)
    if not broken_rules(ask):
        assert attended
        _within_limits(request, ask.resources)


# What the file says, once more and by hand: partition → (nodes, CPUs and GPUs of a node, minutes).
LIMITS = {
    "compute": (1, 4, 0, 60),
    "transfer": (1, 4, 0, 60),
    "login": (1, 4, 0, 60),
    "suffix": (1, 4, 0, 60),
    "named": (1, 4, 0, 60),
    "project": (1, 4, 4, 60),
    "kinds": (1, 4, 0, 60),
    "debug": (2, 4, 4, 60),
    "gpus": (1, 4, 4, 60),
    "whole": (1, 4, 4, 60),
    "pairs": (2, 4, 0, 60),
    "slices": (1, 4, 0, 60),
    "cards": (2, 16, 8, 60),
}


# What a partition asks of a job beside that.
ALSO: dict[str, Callable[[Request, Resources], bool]] = {
    "login": lambda request, _: request.purpose != "server",
    "suffix": lambda _, asked: asked.account == "onboarding@gpu",
    "named": lambda _, asked: asked.qos in ("short", "long"),
    # Whoever takes the QoS of nothing asks for nothing.
    "project": lambda _, asked: asked.qos == asked.account or (asked.time, asked.gpus) == (1, 0),
    "kinds": lambda _, asked: asked.constraint in ("a100", "v100"),
    "debug": lambda _, asked: asked.qos in (None, "normal") or (asked.nodes <= 1 and asked.gpus <= 1),
    "gpus": lambda _, asked: asked.gpus > 0,
    "whole": lambda _, asked: asked.gpus == 4,
    "pairs": lambda _, asked: asked.nodes == 1 or asked.cpus_per_task == 4,
    "slices": lambda _, asked: asked.cpus_per_task >= 2,
    "cards": lambda _, asked: (
        asked.gpus // asked.nodes in (0, 1, 2, 4, 6, 8)
        and (not asked.gpus or asked.cpus_per_task <= 2 * asked.gpus // asked.nodes)
    ),
}


def _within_limits(request: Request, asked: Resources) -> None:
    nodes, cpus, gpus, minutes = LIMITS[asked.partition]
    assert 1 <= asked.nodes <= nodes
    assert 1 <= asked.cpus_per_task <= cpus
    assert 1 <= asked.time <= (30 if asked.qos in ("short", "debug") else minutes)
    assert asked.gpus % asked.nodes == 0
    assert asked.gpus // asked.nodes <= gpus
    assert asked.account
    assert asked.environment == SITE.environments[0]
    assert request.mem is None
    assert request.purpose not in ("grading", "cluster")
    assert not request.internet or asked.partition == "transfer"
    also = ALSO.get(asked.partition)
    assert also is None or also(request, asked)
