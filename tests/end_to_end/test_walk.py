"""A student goes through the course in JupyterLab: in each module a mistake, what is said of it, then all of it right.

What is typed is known by the cells' metadata and answers.yaml, and a run is sent off as the exercise's own text says.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import nbformat
import pytest
from nbformat import NotebookNode
from playwright.sync_api import Browser, Locator, Page, expect

from curricula.course import load_course
from curricula.evidence import METADATA
from curricula.module import Answer, load_answers
from curricula.rehearsal import Task, Variant, rehearse
from curricula.release import generated
from curricula.report import Ran
from tests.end_to_end.assignment import (
    answer,
    close_kernels,
    fetch,
    new_notebook,
    open_alone,
    open_notebook,
    ran,
    run_all,
    run_more,
    submit,
    validate,
)
from tests.end_to_end.browser import PATIENCE, sign_in, start
from tests.end_to_end.factory import REPOSITORY, Factory, until
from tests.end_to_end.person import Person
from tests.end_to_end.test_course import KERNEL, answers, join, my_courses, operate, source

STUDENT = "student3"
WALK = ("m00", "m01", "m02", "m03", "m04", "m05", "m07")
COURSE = load_course(REPOSITORY / "curricula/onboarding")
# What a run takes that meets its time limit and goes on, and what a notebook takes.
RUN, RAN = 420_000, 240_000
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)
EVIDENCE = re.compile(r"`((?:print\()?onramp\.evidence\([^`]*)`")
WORD = re.compile(r"onramp-run:[\w-]+")


class Mistake(NamedTuple):
    """A wrong answer, and what its visible test says."""

    answer: Answer
    hint: str


@pytest.fixture(scope="module")
def lab(browser: Browser, factory: Factory) -> Iterator[Page]:
    """JupyterLab of somebody who has just joined the course."""
    clear(factory)
    window = browser.new_context(viewport={"width": 1280, "height": 900})
    window.set_default_timeout(PATIENCE)
    page = window.new_page()
    sign_in(page, factory, STUDENT)
    join(page, factory)
    page.goto(f"{factory.url}/hub/spawn")
    start(page, "CPU notebook")
    yield page
    window.close()
    with Person(factory, STUDENT):
        pass
    until("nothing is left", lambda: not factory.jobs(STUDENT))
    clear(factory)


def clear(factory: Factory) -> None:
    """What a newcomer's home has not."""
    for old in (".jupyter/lab/workspaces", "courses", "runs"):
        factory.exec("rm", "-rf", f"/home/{STUDENT}/{old}")


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("module", WALK)
def test_a_student_does_a_module_in_jupyterlab(factory: Factory, lab: Page, module: str) -> None:
    operated(factory, "release", module)
    mistake, open_evidence = a_mistake(module), set(evidence(module))
    lost = f"{mistake.answer.cell}-test"

    lab.goto(f"{factory.url}/user/{STUDENT}/lab?reset")
    fetch(lab, module)
    with_a_mistake(factory, lab, module, mistake)
    expect(cell(lab, module, lost).locator(".jp-OutputArea")).to_contain_text(mistake.hint, timeout=RAN)
    assert mistake.hint in validate(lab)
    submit(lab, module)
    said = feedback(factory, lab, module)
    assert {name for name in said if "Right." not in said[name]} == {lost} | open_evidence
    assert mistake.hint in said[lost]
    assert all("There is no evidence here" in said[name] for name in open_evidence)

    put_right(factory, lab, module, mistake.answer.cell)
    assert "passes all the tests" in validate(lab)
    put_evidence(factory, lab, module)
    assert "passes all the tests" in validate(lab)
    close_kernels(lab)
    submit(lab, module)
    said = feedback(factory, lab, module)
    assert {name: text for name, text in said.items() if "Right." not in text} == {}


def with_a_mistake(factory: Factory, page: Page, module: str, mistake: Mistake) -> None:
    """Answer everything, one thing wrong, leave evidence for later, and run it as far as it goes."""
    open_alone(page, at(factory, copy(module)))
    for name, right in answers(module).items():
        if name not in evidence(module):
            answer(page, cell(page, module, name), mistake.answer.source if name == mistake.answer.cell else right)
    run_all(page)


def put_right(factory: Factory, page: Page, module: str, name: str) -> None:
    """Open it again, correct the answer, and run everything anew."""
    open_alone(page, at(factory, copy(module)))
    answer(page, cell(page, module, name), answers(module)[name])
    run_all(page, anew=True)
    ran(page, RAN)


def put_evidence(factory: Factory, page: Page, module: str) -> None:
    """Send off what each exercise wants evidence of, and put in what is shown."""
    for name, text in evidence(module).items():
        word = shown(factory, page, module, text)
        open_alone(page, at(factory, copy(module)))
        answer(page, cell(page, module, name), word)
        page.keyboard.press("Shift+Enter")


def a_mistake(module: str) -> Mistake:
    """The first wrong answer of the module's author that its visible test notices, and nothing else fails for."""
    assignment = COURSE.assignment(module)
    version, wrong = generated(COURSE, assignment), load_answers(COURSE, assignment).wrong
    names = [about.metadata.nbgrader.grade_id for about in version.source.cells]
    tests = {about.metadata.nbgrader.grade_id: about.source for about in version.release.cells if is_test(about)}
    code = {
        place: tests.get(names[place], about.source)
        for place, about in enumerate(version.source.cells)
        if about.cell_type == "code"
    }
    tried = tuple(Variant(name=one.name, cell=names.index(one.cell), source=one.source) for one in wrong)
    with ThreadPoolExecutor(1) as apart:  # the browser's event loop runs in this thread
        done = apart.submit(rehearse, Task(cells=code, variants=tried), seconds=300).result().variants
    found = ((one, failed(ran)) for one, ran in zip(wrong, done, strict=True) if ran is not None)
    return next(
        Mistake(one, bad[0].message) for one, bad in found if [names[ran.index] for ran in bad] == [f"{one.cell}-test"]
    )


def failed(ran: tuple[Ran, ...]) -> list[Ran]:
    return [one for one in ran if not one.ok]


def is_test(about: NotebookNode) -> bool:
    return bool(about.metadata.nbgrader.grade and not about.metadata.nbgrader.solution)


def evidence(module: str) -> dict[str, str]:
    """Cell that wants evidence → the text above it, which says how one comes by it."""
    cells = source(module)["cells"]
    return {one["id"]: "".join(above["source"]) for above, one in pairwise(cells) if METADATA in one["metadata"]}


def cell(page: Page, module: str, name: str) -> Locator:
    """The cell of the open notebook that has this name."""
    names = [one["metadata"]["nbgrader"]["grade_id"] for one in source(module)["cells"]]
    return open_notebook(page).locator(".jp-Notebook .jp-Cell").nth(names.index(name))


def shown(factory: Factory, page: Page, module: str, text: str) -> str:
    """Do what a text says, in the notebook that it names or a new one; return the evidence that is then shown."""
    blocks = CODE.findall(text)
    first = next((number for number, one in enumerate(blocks) if "import onramp" in one), 0)
    if first:
        (called,) = re.findall(r'promote\("([\w.]+)"', blocks[first])
        slow_cells(factory, module, called, blocks[0])
    if blocks:
        new_notebook(page)
    else:
        open_alone(page, at(factory, re.findall(r"`(notebooks/[\w.-]+)`", text)[0]))
        run_all(page)
        ran(page, RAN)
    said = "".join(run_more(page, code, RUN) for code in (*blocks[first:], *afterwards(text, blocks)))
    words = WORD.findall(said)
    assert words, said
    return " ".join(words)


def afterwards(text: str, blocks: list[str]) -> Iterator[str]:
    """What to run once the runs that a text names have ended, where its blocks do not do that themselves."""
    if not any("onramp.evidence(" in one for one in blocks):
        (asked, *_) = EVIDENCE.findall(text)
        for run in re.findall(r"evidence\((\w*)\)", asked):
            yield f"{run or 'onramp.runs()[0]'}.wait()"
        yield asked


def slow_cells(factory: Factory, module: str, called: str, code: str) -> None:
    """Make the notebook that exercise 5.5 asks for."""
    cells = [nbformat.v4.new_code_cell(code, metadata={"tags": ["checkpoint"]}) for _ in range(4)]
    text = nbformat.writes(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL))
    factory.attempt("sh", "-c", f"cat > courses/onboarding/{module}/{called}", user=STUDENT, stdin=text)


def copy(module: str) -> str:
    return f"courses/onboarding/{module}/{module}.ipynb"


def at(factory: Factory, path: str) -> str:
    return f"{factory.url}/user/{STUDENT}/lab/tree/{path}"


def operated(factory: Factory, action: str, module: str) -> None:
    """What an operator, or a teacher, does with an assignment."""
    done = operate(factory, action, "onboarding", module)
    assert done.returncode == 0, done.stdout + done.stderr


def feedback(factory: Factory, page: Page, module: str) -> dict[str, str]:
    """Have it graded; test → what the feedback's page says of it."""
    for action in ("grade", "feedback"):
        operated(factory, action, module)
    my_courses(page, factory)
    page.locator(f"[data-assignment={module}]").get_by_role("link", name=" points").first.click()
    expect(page.locator("[data-cell]").first).to_be_visible()
    return {row.get_attribute("data-cell") or "": row.inner_text() for row in page.locator("[data-cell]").all()}
