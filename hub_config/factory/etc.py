"""The factory's own /etc, as text: accounts, hosts and Slurm's three files. Pure."""

import json
from collections.abc import Iterable
from pathlib import Path

from hub_config.factory.homes import REPOSITORY
from hub_config.factory.plan import LEARNERS, PEOPLE, Plan

_JOB_SUBMIT = Path(__file__).with_name("job_submit.lua")


def passwd(plan: Plan, host_lines: Iterable[str]) -> str:
    """Return passwd: the host's system accounts, so that package files have owners, and the factory's own."""
    lines = [*_system_lines(host_lines, plan)]
    for name, uid in plan.uids.items():
        home, shell = (f"/home/{name}", "/bin/bash") if name in PEOPLE else ("/nonexistent", "/usr/sbin/nologin")
        lines.append(f"{name}:x:{uid}:{uid}:{name}:{home}:{shell}")
    return _text(lines)


def group(plan: Plan, host_lines: Iterable[str]) -> str:
    """Return group: one per account, and `learners` for everybody who may be acted for by the launcher."""
    lines = [*_system_lines(host_lines, plan)]
    lines += [f"{name}:x:{uid}:" for name, uid in plan.uids.items()]
    lines.append(f"{LEARNERS}:x:{plan.first_uid + len(plan.uids)}:{','.join(PEOPLE)}")
    return _text(lines)


def hosts(plan: Plan) -> str:
    """Return hosts: every node name resolves, or the hub could not reach the server it started."""
    names = " ".join(node.name for node in plan.nodes)
    return _text(["127.0.0.1 localhost", f"127.0.0.1 onramp {names}"])


def gitconfig() -> str:
    """Return gitconfig: people may clone the tutorials, whose repository is root's."""
    return _text(["[safe]", f"\tdirectory = {REPOSITORY}"])


def slurm_conf(plan: Plan) -> str:
    """Return slurm.conf.

    config_overrides lets a node claim more than the machine has; NoInAddrAny keeps every daemon on loopback;
    AccountingStoreFlags names the comment alone, so that neither environment nor script reaches slurmdbd.
    Without cgroups, OverMemoryKill is how Slurm ends what needs more memory than its job has, within ten seconds.
    A job of the QoS that preempts takes nodes from others: those that may be requeued are, the rest is ended.
    Without decay, GPU minutes are a budget that is used up, and it is reckoned every minute. What is over a limit is
    refused at once, as most sites do.
    """
    lines = [
        "ClusterName=onramp",
        "SlurmctldHost=onramp(127.0.0.1)",
        f"SlurmctldPort={plan.slurm_port('slurmctld')}",
        "SlurmUser=slurm",
        "AuthType=auth/munge",
        "CommunicationParameters=NoInAddrAny,NoCtldInAddrAny",
        "ProctrackType=proctrack/linuxproc",
        "TaskPlugin=task/none",
        "MpiDefault=none",
        "SelectType=select/cons_tres",
        "SelectTypeParameters=CR_Core_Memory",
        "SchedulerParameters=bf_interval=10",
        "GresTypes=gpu",
        "JobAcctGatherType=jobacct_gather/linux",
        "JobAcctGatherFrequency=10",
        "JobAcctGatherParams=UsePss,OverMemoryKill",
        "JobRequeue=0",
        "PreemptType=preempt/qos",
        "PreemptMode=REQUEUE",
        "KillWait=5",
        "PriorityType=priority/multifactor",
        "PriorityDecayHalfLife=0",
        "PriorityUsageResetPeriod=NONE",
        "PriorityCalcPeriod=1",
        "PropagateResourceLimits=NONE",
        "ReturnToService=2",
        "SlurmdParameters=config_overrides",
        "StateSaveLocation=/var/spool/slurmctld",
        "SlurmctldPidFile=/run/slurmctld.pid",
        "SlurmdSpoolDir=/var/spool/slurmd.%n",
        "SlurmdPidFile=/run/slurmd.%n.pid",
        "AccountingStorageType=accounting_storage/slurmdbd",
        "AccountingStorageHost=127.0.0.1",
        f"AccountingStoragePort={plan.slurm_port('slurmdbd')}",
        "AccountingStorageTRES=gres/gpu",
        "AccountingStorageEnforce=associations,limits,qos,safe",
        "AccountingStoreFlags=job_comment",
        "EnforcePartLimits=ALL",
        "JobSubmitPlugins=lua",
        *_node_lines(plan),
        *_partition_lines(plan),
    ]
    return _text(lines)


def gres_conf(plan: Plan) -> str:
    """Return gres.conf: a GPU is a device file, without which a node with GRES stays INVAL."""
    return _text(
        f"NodeName={node.name} Name=gpu{f' Type={node.gpu_type}' if node.gpu_type else ''} File={device}"
        for node in plan.nodes
        for device in node.gpus
    )


def job_submit_lua(plan: Plan) -> str:
    """Return job_submit.lua: what the site asks of jobs, as a table, and the function that looks."""
    return f"local site = {_lua(plan.cluster.asked_of_jobs)}\n\n{_JOB_SUBMIT.read_text()}"


def _lua(value: object) -> str:
    """A value in Lua's words; there is neither null nor an escape beyond JSON's simple ones in it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"[{json.dumps(key)}] = {_lua(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)


def slurmdbd_conf(plan: Plan) -> str:
    """Return slurmdbd.conf: MariaDB is reached over its socket, where the uid is the password."""
    return _text(
        [
            "AuthType=auth/munge",
            "DbdHost=onramp",
            "DbdAddr=127.0.0.1",
            f"DbdPort={plan.slurm_port('slurmdbd')}",
            "SlurmUser=slurm",
            "PidFile=/run/slurmdbd/slurmdbd.pid",
            "CommunicationParameters=NoInAddrAny",
            "StorageType=accounting_storage/mysql",
            "StorageHost=localhost",
            "StorageUser=slurm",
            "StorageLoc=slurm_acct_db",
        ]
    )


def mariadb_sql() -> str:
    """Return what MariaDB executes at every start: a database for slurmdbd, open to the Unix user slurm alone."""
    return _text(
        [
            "CREATE DATABASE IF NOT EXISTS slurm_acct_db;",
            "CREATE USER IF NOT EXISTS slurm@localhost IDENTIFIED VIA unix_socket;",
            "GRANT ALL ON slurm_acct_db.* TO slurm@localhost;",
        ]
    )


def _node_lines(plan: Plan) -> Iterable[str]:
    for node in plan.nodes:
        gres = f" Gres=gpu:{f'{node.gpu_type}:' if node.gpu_type else ''}{len(node.gpus)}" if node.gpus else ""
        features = f" Feature={','.join(node.features)}" if node.features else ""
        yield (
            f"NodeName={node.name} NodeAddr=127.0.0.1 Port={plan.slurm_port(node.name)} "
            f"CPUs={node.cpus} RealMemory={node.memory}{gres}{features} State=UNKNOWN"
        )


def _partition_lines(plan: Plan) -> Iterable[str]:
    for partition in plan.cluster.partitions:
        nodes = ",".join(partition.nodes)
        yield f"PartitionName={partition.name} Nodes={nodes} {' '.join(partition.options)} State=UP"


def _system_lines(host_lines: Iterable[str], plan: Plan) -> Iterable[str]:
    """Yield the host's lines of system accounts (id < 1000, nobody) that are not ours by name."""
    for line in host_lines:
        name, _, number, *_ = line.split(":")
        if name not in plan.uids and (int(number) < 1000 or int(number) == 65534):
            yield line.rstrip("\n")


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
