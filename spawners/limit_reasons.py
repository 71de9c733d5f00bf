"""Slurm's reason codes for limits, which are made of parts: whose limit, of what, and how it is counted.

AssocGrpGRESMinutes is the account's limit (Assoc) for all of its jobs together (Grp) on minutes (Minutes) of GPUs
(GRES). Every combination of such parts gets its sentence here, also one that a newer Slurm makes.
"""

import re

_CODE = re.compile(
    r"(?P<whose>Assoc|QOS)?(?P<of>Grp|Max|Min)"
    r"(?P<what>Cpu|CPU|Memory|Mem|Node|GRES|License|BB|Energy|Billing|Unknown|Jobs|SubmitJobs?|Wall|WallDuration)"
    r"(?P<how>(?:Run)?(?:Minutes|Mins)?(?:Per(?:Job|Node|User|Account))?)"
    r"(?:Limit|NotSatisfied)?"
)
# How much of it a job may have: how many, and what; then what is said of less of it.
_WHAT = {
    "Cpu": ("many", "CPUs", "fewer"),
    "CPU": ("many", "CPUs", "fewer"),
    "Memory": ("much", "memory", "less"),
    "Mem": ("much", "memory", "less"),
    "Node": ("many", "nodes", "fewer"),
    "GRES": ("many", "GPUs", "fewer"),
    "License": ("many", "licences", "fewer"),
    "BB": ("much", "burst buffer", "less"),
    "Energy": ("much", "energy", "less"),
    "Billing": ("many", "billing units", "fewer"),
    "Unknown": ("much", "of something that Slurm does not name", "less"),
}
_MINUTES = {
    "GPUs": "GPU minutes",
    "CPUs": "CPU minutes",
    "nodes": "node minutes",
    "licences": "licence minutes",
    "billing units": "budget minutes",
}
_LIMITED = {
    "Assoc": ("The account's jobs", "one job of this account", "this account", "The account's"),
    "QOS": ("Jobs of its QoS", "one job of its QoS", "its QoS", "Its QoS's"),
    None: ("Jobs of its QoS", "one job of its QoS", "its QoS", "Its QoS's"),
}
_COUNTED = {
    ("Grp", "Jobs", ""): "{all} run as many at once as they may. It starts when one of them ends.",
    ("Grp", "SubmitJobs", ""): "{all} are as many in the queue as may be. It starts when some of them have ended.",
    ("Grp", "Wall", ""): "{all} have used up the time that they have together. Ask the site's support for more.",
    ("Max", "Jobs", ""): "You run as many jobs as {limit} allows. It starts when one of them ends.",
    ("Max", "Jobs", "PerUser"): "You run as many jobs as {limit} allows. It starts when one of them ends.",
    ("Max", "Jobs", "PerAccount"): "Its account runs as many jobs as {limit} allows. It starts when one of them ends.",
    ("Max", "SubmitJob", ""): "You have as many jobs in the queue as {limit} allows. It starts when some have ended.",
    ("Max", "SubmitJob", "PerUser"): "You have as many jobs in the queue as {limit} allows. "
    "It starts when some have ended.",
    ("Max", "SubmitJobs", "PerAccount"): "Its account has as many jobs in the queue as {limit} allows. "
    "It starts when some have ended.",
    ("Max", "WallDuration", "PerJob"): "It asks for more time than {one} may have. Stop it and ask for less time.",
}
_HELD = {
    ("Grp", ""): "{all} together hold as {many} {what} as they may. It starts when one of them ends.",
    ("Grp", "Minutes"): "{owner} {minutes} are used up or too few. Ask for less time, or for more {minutes}.",
    ("Grp", "RunMinutes"): "{all} that run have been promised as many {minutes} as they may have at once. "
    "It starts as they come to an end, and sooner if it asks for less time.",
    ("Max", "PerJob"): "It asks for more {what} than {one} may have. Stop it and ask for {fewer}.",
    ("Max", "PerNode"): "It asks for more {what} on a node than {one} may have there. Stop it and ask for {fewer}.",
    ("Max", "MinutesPerJob"): "It asks for more {minutes} than {one} may have. Stop it and ask for less time.",
    ("Max", "PerUser"): "Your jobs hold as {many} {what} as {limit} lets one person have. "
    "It starts when one of them ends, or if it asks for {fewer}.",
    ("Max", "PerAccount"): "The account's jobs hold as {many} {what} as {limit} lets one account have. "
    "It starts when one of them ends.",
    ("Max", "RunMinsPerUser"): "Your jobs that run have been promised as many {minutes} as {limit} lets one person "
    "have at once. It starts as they come to an end, and sooner if it asks for less time.",
    ("Max", "RunMinsPerAccount"): "The account's jobs that run have been promised as many {minutes} as {limit} lets "
    "one account have at once. It starts as they come to an end, and sooner if it asks for less time.",
    ("Min", ""): "It asks for {fewer} {what} than {limit} wants as a minimum. Stop it and ask for more.",
}


def limit_sentence(code: str) -> str | None:
    """What limit holds a job back and what helps; None where the code names no limit that is known."""
    found = _CODE.fullmatch(code)
    if not found:
        return None
    of, what, how = found["of"], found["what"], found["how"]
    everyone, one, limit, owner = _LIMITED[found["whose"]]
    many, name, fewer = _WHAT.get(what, ("many", "", "fewer"))
    form = _HELD.get((of, how)) if name else _COUNTED.get((of, what, how))
    if form is None:
        return None
    minutes = _MINUTES.get(name, f"minutes of {name.removeprefix('of ')}")
    return form.format(
        all=everyone, one=one, limit=limit, owner=owner, many=many, what=name, minutes=minutes, fewer=fewer
    )
