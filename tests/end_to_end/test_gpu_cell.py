"""One cell of a notebook as a job on a GPU node, from a server on a CPU node, in a real browser."""

from playwright.sync_api import Page, expect

from tests.end_to_end.browser import PATIENCE, STARTED, sign_in, start, stop
from tests.end_to_end.factory import Factory, until
from tests.end_to_end.picture import picture
from tests.end_to_end.test_kernels import run

CELL = """%%gpu --in x --out node,y --time 5
import os
import matplotlib.pyplot as plt
node, y = os.environ["SLURMD_NODENAME"], [value**2 for value in x]
print("on", node, "with device", os.environ["CUDA_VISIBLE_DEVICES"])
plt.figure(figsize=(4, 1.6))
plt.plot(x, y)
"""


def test_it_prints_draws_and_hands_back(factory: Factory, page: Page) -> None:
    sign_in(page, factory, "student3")
    start(page, "CPU notebook")
    (server,) = factory.jobs("student3")
    page.locator(".jp-LauncherCard[data-category='Notebook']", has_text="Python 3").click()
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=PATIENCE)
    cells = page.locator(".jp-NotebookPanel .jp-CodeCell")
    run(page, cells.first, "%load_ext onramp\nx = list(range(10))")
    run(page, cells.nth(1), CELL)
    expect(cells.nth(1).locator("img")).to_be_visible(timeout=STARTED)
    expect(cells.nth(1)).to_contain_text("Its record: /home/student3/runs/", timeout=PATIENCE)
    expect(cells.nth(1)).to_contain_text("with device ")
    picture(page, "gpu-cell", width=1200, height=640)
    run(page, cells.nth(2), "print(node, sum(y))")
    expect(cells.nth(2)).to_contain_text("gpu")
    expect(cells.nth(2)).to_contain_text("285")
    until("only the server is left", lambda: factory.jobs("student3") == [server])
    page.goto(f"{factory.url}/hub/home")
    stop(page)
    # JupyterLab opens in this home what was open last, also for another test.
    factory.exec("rm", "-r", "/home/student3/.jupyter/lab/workspaces", "/home/student3/Untitled.ipynb", user="student3")
