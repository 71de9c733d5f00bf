"""A learner's Dask cluster: workers on two nodes, a dashboard behind the hub, and no ending that leaves a job."""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from playwright.sync_api import Page, expect

from tests.end_to_end.browser import PATIENCE, STARTED, run_first_cell, run_notebook, sign_in, start, stop
from tests.end_to_end.factory import Factory, until
from tests.end_to_end.kernel import Kernel
from tests.end_to_end.person import Person
from tests.end_to_end.picture import picture
from tests.end_to_end.test_promote import cli, notebook_text, over, promote, put, read

NOTEBOOK = "notebooks/04-dask.ipynb"
OPEN = "import onramp; cluster = onramp.dask_cluster('cpu', jobs={jobs}, cpus_per_task={cpus}, time=20); "


@pytest.fixture(scope="module")
def person(factory: Factory) -> Iterator[Person]:
    """student2, with a CPU server for all of these tests, in whose sidebar a cluster's jobs have one CPU each."""
    folder, settings = "/home/student2/.config/dask", '{"labextension": {"factory": {"kwargs": {"cpus_per_task": 1}}}}'
    factory.exec("sh", "-c", f"mkdir -p {folder} && echo '{settings}' > {folder}/labextension.yaml", user="student2")
    with Person(factory, "student2") as one:
        one.start(profile="cpu")
        yield one


@pytest.fixture(scope="module")
def server_job(factory: Factory, person: Person) -> str:
    """The job that this server is."""
    (job_id,) = factory.jobs(person.name)
    return job_id


@pytest.fixture
def kernel(factory: Factory, person: Person) -> Iterator[Kernel]:
    """A kernel in that server."""
    with closing(Kernel(factory, person)) as one:
        yield one


def test_the_notebook_uses_two_nodes_and_leaves_nothing(factory: Factory, page: Page) -> None:
    """Run from top to bottom in JupyterLab; Slurm's accounting is the witness."""
    before = factory.submitted("student1")
    sign_in(page, factory, "student1")
    start(page, "CPU notebook")
    notebook = run_notebook(page, factory, "student1", NOTEBOOK)
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    text = "".join("".join(output.get("text", "")) for output in outputs)
    assert [output for output in outputs if output["output_type"] == "error"] == []
    assert set(re.findall(r"a worker is process \d+ on (\S+)", text)) == {"cpu1", "cpu2"}
    assert re.search(r"^2 workers\. The first starts .* Uses no GPU minutes\.$", text, re.MULTILINE)
    assert re.search(r"π is about 3\.14\d\d, from 24,000,000 points", text)
    assert "A cluster has 1 to 100 jobs, given as a whole number; 1000 was asked for." in text

    (server,) = until("only the server is left", lambda: one if len(one := factory.jobs("student1")) == 1 else None)
    asked = ("sacct", "-nPX", "-u", "student1", "-S", "2000-01-01", "--format=JobID,Comment")
    told = dict(line.split("|", 1) for line in factory.exec(*asked).splitlines())
    workers = [job_id for job_id, said in told.items() if said.startswith(f"onramp:cluster:student1:{server}:")]
    assert len(workers) == 2
    assert factory.submitted("student1") == before + 3
    for job_id in workers:
        job = factory.ended(job_id)
        assert job["User"] == "student1"
    assert {factory.accounting(job_id)["NodeList"] for job_id in workers} == {"cpu1", "cpu2"}
    assert _left(factory, "student1") == []
    page.goto(f"{factory.url}/hub/home")
    stop(page)


def test_the_dashboard_is_shown_to_its_owner_alone(
    factory: Factory, kernel: Kernel, server_job: str, page: Page
) -> None:
    """The owner's browser draws it through the hub; another person gets it neither from the hub nor on the node."""
    said = kernel.run(OPEN.format(jobs=1, cpus=1) + "cluster.wait_for_workers(1, 60); print(cluster.dashboard_link)")
    said = said.splitlines()[-1]
    found = re.fullmatch(r"/user/student2/proxy/absolute/(\d+)/([\w-]{20,})/status", said)
    assert found, said
    assert kernel.run("print(cluster.scheduler_address)").startswith("tls://")
    port, secret = found.groups()
    page.goto(factory.open("student2"))
    page.goto(f"{factory.url}{said}")
    expect(page).to_have_title("Dask: Status")
    expect(page.locator(".bk-Figure").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("link", name="Workers")).to_be_visible()

    with Person(factory, "student1") as other:
        assert other.site.get(said).status_code in (403, 404)
    on_node = f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{port}/status').status)"
    refused = factory.attempt("/srv/onramp/venv/bin/python", "-c", on_node, user="student1")
    assert "HTTP Error 404" in refused.stderr
    assert secret not in factory.exec("ps", "-eww", "-o", "args=")
    kernel.run("cluster.close()")
    assert factory.jobs("student2") == [server_job]


def test_the_sidebar_makes_a_cluster_that_calculates_and_leaves_nothing(
    factory: Factory, person: Person, server_job: str, page: Page
) -> None:
    """Its button, its dialog and its dashboard, and in a notebook the code that it puts there."""
    page.goto(factory.open("student2"))
    page.goto(f"{factory.url}/user/student2/lab?reset")
    page.get_by_role("tab", name="Dask").click()
    page.locator(".dask-DaskClusterManager").get_by_text("NEW").click()
    item = page.locator("li.dask-ClusterListingItem")
    expect(item).to_be_visible(timeout=PATIENCE)
    item.get_by_text("SCALE").click()
    page.locator(".dask-ScalingSection input[type=number]").first.fill("1000")
    page.get_by_role("button", name="SCALE").last.click()
    expect(
        page.get_by_text("A cluster has 0 to 100 jobs, given as a whole number; 1000 was asked for.")
    ).to_be_visible()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    item.get_by_text("SCALE").click()
    page.locator(".dask-ScalingSection input[type=number]").first.fill("4")
    page.get_by_role("button", name="SCALE").last.click()
    expect(item.get_by_text("Number of Workers: 4")).to_be_visible(timeout=STARTED)

    page.get_by_role("button", name=re.compile("^task stream$", re.IGNORECASE)).click()
    expect(page.frame_locator("iframe").locator(".bk-Figure").first).to_be_visible(timeout=PATIENCE)
    address = item.get_by_text("tls://").inner_text().split()[-1]
    with closing(Kernel(factory, person)) as one:
        begin = f"from dask.distributed import Client; client = Client({address!r}); "
        add = "print(sum(client.gather(client.map(lambda n: n * n, range(100)))), len(client.nthreads()))"
        assert one.run(begin + add) == "328350 4"
        refused = one.run(f"Client({address.replace('tls', 'tcp')!r}, timeout=3)")
        assert re.match("(CommClosedError|OSError): ", refused), refused
    assert len(factory.jobs("student2")) == 5

    picture(page, "dask-sidebar", width=1200, height=700)
    item.get_by_text("SHUTDOWN").click()
    page.get_by_role("button", name="SHUTDOWN").last.click()
    expect(item).to_have_count(0, timeout=PATIENCE)
    until("only the server is left", lambda: factory.jobs("student2") == [server_job])
    until("nothing of the cluster is left", lambda: not _left(factory, "student2"))


def test_a_run_has_workers_of_its_own_and_leaves_none(factory: Factory) -> None:
    """What was promoted asks for workers as a notebook in a server does: M06 asks for the evidence of such a run."""
    before = set(factory.jobs("student2"))
    asks = "import onramp\nwith onramp.dask_cluster('cpu', jobs=1, cpus_per_task=1, time=5) as cluster:\n"
    works = "    with cluster.get_client() as client:\n        print('worked:', client.submit(sum, [40, 2]).result())"
    put(factory, "student2", "asks.ipynb", notebook_text(asks + works))
    run = promote(factory, "student2", "asks.ipynb", profile="cpu")
    until("it is over", lambda: over(factory, run), seconds=180)
    assert "worked: 42" in cli(factory, "student2", "logs", run)
    reported = read(factory, "student2", run, "run.json")["reported"]
    assert reported["outcome"] == "completed"
    asked = ("sacct", "-nPX", "-u", "student2", "-S", "2000-01-01", "--format=Comment")
    workers = f"onramp:cluster:student2:{reported['job_id']}:"
    until("no job of it is left", lambda: set(factory.jobs("student2")) <= before)
    # Accounting learns a job's comment when that has ended.
    until(
        "accounting knows one job of workers",
        lambda: sum(line.startswith(workers) for line in factory.exec(*asked).splitlines()) == 1,
    )


def test_the_panel_says_the_price_and_has_workers_come_and_go(
    factory: Factory, kernel: Kernel, server_job: str, page: Page
) -> None:
    """From what it would cost to no job left, by its buttons."""
    cell = "from nbformat import v4, write; cells = [v4.new_code_cell('import onramp\\nonramp.dask_panel()')]"
    about = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
    kernel.run(f"{cell}; write(v4.new_notebook(cells=cells, metadata={about!r}), 'workers.ipynb')")
    page.goto(factory.open("student2"))
    page.goto(f"{factory.url}/user/student2/lab?reset")
    run_first_cell(page, "workers.ipynb")
    panel = page.locator(".onramp-panel")
    panel.get_by_role("button", name="Wait and price").click()
    expect(panel.get_by_text("2 workers. The first starts")).to_be_visible(timeout=PATIENCE)
    assert factory.jobs("student2") == [server_job]
    panel.get_by_role("button", name="Ask for these").click()
    expect(panel.get_by_text("It runs on cpu")).to_have_count(2, timeout=STARTED)
    expect(panel.get_by_text("2 of 2. Together: 4 CPUs")).to_be_visible()
    assert len(factory.jobs("student2")) == 3
    picture(page, "dask-panel", width=1200, height=700, of=panel)
    panel.get_by_role("button", name="Close").click()
    expect(panel.get_by_text("Closed: no worker is left.")).to_be_visible(timeout=PATIENCE)
    until("only the server is left", lambda: factory.jobs("student2") == [server_job])


def test_a_port_of_somebody_else_is_not_passed_on(factory: Factory, kernel: Kernel, person: Person) -> None:
    """What is shown at one's own address could act as oneself; so only one's own ports are."""
    serve = "from http.server import *; import threading; s = HTTPServer(('127.0.0.1', 0), SimpleHTTPRequestHandler); "
    serve += "threading.Thread(target=s.serve_forever, daemon=True).start(); print(s.server_port, flush=True); "
    own = kernel.run(serve)
    with Person(factory, "student3") as other:
        other.start(profile="cpu")
        with closing(Kernel(factory, other)) as elsewhere:
            theirs = elsewhere.run(serve)
        for path in ("proxy/{}/", "proxy/absolute/{}/", "proxy/localhost:{}/", "proxy/127.0.0.1:{}/"):
            statuses = [
                person.api.get(f"{factory.url}/user/student2/{path.format(port)}").status_code for port in (own, theirs)
            ]
            assert statuses[1] == 403, path
            assert statuses[0] != 403, path


def test_a_killed_kernel_leaves_no_job(factory: Factory, kernel: Kernel, server_job: str) -> None:
    """Neither what runs nor what waits, and no credentials."""
    kernel.run(OPEN.format(jobs=3, cpus=4) + "cluster.wait_for_workers(1, 60)")
    assert len(factory.jobs("student2")) == 4
    assert len(_left(factory, "student2")) == 2  # the guard and the folder
    factory.exec("kill", "-KILL", str(kernel.pid), user="student2")
    until("only the server is left", lambda: factory.jobs("student2") == [server_job])
    until("nothing of the cluster is left", lambda: not _left(factory, "student2"))


def test_refusals_are_sentences(factory: Factory, kernel: Kernel, server_job: str) -> None:
    """Beyond Slurm's limit, beyond the budget, and while slurmctld is down; nothing is left behind."""
    user = ("sacctmgr", "-i", "modify", "user", "student2", "set")
    factory.exec(*user, "MaxSubmitJobs=2")
    try:
        assert "AssocMaxSubmitJobLimit" in kernel.run(OPEN.format(jobs=2, cpus=1))
    finally:
        factory.exec(*user, "MaxSubmitJobs=-1")
    said = kernel.run("onramp.dask_cluster('gpu-4', jobs=20, time=240)")
    assert re.search(r"ClusterError: .* 19200 GPU minutes, and the account 'onboarding' has \d+ left", said)
    with _slurmctld_down(factory):
        said = kernel.run(OPEN.format(jobs=1, cpus=1))
        assert "ClusterError: Slurm did not take all jobs of the cluster." in said
        assert "Unable to contact slurm controller" in said
    until("only the server is left", lambda: factory.jobs("student2") == [server_job])
    until("nothing of the cluster is left", lambda: not _left(factory, "student2"))


def test_a_stopped_server_leaves_no_job(factory: Factory, kernel: Kernel, person: Person) -> None:
    """The guard is in the server's job and ends with it, but not before it has done its work."""
    kernel.run(OPEN.format(jobs=3, cpus=4) + "cluster.wait_for_workers(1, 60)")
    person.stop()
    until("no job is left", lambda: factory.jobs("student2") == [])
    until("nothing of the cluster is left", lambda: not _left(factory, "student2"))


@contextmanager
def _slurmctld_down(factory: Factory) -> Iterator[None]:
    python = ("/srv/onramp/venv/bin/python", "-c")
    factory.exec(*python, "from hub_config.factory.supervised import stop; stop('slurmctld')")
    try:
        yield
    finally:
        factory.exec(*python, "from hub_config.factory.supervised import start; start('slurmctld')")
        until("slurmctld answers", lambda: "is UP" in factory.attempt("scontrol", "ping").stdout)
        until("all nodes are back", lambda: "down" not in factory.exec("sinfo", "-h", "-o", "%T"))


def _left(factory: Factory, user: str) -> list[str]:
    """Guards that still watch, and folders of credentials."""
    guards = [args for _, args in factory.processes(user) if "cluster_guard" in args]
    return guards + factory.exec("find", f"/srv/onramp/spool/{user}", "-type", "d", "-name", "cluster-*").split()
