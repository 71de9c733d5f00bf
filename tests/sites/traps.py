"""A system with every trap (traps.yaml), and for each rule a request that walks into it."""

from pathlib import Path
from typing import NamedTuple

from spawners.site import Site, load_site

TRAPS = Path(__file__).with_suffix(".yaml")


class Case(NamedTuple):
    """What is asked, the whole sentence of the rule that refuses it, and the change by which the same request passes.

    `folder` is where the job would work, `attended` whether a person asks. `bare` cases are of the same system before
    anybody has listed an environment.
    """

    rule: str
    asked: dict[str, object]
    sentence: str
    works: dict[str, object]
    bare: bool = False

    def site(self) -> Site:
        """The system in which this case is refused."""
        site = load_site(TRAPS)
        return site.model_copy(update={"environments": ()}) if self.bare else site


CASES = (
    Case(
        "account-missing",
        {"profile": "compute", "account": None},
        "The Trap needs the option 'account', for example onboarding.",
        {"account": "onboarding"},
    ),
    Case(
        "account-form",
        {"profile": "suffix"},
        "Option 'account' is 'onboarding', but accounts for partition 'suffix' look like PROJECT@gpu. "
        "Try onboarding@gpu.",
        {"account": "onboarding@gpu"},
    ),
    Case(
        "qos-missing",
        {"profile": "named"},
        "Partition 'named' needs the option 'qos'. Choose from: short, long.",
        {"qos": "long"},
    ),
    Case(
        "qos-unknown",
        {"profile": "named", "qos": "medium"},
        "Option 'qos' is 'medium', which partition 'named' does not take. Choose from: short, long.",
        {"qos": "short"},
    ),
    Case(
        "qos-default",
        {"profile": "project"},
        "Without the option 'qos', The Trap takes 'nothing', which allows time up to 1 and gpus up to 0. "
        "Choose from: onboarding.",
        {"qos": "onboarding"},
    ),
    Case(
        "constraint",
        {"profile": "kinds"},
        "Partition 'kinds' needs the option 'constraint'. Choose from: a100, v100.",
        {"constraint": "v100"},
    ),
    Case(
        "arch",
        {"profile": "compute", "environment": "arm"},
        "Environment 'arm' is built for aarch64, but the nodes of partition 'compute' are x86_64. "
        "Choose from: onramp, elsewhere.",
        {"environment": "onramp"},
    ),
    Case(
        "environment-missing",
        {"profile": "compute"},
        "No environment of The Trap is known for x86_64, the processors of partition 'compute': there is no Python for "
        "a job to run. Make one in a job there and have it added to 'environments' in the site file, or choose a "
        "profile on other nodes: there is none.",
        {},
        bare=True,
    ),
    Case(
        "login-only-path",
        {"profile": "compute", "folder": "/login-only/me"},
        "Compute nodes do not see /login-only/me: /login-only is there on login nodes only. "
        "Use a folder below /home/USER/project.",
        {"folder": "/login-only-not/me"},
    ),
    Case(
        "no-internet",
        {"profile": "compute", "internet": True},
        "Compute nodes of The Trap have no internet. Fetch what the job needs in a job in partition 'transfer' first, "
        "then start it without the option 'internet'.",
        {"profile": "transfer"},
    ),
    Case(
        "login-notebook",
        {"profile": "login"},
        "The Trap forbids notebooks on login nodes, and partition 'login' is made of them. Choose a profile on compute "
        "nodes: compute, transfer, suffix, named, project, kinds, debug, gpus, whole, pairs, slices, cards.",
        {"purpose": "run"},
    ),
    Case(
        "unattended",
        {"profile": "compute", "attended": False},
        "The Trap wants a person behind every job. Submit it yourself while you are signed in, or agree with the site "
        "on an exception and have policy.unattended_submit set in its file.",
        {"attended": True},
    ),
    Case(
        "limit",
        {"profile": "debug", "qos": "debug", "time": 31},
        "Option 'time' is 31, but QoS 'debug' allows 1 to 30.",
        {"time": 30},
    ),
    Case(
        "memory-asked",
        {"profile": "compute", "mem": 600},
        "Option 'mem' is 600, but The Trap gives memory with the CPUs and refuses jobs that ask for it. "
        "Leave it out, and ask for more CPUs where you need more memory.",
        {"mem": None},
    ),
    Case(
        "gpu-missing",
        {"profile": "gpus", "gpus": 0},
        "Option 'gpus' is 0, but partition 'gpus' takes only jobs with a GPU. Ask for at least 1, or choose a profile "
        "without: compute, transfer, login, suffix, named, kinds, pairs, slices.",
        {"gpus": 1},
    ),
    Case(
        "even-nodes",
        {"profile": "debug", "qos": "normal", "nodes": 2, "gpus": 3},
        "Option 'gpus' is 3, which cannot be spread evenly over 2 nodes. "
        "Ask for 2 or 4, or for another number of nodes.",
        {"gpus": 4},
    ),
    Case(
        "whole-node",
        {"profile": "whole", "gpus": 1},
        "Option 'gpus' is 1, but partition 'whole' gives and bills whole nodes: it costs as much as 4. Ask for 4.",
        {"gpus": 4},
    ),
    Case(
        "smallest-slice",
        {"profile": "slices", "cpus_per_task": 1},
        "Option 'cpus_per_task' is 1, but partition 'slices' gives and bills at least 2 CPUs of a node: it costs as "
        "much as 2. Ask for 2.",
        {"cpus_per_task": 2},
    ),
    Case(
        "whole-card",
        {"profile": "cards", "gpus": 3},
        "3 GPUs per node leave a part of a card to somebody else: to partition 'cards' a GPU is one GCD, and 2 of them "
        "are one card. Ask for 2 or 4 per node.",
        {"gpus": 4},
    ),
    Case(
        "gpu-share",
        {"profile": "cards", "gpus": 1, "cpus_per_task": 5},
        "Option 'cpus_per_task' is 5, but 2 come with 1 GCD of a node: GPUs that nobody uses would be blocked. "
        "Ask for at most 2, or for 4 GPUs per node.",
        {"gpus": 4},
    ),
    Case(
        "tmp-in-memory",
        {"profile": "compute", "purpose": "cluster"},
        "On the nodes of The Trap /tmp is memory, and no other disk is known, so that Dask workers cannot "
        "spill to disk. Have paths.local or paths.scratch set in the site file.",
        {"purpose": "run"},
    ),
)
