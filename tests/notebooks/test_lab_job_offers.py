"""What the dialog for jobs offers, with price and start, and what is understood of what it asks for."""

import pytest

from notebooks.lab_job_offers import Known, environments, limits, request
from spawners.run_fit import span
from spawners.run_record import RunError
from spawners.scheduler import Usage
from spawners.site import Site, load_site, site_names


def test_the_environments_are_the_profiles_for_one_node(site: Site) -> None:
    offered = environments(site, Known())
    assert [one.name for one in offered] == ["CPU notebook (cpu)", "One GPU (gpu-1)", "A whole GPU node (gpu-4)"]
    assert all(one.label == one.name for one in offered)  # the dialog takes one for the other
    assert offered[1].default_compute_type == "Time limit 1 h · uses up to 60 GPU minutes"
    assert all(one.default_compute_type in one.compute_types for one in offered)


def test_each_says_when_it_starts_and_each_time_limit_what_it_costs_of_what_is_left(site: Site) -> None:
    usage = Usage(limits={"gres/gpu": 100}, used={"gres/gpu": 41})
    starts = {"gpu-1": "It starts within about 2 hours.", "gpu-4": "Slurm would not take it: Invalid qos."}
    cpu, gpu, whole = environments(site, Known(starts, usage))
    assert [cpu.name, gpu.name, whole.name] == [
        "CPU notebook (cpu)",
        "One GPU (gpu-1) · starts within about 2 hours",
        "A whole GPU node (gpu-4) · Slurm would not take it: Invalid qos",
    ]
    assert gpu.compute_types[:2] == [
        "Time limit 5 min · uses up to 5 of 59 GPU minutes left",
        "Time limit 15 min · uses up to 15 of 59 GPU minutes left",
    ]
    assert gpu.default_compute_type == "Time limit 1 h · needs 60 GPU minutes; 59 are left"
    assert cpu.compute_types[0] == "Time limit 5 min · uses no GPU minutes"


@pytest.mark.parametrize("name", site_names())
def test_every_site_has_its_dialog_and_what_is_shown_is_understood(name: str) -> None:
    """Whatever a name says beside what it names: it is what was known when the dialog was opened."""
    site = load_site(name)
    for one in environments(site, Known(dict.fromkeys((p.name for p in site.profiles), "It starts at once."))):
        for shown in one.compute_types:
            asked = request(one.name, shown, site)
            assert str(asked["profile"]) in one.name
            assert shown.startswith(f"Time limit {span(60 * int(str(asked['time'])))}")


def test_no_more_time_is_offered_than_a_profile_allows(site: Site) -> None:
    for profile in site.profiles:
        assert max(limits(profile).values()) <= profile.max_time
        assert profile.time in limits(profile).values()


def test_what_is_asked_for(site: Site) -> None:
    assert request("One GPU (gpu-1)", "Time limit 5 min", site) == {"profile": "gpu-1", "time": 5}
    told = ("One GPU (gpu-1) · starts at once", "Time limit 5 min · uses up to 5 of 9 GPU minutes left")
    assert request(*told, site) == {"profile": "gpu-1", "time": 5}
    assert request("One GPU (gpu-1)", None, site) == {"profile": "gpu-1", "time": None}
    assert request("gpu-99", "Time limit 5 min", site) == {"profile": "gpu-99"}  # the gate lists the choices
    with pytest.raises(RunError, match=r"is 'for ever'\. With One GPU \(gpu-1\), choose from: Time limit 5 min, "):
        request("One GPU (gpu-1)", "for ever", site)
