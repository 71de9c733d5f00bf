"""A kernel on a GPU node, from a server on a CPU node: its own job, restarted in it, and gone when its server is."""

from contextlib import closing

from tests.end_to_end.factory import Factory, until
from tests.end_to_end.kernel import Kernel
from tests.end_to_end.person import Person

WHERE = "import os; print(*(os.environ[name] for name in ('SLURM_JOB_ID', 'SLURMD_NODENAME', 'CUDA_VISIBLE_DEVICES')))"


def offered(factory: Factory, person: Person) -> dict[str, str]:
    """What the launcher of somebody's JupyterLab shows, by the kernel's name."""
    answer = person.api.get(f"{factory.url}/user/{person.name}/api/kernelspecs").raise_for_status().json()
    return {name: one["spec"]["display_name"] for name, one in answer["kernelspecs"].items()}


def test_it_has_a_gpu_keeps_its_job_and_ends_with_its_server(factory: Factory) -> None:
    with Person(factory, "student1") as person:
        server = person.start(profile="cpu")
        until("what is left is said", lambda: " of " in offered(factory, person).get("onramp-gpu-1", ""))
        with closing(Kernel(factory, person, name="onramp-gpu-1")) as kernel:
            job, node, gpus = kernel.run(WHERE).split()
            assert job != server
            assert (node in ("gpu1", "gpu2"), gpus) == (True, "0")
            assert kernel.run("import onramp; print(onramp.status().job_id)") == job
            kernel.restart()
            assert kernel.run(WHERE).split() == [job, node, gpus]
        assert set(factory.jobs(person.name)) == {server, job}
        (pid,) = [pid for pid, args in factory.processes(person.name) if "spawners/singleuser.py" in args]
        factory.exec("kill", "-KILL", str(pid))
        until("no job is left", lambda: not factory.jobs(person.name))
        told = factory.ended(job)
        assert (told["Account"], "gres/gpu=1" in told["AllocTRES"].split(",")) == ("onboarding", True)


def test_one_that_is_shut_down_gives_its_gpu_back(factory: Factory) -> None:
    with Person(factory, "student3") as person:
        server = person.start(profile="cpu")
        until("it is offered", lambda: "onramp-gpu-1" in offered(factory, person))
        with closing(Kernel(factory, person, name="onramp-gpu-1")) as kernel:
            kernel.run(WHERE)
        address = f"{factory.url}/user/{person.name}/api/kernels"
        (one,) = person.api.get(address).raise_for_status().json()
        assert person.api.delete(f"{address}/{one['id']}").status_code == 204
        until("only the server is left", lambda: list(factory.jobs(person.name)) == [server])
