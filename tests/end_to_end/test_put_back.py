"""Runs that Slurm takes off their node: they are put back by Slurm, and go on after their last checkpoint."""

import json

from tests.end_to_end.factory import Factory, until
from tests.end_to_end.faults import slurm_works, stopped
from tests.end_to_end.test_lab_jobs import CELLS, KERNEL, cell
from tests.end_to_end.test_promote import cli, completed, promote, put, read, text

USER = "student3"
# How each run is taken off its node, by its profile, as accounting has it, and in plain words.
TAKEN = {
    "cpu": ("REQUEUED", "Slurm took it off its node."),
    "gpu-1": ("NODE_FAIL", "Its node failed; this was not your fault."),
    "gpu-4": ("PREEMPTED", "It made room for a more urgent job."),
}


def test_runs_that_slurm_requeues_whose_node_fails_or_that_are_preempted_go_on(factory: Factory) -> None:
    """Once each, since none reaches a further checkpoint before; no cell runs twice."""
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": KERNEL, "cells": [cell(*one) for one in CELLS]}
    put(factory, USER, "back.ipynb", json.dumps(content))
    runs = [promote(factory, USER, "back.ipynb", profile=profile) for profile in TAKEN]
    requeued, failed, preempted = jobs = [text(factory, USER, run, "job.id").strip() for run in runs]
    for job in jobs:
        until_job(factory, job, "Requeue", "1")
    node = factory.job(failed)["NodeList"]

    urgent = preempt(factory, preempted)
    factory.exec("scontrol", "requeue", requeued)
    with stopped(factory, node):
        factory.exec("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
        for job, run, (_, why) in zip(jobs, runs, TAKEN.values(), strict=True):
            until_job(factory, job, "Restarts", "1")
            until_said(factory, run, f"{why} Slurm put it back into the queue; it goes on after its last checkpoint.")
    factory.exec("scancel", urgent)
    for job in jobs:
        # Slurm would wait for two minutes.
        factory.attempt("scontrol", "update", f"jobid={job}", "StartTime=now")
        until_job(factory, job, "JobState", "RUNNING")
        until_job(factory, job, "Requeue", "0")
    assert factory.attempt("scontrol", "requeue", requeued).returncode != 0

    factory.exec("touch", f"/home/{USER}/go", user=USER)
    for job, run, (state, _) in zip(jobs, runs, TAKEN.values(), strict=True):
        completed(factory, job)
        log = text(factory, USER, run, "job.log")
        assert log.count("slow work") == 1, log
        assert "it goes on after the cell marked [3]; weights loaded." in log
        until_said(factory, run, f"job {job}, {state}, ")
        assert read(factory, USER, run, "attempt-1.json")["accounting"]["state"] == state
    factory.exec("rm", f"/home/{USER}/go")
    assert slurm_works(factory)


def preempt(factory: Factory, job: str) -> str:
    """Let another person's job take the node of this one, as an operator does; return its id once it has."""
    node = factory.job(job)["NodeList"]
    asked = ("--parsable", "--hold", "--uid=sme1", "--account=sme", "--partition=gpu", f"--nodelist={node}", "--gpus=4")
    urgent = factory.exec("sbatch", *asked, "--output=/dev/null", "--time=10", "--wrap=sleep 300").strip()
    factory.exec("scontrol", "update", f"jobid={urgent}", "qos=onramp-urgent")
    factory.exec("scontrol", "release", urgent)
    until_job(factory, urgent, "JobState", "RUNNING")
    return urgent


def until_job(factory: Factory, job: str, key: str, value: str) -> None:
    """Wait until slurmctld says this of a job."""
    until(f"{key} of job {job} is {value}", lambda: factory.job(job)[key] == value, seconds=90)


def until_said(factory: Factory, run: str, words: str) -> None:
    """Wait until the run's owner reads this."""
    until(words, lambda: words in cli(factory, USER, "show", run))
