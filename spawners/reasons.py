"""Why a job waits, in plain sentences; where there is none, Slurm's own word is quoted."""

from spawners.ending import ending
from spawners.limit_reasons import limit_sentence
from spawners.scheduler import JobState

WAITS = {
    "None": "Slurm has not looked at the job yet; this takes a few seconds.",
    "Priority": "Other jobs are ahead in the queue. It starts when its turn comes.",
    "Resources": "It starts when enough of the partition is free.",
    "Dependency": "It waits for another job to end.",
    "DependencyNeverSatisfied": "It waits for a job that failed and never starts. Stop it and start again.",
    "BeginTime": "It was asked to start later.",
    "DeadLine": "It cannot end before its deadline any more. Stop it and start again.",
    "Licenses": "It waits for a licence that is in use.",
    "Prolog": "Its node is being prepared.",
    "Cleaning": "What it left behind when it ran before is being cleaned up. It starts after that.",
    "SchedDefer": "It was asked to start at once, and could not. Stop it and start again.",
    "FedJobLock": "The site's clusters are deciding which of them takes it.",
    "MpiPortsBusy": "The network ports that it needs on a node are in use. It starts when they are free.",
    "JobArrayTaskLimit": "As many tasks of its array run as may run at once.",
    # Who may use what.
    "InvalidAccount": "Its account may not run here. Choose another account.",
    "InvalidQOS": "Its QoS may not be used by this account. Choose another QoS.",
    "AccountNotAllowed": "Its account may not use this partition. Choose another profile or account.",
    "QOSNotAllowed": "Its QoS may not be used in this partition. Choose another profile or QoS.",
    "AccountingPolicy": "A rule of the site's accounting holds it back. Ask the site's support which one.",
    # Reservations.
    "Reservation": "It waits for its reservation to begin.",
    "ReservationDeleted": "Its reservation no longer exists. Stop it and start again without one.",
    "ReservationInvalid": "Its reservation cannot be used by it. Stop it and start again without one.",
    # Held.
    "JobHeldUser": "It is held by its owner. Release it with: scontrol release {job_id}.",
    "JobHeldAdmin": "It is held by an administrator. Ask the site's support.",
    "JobHoldMaxRequeue": "It was started again too often and is held. Stop it and start again.",
    "launch failed requeued held": "It could not be launched and is held. Stop it and start again.",
    # The partition.
    "PartitionTimeLimit": "It asks for more time than its partition allows. Stop it and ask for less time.",
    "PartitionNodeLimit": "It asks for more nodes than its partition allows, or its nodes are down. "
    "If it goes on, stop it and ask for fewer.",
    "PartitionDown": "Its partition takes no jobs at the moment. It starts when the partition is up again.",
    "PartitionInactive": "Its partition starts no jobs at the moment. It starts when the partition is active again.",
    "PartitionConfig": "Its partition does not allow what it asks for. Stop it and choose another profile.",
    "MaxMemPerLimit": "It asks for more memory than its partition allows. Stop it and ask for less.",
    # Nodes.
    "NodeDown": "A node that it needs is down. It starts when the node is back.",
    "FrontEndDown": "The machine that starts jobs is down. It starts when that is back.",
    "PowerNotAvail": "There is not enough electric power for it at the moment. It starts when there is.",
    "PowerReserved": "The electric power that it needs is reserved. It starts when it is free.",
    "MaxPoweredUpNodes": "As many nodes are switched on as may be. It starts when one of them is free.",
    "BadConstraints": "No node can ever fulfil what it asks for. Stop it and choose another profile.",
    "Constraints": "No node has the features that it asks for at the moment. Choose another profile if it goes on.",
    "BlockMaxError": "The block of nodes that it needs has too many errors. Ask the site's support.",
    "BlockFreeAction": "The block of nodes that it needs is being freed. It starts after that.",
    "BurstBufferResources": "The burst buffer that it needs is in use. It starts when there is room.",
    "BurstBufferStageIn": "Its files are being copied to the burst buffer. It starts after that.",
    "BurstBufferOperation": "The burst buffer could not be set up for it. Ask the site's support.",
    # What ended it the last time, where Slurm put it back into the queue.
    "SystemFailure": "It waits after a failure of the system. It starts when Slurm tries again.",
    "JobLaunchFailure": "It could not be launched the last time. It starts when Slurm tries again.",
    "NonZeroExitCode": "Its program ended with an error the last time. It starts when Slurm tries again.",
    "RaisedSignal": "Its program was ended by a signal the last time. It starts when Slurm tries again.",
    "OutOfMemory": "It ran out of memory the last time. Stop it and choose a larger profile.",
    "TimeLimit": "Its time was up the last time. It starts when Slurm tries again.",
    "InactiveLimit": "It did nothing for too long the last time. It starts when Slurm tries again.",
    # Limits that older versions of Slurm, and some sites' own rules, do not take apart.
    "AssociationJobLimit": "The account runs as many jobs as it may. It starts when one of them ends.",
    "AssociationResourceLimit": "The account uses as much as it may. It starts when one of its jobs ends.",
    "AssociationTimeLimit": "The account's time is used up. Ask for less time, or for more of it.",
    "QOSJobLimit": "As many jobs of its QoS run as may run at once. It starts when one of them ends.",
    "QOSResourceLimit": "Jobs of its QoS use as much as they may. It starts when one of them ends.",
    "QOSTimeLimit": "The time of its QoS is used up. Ask for less time, or choose another QoS.",
    "QOSUsageThreshold": "The account has used too much lately for its QoS. Choose another QoS.",
}
# By how the reason starts, where Slurm adds names of nodes to it; the first that fits counts.
WAITS_BY_START = (
    (
        "ReqNodeNotAvail",
        "A node that it needs is down or reserved, often for maintenance. It starts when the node is back.",
    ),
    (
        "Nodes required for job are",
        "The nodes that it needs are down or reserved. It starts when one is back.",
    ),
)


def explain(job: JobState) -> str:
    """One plain sentence or two: why the job waits, that it runs, or how it ended and what to do."""
    if job.ended:
        return ending(job).text
    if job.waiting:
        return _wait(job)
    if job.paused:
        return "It is paused by the scheduler and continues by itself."
    return f"It is in Slurm's state {job.state} on {job.node or 'its node'}."


def _wait(job: JobState) -> str:
    """Why it has not started."""
    reason = (job.reason or "None").strip("()")
    if reason in WAITS:
        return WAITS[reason].format(job_id=job.job_id)
    by_start = (sentence for start, sentence in WAITS_BY_START if reason.startswith(start))
    if sentence := limit_sentence(reason) or next(by_start, None):
        return f"{sentence} (Slurm says: {reason})"
    return f"It waits. Slurm gives the reason: {reason}."
