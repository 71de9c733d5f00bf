"""Why a job waits, and how it ended, in plain sentences; where there is none, Slurm's own word is quoted."""

from spawners.scheduler import JobState

WAITS = {
    "None": "Slurm has not looked at the job yet; this takes a few seconds.",
    "Priority": "Other jobs are ahead in the queue. It starts when its turn comes.",
    "Resources": "It is next: it starts when enough of the partition is free.",
    "Dependency": "It waits for another job to end.",
    "DependencyNeverSatisfied": "It waits for a job that failed and never starts. Stop it and start again.",
    "BeginTime": "It was asked to start later.",
    "Reservation": "It waits for its reservation to begin.",
    "ReservationDeleted": "Its reservation no longer exists. Stop it and start again without one.",
    "InvalidAccount": "Its account may not run here. Choose another account.",
    "InvalidQOS": "Its QoS may not be used by this account. Choose another QoS.",
    "AccountNotAllowed": "Its account may not use this partition. Choose another profile or account.",
    "QOSNotAllowed": "Its QoS may not be used in this partition. Choose another profile or QoS.",
    "JobHeldUser": "It is held by its owner. Release it with: scontrol release {job_id}.",
    "JobHeldAdmin": "It is held by an administrator. Ask the site's support.",
    "PartitionTimeLimit": "It asks for more time than its partition allows. Stop it and ask for less time.",
    "PartitionNodeLimit": "It asks for more nodes than its partition allows. Stop it and ask for fewer.",
    "PartitionDown": "Its partition is closed at the moment. It starts when the partition opens again.",
    "PartitionInactive": "Its partition is closed at the moment. It starts when the partition opens again.",
    "NodeDown": "A node that it needs is down. It starts when the node is back.",
    "BadConstraints": "No node can ever fulfil what it asks for. Stop it and choose another profile.",
    "Licenses": "It waits for a licence that is in use.",
    "Prolog": "Its node is being prepared.",
    "launch failed requeued held": "It could not be launched and is held. Stop it and start again.",
    "JobArrayTaskLimit": "As many tasks of its array run as may run at once.",
    "MaxJobsPerAccount": "Its account runs as many jobs as it may. It starts when one of them ends.",
}
# By how the reason starts, for families of codes; the first that fits counts.
WAITS_BY_START = (
    (
        "ReqNodeNotAvail",
        "A node that it needs is down or reserved, often for maintenance. It starts when the node is back.",
    ),
    (
        "Nodes required for job are",
        "The nodes that it needs are down or reserved. It starts when one is back.",
    ),
    (
        "AssocGrpGRESMinutes",
        "The account's GPU minutes are used up or too few. Ask for less time, or for more GPU minutes.",
    ),
    (
        "AssocGrpCPUMinutes",
        "The account's CPU minutes are used up or too few. Ask for less time, or for more CPU minutes.",
    ),
    ("AssocGrpBilling", "The account's budget is used up, or does not suffice for the time asked for."),
    (
        "AssocGrpGRES",
        "The account's jobs together hold as many GPUs as they may. It starts when one of them ends.",
    ),
    ("AssocMaxJobs", "You run as many jobs as you may. It starts when one of them ends."),
    (
        "AssocMaxGRES",
        "It asks for more GPUs than one job of this account may have. Stop it and ask for fewer.",
    ),
    ("AssocMaxWall", "It asks for more time than this account allows. Stop it and ask for less time."),
    ("AssocGrp", "The account's jobs together use as much as they may. It starts when one of them ends."),
    ("AssocMax", "It asks for more than this account allows. Stop it and ask for less."),
    ("QOSMaxWall", "It asks for more time than its QoS allows. Stop it and ask for less time."),
    ("QOSMaxJobsPerUser", "You run as many jobs as its QoS allows. It starts when one of them ends."),
    (
        "QOSMax",
        "It needs more than its QoS lets one person have. It starts when your other jobs end, or ask for less.",
    ),
    ("QOSMin", "It asks for less than its QoS wants as a minimum. Stop it and ask for more."),
    ("QOSGrp", "Jobs of its QoS together use as much as they may. It starts when one of them ends."),
    ("QOS", "A limit of its QoS holds it back."),
)
ENDS = {
    "COMPLETED": "It ended as it should.",
    "TIMEOUT": "Its time was up. Start again, and ask for more time if you need it.",
    "OUT_OF_MEMORY": "It needed more memory than it had. Start again with a larger profile.",
    "NODE_FAIL": "Its node failed; this was not your fault. Start again.",
    "BOOT_FAIL": "Its node did not start; this was not your fault. Start again.",
    "PREEMPTED": "It made room for a more urgent job. Start again.",
    "DEADLINE": "It could not have ended before its deadline, so it was removed.",
    "REVOKED": "It was moved to another cluster.",
}


def explain(job: JobState) -> str:
    """One plain sentence or two: why the job waits, that it runs, or how it ended and what to do."""
    if job.ended:
        return _end(job)
    if job.waiting:
        return _wait(job)
    if job.state in {"SUSPENDED", "STOPPED"}:
        return "It is paused by the scheduler and continues by itself."
    return f"It is in Slurm's state {job.state} on {job.node or 'its node'}."


def _wait(job: JobState) -> str:
    """Why it has not started."""
    reason = (job.reason or "None").strip("()")
    if reason in WAITS:
        return WAITS[reason].format(job_id=job.job_id)
    for start, sentence in WAITS_BY_START:
        if reason.startswith(start):
            return f"{sentence} (Slurm says: {reason})"
    return f"It waits. Slurm gives the reason: {reason}."


def _end(job: JobState) -> str:
    """How it ended, and what to do."""
    if job.state == "CANCELLED":
        by = (job.reason or "").removeprefix("by ")
        return f"It was cancelled by the user with uid {by}." if by.isdecimal() else "It was cancelled."
    if job.state == "FAILED":
        return _failure(job)
    return ENDS.get(job.state, f"It ended; Slurm calls it {job.state}.")


def _failure(job: JobState) -> str:
    """FAILED, with what the exit code tells."""
    code, _, signal = (job.exit_code or "").partition(":")
    if job.reason == "JobLaunchFailure" and signal == "9":
        return "Slurm ended it while it ran, most often for lack of memory. The job's log says more."
    if signal and signal != "0":
        return f"Its program was ended by signal {signal}. The job's log says more."
    if code and code != "0":
        return f"Its program ended with exit code {code}. The job's log says more."
    if job.reason == "NonZeroExitCode":
        return "Its program ended with an error. The job's log says more."
    return f"It failed. Slurm gives the reason: {job.reason or 'none'}. The job's log says more."
