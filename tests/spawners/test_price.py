"""Money: what a job costs at each kind of charge, what is left, and how long that lasts."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spawners.price import (
    GPU_MINUTES,
    Price,
    Unit,
    amount,
    burn_down,
    cost_sentence,
    left_of,
    price,
    unit_of,
    written,
)
from spawners.resources import Request, Resources, fill
from spawners.scheduler import Usage
from spawners.site import load_site
from spawners.site_parts import Charge

GAP = "\N{NARROW NO-BREAK SPACE}"
GPU = "gres/gpu"


def gpu_hour(per: Any = "gpu", rate: float = 1) -> Charge:
    return Charge(unit="GPU-hour", per=per, rate=rate)


def priced(charge: Charge | None, resources: dict[str, Any] | None = None, **facts: Any) -> Price | None:
    """The price of an hour of one GPU (or of `resources`) of a node with 4 GPUs, 8 CPUs and 16 GB in four shares."""
    site = load_site("local")
    gpu = site.gpus[0].model_copy(update={"cpus_per_gpu": 2, "mem_per_gpu": 4000} | facts.pop("share", {}))
    memory = site.memory.model_copy(update={"syntax": facts.pop("memory", "mem")})
    partitions = tuple(one.model_copy(update={"charge": charge, **facts}) for one in site.partitions)
    site = site.model_copy(update={"gpus": (gpu,), "partitions": partitions, "memory": memory})
    asked: dict[str, Any] = {"partition": "gpu", "nodes": 1, "cpus_per_task": 2, "mem": 4000, "gpus": 1, "time": 60}
    rest = dict.fromkeys(("qos", "account", "reservation", "environment"))
    return price(site, Resources.model_validate(asked | rest | (resources or {})))


EIGHT = {"nodes": 2, "gpus": 8, "cpus_per_task": 8, "mem": 16000}


@pytest.mark.parametrize(
    ("charge", "resources", "facts", "units"),
    [
        pytest.param(gpu_hour(), {}, {}, 1, id="a GPU for an hour"),
        pytest.param(gpu_hour(), {"time": 90, "gpus": 2}, {}, 3, id="two for an hour and a half"),
        pytest.param(gpu_hour(rate=0.5), {}, {}, 0.5, id="half a card, charged as half a GPU"),
        pytest.param(gpu_hour(), {}, {"exclusive": "always"}, 4, id="one GPU of a whole node costs all four"),
        pytest.param(gpu_hour(), {}, {"exclusive": "multi-node"}, 1, id="on one node, as long as that is shared"),
        pytest.param(
            gpu_hour(), EIGHT | {"gpus": 2}, {"exclusive": "multi-node"}, 8, id="but on two nodes it costs both"
        ),
        pytest.param(gpu_hour("share"), {"mem": 4001}, {}, 2, id="memory of a second GPU"),
        pytest.param(gpu_hour("share"), {"cpus_per_task": 7}, {}, 4, id="CPUs of four GPUs"),
        pytest.param(gpu_hour("share"), {"gpus": 3}, {}, 3, id="more GPUs than memory"),
        pytest.param(gpu_hour("share"), EIGHT, {}, 8, id="shares of two nodes"),
        pytest.param(gpu_hour("share"), {"mem": 16000}, {"memory": "none"}, 1, id="memory that nobody asks for"),
        pytest.param(
            gpu_hour("share"), EIGHT, {"share": {"mem_per_gpu": None}}, 8, id="all GPUs, whatever their share"
        ),
        pytest.param(Charge(unit="node-hour", per="gpu", rate=0.25), {"gpus": 2}, {}, 0.5, id="half a node"),
        pytest.param(Charge(unit="core-hour", per="node", rate=288), EIGHT, {}, 576, id="a node is 288 cores"),
        pytest.param(Charge(unit="SBU", per="share", rate=128), {}, {}, 128, id="SBU"),
        pytest.param(Charge(unit="core-hour", per="cpu", rate=1), {"gpus": 0}, {}, 2, id="cores"),
        pytest.param(
            Charge(unit="core-hour", per="cpu", rate=1), {"gpus": 0}, {"least_cpus": 4}, 4, id="the smallest slice"
        ),
        pytest.param(
            Charge(unit="core-hour", per="cpu", rate=1), {}, {"exclusive": "always"}, 8, id="all cores of a node"
        ),
    ],
)
def test_what_an_hour_costs(charge: Charge, resources: dict[str, Any], facts: dict[str, Any], units: float) -> None:
    assert priced(charge, resources, **facts) == Price(units, charge.unit)


@pytest.mark.parametrize(
    ("mem", "memory", "units"),
    [(4000, "mem", 2), (4001, "mem", 3), (16000, "mem", 8), (16000, "none", 2), (16000, None, 2)],
    ids=str,
)
def test_memory_above_that_of_its_cpus_is_charged_as_further_ones(mem: int, memory: str | None, units: float) -> None:
    charge = Charge(unit="core-hour", per="cpu", rate=1, mem_per_cpu=2000)

    assert priced(charge, {"gpus": 0, "mem": mem}, memory=memory) == Price(units, "core-hour")


def test_memory_is_charged_as_what_is_charged() -> None:
    with pytest.raises(ValueError, match="'mem_per_cpu' belongs to a charge per: cpu"):
        Charge(unit="GPU-hour", per="gpu", rate=1, mem_per_cpu=2000)


@pytest.mark.parametrize("unknown", [{"mem_per_gpu": None}, {"cpus_per_gpu": None}], ids=str)
def test_a_share_that_nobody_knows_has_no_price(unknown: dict[str, None]) -> None:
    assert priced(gpu_hour("share"), share=unknown) is None


def test_memory_that_nobody_asks_for_is_no_part_of_a_share() -> None:
    assert priced(gpu_hour("share"), share={"mem_per_gpu": None}, memory="none") == Price(1, "GPU-hour")


def test_what_is_not_known_has_no_price() -> None:
    unknown_size = Charge(unit="core-hour", per="cpu", rate=1)

    assert priced(None) is None
    assert priced(unknown_size, exclusive="always", cpus_per_node=None) is None


def test_what_is_free_is_free_whatever_else_is_not_known() -> None:
    free = Charge(unit="core-hour", per="cpu", rate=0)

    cost = priced(free, exclusive="always", cpus_per_node=None)
    assert cost == Price(0, "core-hour")
    assert cost_sentence(cost, None) == "Free of charge."


@given(st.integers(1, 4), st.integers(1, 8), st.integers(1, 16000), st.integers(1, 1000))
def test_nobody_pays_less_for_more(gpus: int, cpus: int, mem: int, time: int) -> None:
    asked = {"gpus": gpus, "cpus_per_task": cpus, "mem": mem, "time": time}
    costs = [
        cost.amount
        for cost in (priced(gpu_hour("gpu"), asked), priced(gpu_hour("share"), asked), _whole(asked))
        if cost is not None
    ]
    assert len(costs) == 3
    assert costs == sorted(costs)


def _whole(asked: dict[str, Any]) -> Price | None:
    return priced(gpu_hour("share"), asked, exclusive="always")


@pytest.mark.parametrize(
    ("left", "sentence"),
    [
        (120, "Costs up to 4 GPU-hours of 120 left."),
        (None, "Costs up to 4 GPU-hours."),
        (4, "Costs up to 4 GPU-hours of 4 left."),
        (3.5, "Needs 4 GPU-hours; 3.5 are left."),
        (1, "Needs 4 GPU-hours; 1 is left."),
        (0, "Needs 4 GPU-hours; 0 are left."),
        (12345.6, f"Costs up to 4 GPU-hours of 12{GAP}346 left."),
    ],
)
def test_what_one_sees(left: float | None, sentence: str) -> None:
    assert cost_sentence(Price(4, "GPU-hour"), left) == sentence


@pytest.mark.parametrize(
    ("left", "sentence"),
    [
        (None, "Costs up to about 4 core-hours, by our reading."),
        (120, "Costs up to about 4 core-hours of 120 left, by our reading."),
        (1, "Needs about 4 core-hours, by our reading; 1 is left."),
    ],
)
def test_a_price_that_is_our_reading_is_said_to_be_one(left: float | None, sentence: str) -> None:
    assert cost_sentence(Price(4, "core-hour", reading=True), left) == sentence


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0"),
        (0.001, "less than 0.01"),
        (0.009, "less than 0.01"),
        (0.125, "0.125"),
        (1.125, "1.12"),
        (0.5, "0.5"),
        (1, "1"),
        (12.34, "12.3"),
        (99.99, "100"),
        (5940, f"5{GAP}940"),
        (1234567, f"1{GAP}234{GAP}567"),
    ],
)
def test_numbers_as_people_read_them(number: float, words: str) -> None:
    assert written(number) == words


def test_one_and_several() -> None:
    assert [amount(number, "GPU-hour") for number in (0.5, 1, 2)] == ["0.5 GPU-hours", "1 GPU-hour", "2 GPU-hours"]
    assert amount(128, "SBU") == "128 SBU"


@pytest.mark.parametrize(
    ("charge", "limits", "unit", "left"),
    [
        (None, {GPU: 6000}, GPU_MINUTES, 5940),
        (None, {"billing": 6000}, GPU_MINUTES, None),
        (gpu_hour(), {GPU: 6000}, Unit("GPU-hour", GPU, 1 / 60), 99),
        (gpu_hour(rate=0.5), {GPU: 6000}, Unit("GPU-hour", GPU, 0.5 / 60), 49.5),
        (gpu_hour(rate=0), {GPU: 6000}, GPU_MINUTES, 5940),
        (gpu_hour(), {"billing": 6000}, Unit("GPU-hour", "billing", 1 / 60), 90),
        (gpu_hour(), {"billing": 6000, GPU: 6000}, Unit("GPU-hour", GPU, 1 / 60), 99),
        (gpu_hour(), {}, Unit("GPU-hour", GPU, 1 / 60), None),
        (Charge(unit="node-hour", per="node", rate=1), {"node": 60}, Unit("node-hour", "node", 1 / 60), 0.5),
        (Charge(unit="core-hour", per="cpu", rate=1), {"cpu": 60}, Unit("core-hour", "cpu", 1 / 60), 0),
    ],
)
def test_what_is_left(charge: Charge | None, limits: dict[str, int], unit: Unit, left: float | None) -> None:
    usage = Usage(limits=limits, used={GPU: 60, "billing": 600, "node": 30, "cpu": 90})

    assert unit_of(charge, usage) == unit
    assert left_of(unit, usage) == left


TODAY = date(2026, 11, 20)


def test_how_long_a_budget_lasts() -> None:
    use = {date(2026, 11, 17): 30.0, date(2026, 11, 19): 50.0}

    down = burn_down(use, 100, TODAY)
    assert down is not None
    assert (down.per_day, down.ends) == (20, date(2026, 11, 25))


@pytest.mark.parametrize(
    ("use", "left", "ends"),
    [
        ({TODAY: 10.0}, 100, date(2026, 11, 30)),
        ({TODAY: 10.0}, 0, TODAY),
        ({TODAY: 10.0}, 9.9, TODAY),
        ({TODAY: 10.0}, 3650, date(2027, 11, 20)),
        ({TODAY: 10.0}, 3661, None),
        ({TODAY: 0.001}, 1e12, None),
    ],
)
def test_the_day_on_which_it_is_gone(use: dict[date, float], left: float, ends: date | None) -> None:
    down = burn_down(use, left, TODAY)
    assert down is not None
    assert down.ends == ends


def test_what_nobody_uses_has_no_rate() -> None:
    assert burn_down({}, 100, TODAY) is None
    assert burn_down({TODAY: 0.0}, 100, TODAY) is None


@pytest.mark.parametrize(
    ("site", "profile", "cost"),
    [
        ("jupiter", "gpu-4", Price(288, "core-hour")),
        ("karolina", "gpu-1", Price(0.125, "node-hour")),
        ("snellius", "gpu-1", Price(128, "SBU")),
        ("mn5-acc", "gpu-1", Price(20, "core-hour", reading=True)),
        ("lumi", "cpu", Price(4, "core-hour")),
        ("helios", "gpu-1", None),
        ("helios", "gpu-4", Price(4, "GPU-hour")),
        ("jean-zay", "gpu-1", Price(1, "GPU-hour")),
        ("jean-zay", "cpu", Price(0, "core-hour")),
        ("local", "gpu-1", None),
    ],
)
def test_an_hour_at_the_sites_as_they_were_read(site: str, profile: str, cost: Price | None) -> None:
    known = load_site(site)

    assert price(known, fill(Request(profile=profile, time=60), known)) == cost
