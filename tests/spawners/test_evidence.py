"""Evidence: facts are sorted by how well they are known, and every gap is told."""

import pytest

from spawners.evidence import evidence, unknowns
from spawners.site import Site, load_site, site_names
from spawners.site_parts import Fact, Internet, Source
from spawners.site_tables import UNKNOWN, site_tables

SOURCES = {
    "docs": Source(kind="official", ref="docs.example.eu"),
    "notes": Source(kind="user", ref="unpublished"),
}


@pytest.fixture
def site() -> Site:
    """A site of which four facts are known, each to another degree."""
    facts = {
        "scheduler": Fact(confidence="seen", source=("docs", "notes")),
        "internet": Fact(confidence="mixed", source=("notes",)),
        "profiles": Fact(confidence="inferred", source=("docs",)),
        "policy": Fact(confidence="unknown"),
    }
    return load_site("local").model_copy(update={"facts": facts, "sources": SOURCES})


def test_facts_are_sorted_by_their_best_source(site: Site) -> None:
    found = evidence(site)

    assert (found.strong, found.weak) == (("scheduler",), ("internet",))
    assert (found.guessed, found.unknown) == (("profiles",), ("policy",))
    assert found.counts == "1/1/1/1"


def test_a_fact_that_is_unknown_is_told_once_and_not_again_as_a_gap(site: Site) -> None:
    unanswered = site.model_copy(update={"policy": site.policy.model_copy(update={"unattended_submit": None})})

    assert [what for what in unknowns(unanswered) if "submit" in what or what == "policy"] == ["policy"]


def test_an_open_question_in_a_fact_that_is_known_in_part_is_a_gap(site: Site) -> None:
    assert "internet on compute nodes" in unknowns(site)
    assert "internet on compute nodes" not in unknowns(site.model_copy(update={"internet": Internet(compute=False)}))


def test_a_gap_of_some_partitions_names_them(site: Site) -> None:
    first = site.partitions[0].model_copy(update={"max_time": None})
    some = site.model_copy(update={"partitions": (first, *site.partitions[1:])})
    none = site.model_copy(update={"partitions": (first,)})

    assert f"time limit of {first.name}" in unknowns(some)
    assert "time limit" in unknowns(none)


def test_a_limit_that_only_some_qos_lack_is_theirs_alone() -> None:
    told = [what for what in unknowns(load_site("musica")) if what.startswith("time limit")]

    assert told == ["time limit of QoS idle_zen4_0768, idle_zen4_0768_h100x4"]
    assert "time limit of QoS zen3_0512_a100x2_training" in unknowns(load_site("vsc5"))
    assert "time limit of gpp" in unknowns(load_site("mn5-acc"))


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("leonardo", "notebooks on login nodes"),
        ("leonardo", "what becomes of preempted jobs"),
        ("leonardo", "processor of login nodes"),
        ("helios", "internet on login nodes"),
        ("snellius", "sign-in"),
        ("karolina", "whether nodes are given whole of qgpu_exp, qgpu_preempt"),
        ("meluxina", "memory of a node of cpu"),
        ("helios", "memory of a node"),
    ],
)
def test_what_was_looked_for_and_not_read_is_a_gap(name: str, what: str) -> None:
    assert what in unknowns(load_site(name))


@pytest.mark.parametrize("name", [name for name in site_names() if name != "local"])
def test_what_the_tables_call_not_known_is_among_the_gaps(name: str) -> None:
    """The page of a site says "not known" in its cells; the list of what is not known has them all."""
    site = load_site(name)
    system = {row[0] for row in site_tables(site)[0].rows if UNKNOWN in row[1]}
    gaps = "; ".join(unknowns(site))

    for what, words in {
        "sign-in": ("sign-in",),
        "interface": ("interface",),
        "memory": ("memory",),
        "processors": ("processor of login nodes",),
        "internet": ("internet",),
        "jobs nobody submits": ("policy", "unattended submit"),
        "preempted jobs": ("policy", "what becomes of preempted jobs"),
        "notebooks on login nodes": ("policy", "notebooks on login nodes"),
    }.items():
        assert what not in system or any(word in gaps for word in words), what


def test_processors_for_which_no_environment_is_known_are_a_gap() -> None:
    assert "an environment for jobs" in unknowns(load_site("vsc5"))
    assert "an environment for jobs of plgrid, plgrid-long" in unknowns(load_site("helios"))
    assert not any("environment" in what for what in unknowns(load_site("leonardo")))


@pytest.mark.parametrize("name", [name for name in site_names() if name != "local"])
def test_every_fact_of_every_site_is_counted_once(name: str) -> None:
    site, found = load_site(name), evidence(load_site(name))

    keys = (*found.strong, *found.weak, *found.guessed, *found.unknown)
    assert sorted(keys) == sorted(site.facts)
