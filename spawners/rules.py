"""The rules of a site: each trap by name, with the sentence that refuses a request and says what would work."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from spawners import rules_place as place
from spawners import rules_size as size
from spawners.resources import Ask

__all__ = ["RULES", "Broken", "Rule", "broken_rules"]


@dataclass(frozen=True)
class Rule:
    """One trap: `name` as people cite it, `trap` what happens where nobody looks, `check` the sentences of refusal."""

    name: str
    trap: str
    check: Callable[[Ask], Iterator[str]]


@dataclass(frozen=True)
class Broken:
    """A rule that a request breaks, in a sentence that says what would work."""

    rule: str
    sentence: str


RULES: tuple[Rule, ...] = (
    Rule("account-missing", "The job is refused, or charged to a project nobody chose.", place.account_missing),
    Rule("account-form", "Each kind of node has its own account; another's is refused.", place.account_form),
    Rule("qos-missing", "The job is refused, since every job must name its QoS.", place.qos_missing),
    Rule("qos-unknown", "The job is refused, since the partition does not take this QoS.", place.qos_unknown),
    Rule("qos-default", "The QoS that a job gets unasked gives next to nothing; the job never runs.", size.qos_default),
    Rule("constraint", "Without the feature the job is refused, or runs on another kind of node.", place.constraint),
    Rule("arch", "Programs built for another processor do not start: Exec format error.", place.arch),
    Rule(
        "environment-missing",
        "The job runs whatever `python` its node has, which has none of what it needs, and ends at once.",
        place.environment_missing,
    ),
    Rule("login-only-path", "The node has no such folder: the job starts elsewhere, or dies.", place.login_only_path),
    Rule("no-internet", "The job waits for a download that cannot come, on paid time.", place.no_internet),
    Rule("login-notebook", "Notebooks on login nodes are ended, and the account may be closed.", place.login_notebook),
    Rule("unattended", "Jobs that no person submits are against the site's terms.", place.unattended),
    Rule("limit", "The job is refused, or waits for ever with a limit as the reason.", size.limit),
    Rule("memory-asked", "The job is refused, since memory comes with the CPUs.", size.memory_asked),
    Rule("gpu-missing", "The job is refused, since this partition is for GPU work.", size.gpu_missing),
    Rule("even-nodes", "The job gets fewer GPUs than were asked for, or nodes that differ.", size.even_nodes),
    Rule("whole-node", "Nodes are given and billed whole: what is not used is paid for and idle.", size.whole_node),
    Rule("smallest-slice", "A part of a node's smallest slice is billed as all of it.", size.smallest_slice),
    Rule("whole-card", "Half a card is somebody else's: its memory bus and power are shared.", size.whole_card),
    Rule("gpu-share", "More CPUs or memory than come with the GPUs block GPUs that nobody uses.", size.gpu_share),
    Rule("tmp-in-memory", "What is written to /tmp takes memory, until there is none left.", size.tmp_in_memory),
)


def broken_rules(ask: Ask) -> Sequence[Broken]:
    """Every rule of the site that a request breaks, in the order of RULES."""
    return [Broken(rule.name, sentence) for rule in RULES for sentence in rule.check(ask)]
