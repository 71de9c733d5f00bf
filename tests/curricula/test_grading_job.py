"""What a grading job asks for, and what each notebook in it may use."""

import pytest

from curricula.grading_job import GradingJob
from spawners.request import RequestError
from spawners.site import Site, load_site


def test_a_node_that_is_given_whole_grades_as_many_as_it_has_memory_for() -> None:
    """On others a job is one processor, with the memory of the profile."""
    for name, shared in (("local", True), ("snellius", False)):
        site = load_site(name)
        job = GradingJob(site)
        resources = job.resources(minutes=5)
        many = job.slots(resources)
        assert (many == 1) is shared, name
        assert many * job.limits(resources, 5).memory_bytes <= resources.mem << 20


def test_an_assignment_that_asks_for_nothing_has_one_processor_and_no_gpu(site: Site) -> None:
    job = GradingJob(site)
    asked = job.resources(minutes=5)
    assert (asked.partition, asked.cpus_per_task, asked.gpus, asked.time) == ("cpu", 1, 0, 60)
    assert (job.gpus(asked), job.limits(asked, 5).cpu_seconds) == (0, 300)


@pytest.mark.parametrize(("profile", "cpus", "gpus"), [("cpu", 2, 0), ("gpu-1", 2, 1), ("gpu-4", 8, 4)])
def test_a_notebook_has_all_of_the_profile_that_its_assignment_asks_for(
    site: Site, profile: str, cpus: int, gpus: int
) -> None:
    job = GradingJob(site).of(profile)
    asked = job.resources(minutes=5)
    assert (asked.cpus_per_task, asked.gpus, asked.nodes) == (cpus, gpus, 1)
    assert (job.slots(asked), job.gpus(asked)) == (1, gpus)
    limits = job.limits(asked, 5)
    assert (limits.memory_bytes, limits.cpu_seconds) == (site.profile(profile).mem << 20, 300 * cpus)


def test_gpus_that_come_with_a_node_are_nobodys_who_did_not_ask(site: Site) -> None:
    """Where nodes are given whole."""
    whole = [one.model_copy(update={"exclusive": "always"}) for one in site.partitions]
    job = GradingJob(site.model_copy(update={"partitions": tuple(whole)}), "gpu-4")
    assert job.resources(minutes=5).gpus == 4
    assert job.gpus(job.resources(minutes=5)) == 0


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        ("gpu-9", "There is no profile of local called 'gpu-9'. Choose from: cpu, gpu-1, gpu-4."),
        ("gpu-8", "Profile 'gpu-8' has 2 nodes, and a notebook is graded on one: .* Choose from: cpu, gpu-1, gpu-4."),
        ("talk", "Profile 'talk' is not for grading. Choose from: cpu, gpu-1, gpu-4."),
    ],
)
def test_a_profile_that_nothing_can_be_graded_with(site: Site, profile: str, why: str) -> None:
    talk = site.profile("cpu").model_copy(update={"name": "talk", "purposes": ("server",)})
    here = site.model_copy(update={"profiles": (*site.profiles, talk)})
    with pytest.raises(RequestError, match=f"^{why}$"):
        GradingJob(here).of(profile).resources(minutes=5)


def test_more_minutes_than_the_profile_gives(site: Site) -> None:
    with pytest.raises(RequestError, match=r"Option 'time' is 242, but .* allows 1 to 240"):
        GradingJob(site).of("gpu-1").resources(minutes=240)
