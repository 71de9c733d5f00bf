"""An assignment that asks for a GPU is graded on a GPU node, sees that GPU alone, and holds it no longer."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.end_to_end.factory import REPOSITORY, Factory, until
from tests.end_to_end.person import Person
from tests.end_to_end.test_course import SERVICE, answered, post

NAME = "with-gpus"
RESULTS = f"/srv/onramp/course/courses/{NAME}/results"
# A learner's cell: the devices that it finds, and the variables that name them.
LOOK = """
import json, os, pathlib
there = sorted(str(path) for path in pathlib.Path("/dev").rglob("*") if path.is_char_device() and not path.is_symlink())
told = {name: value for name, value in os.environ.items() if "VISIBLE" in name}
print("LOOKED" + json.dumps([there, told]))
"""
# And what is there for every notebook.
USUAL = {"full", "null", "pts/ptmx", "random", "tty", "urandom", "zero"}


@pytest.fixture(scope="module")
def course(factory: Factory, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A course whose assignments ask for one GPU, and for two nodes; `student1` is in it."""
    folder = tmp_path_factory.mktemp("gpus") / NAME
    asked = {"one": "gpu-1", "wide": "gpu-8"}
    for name in asked:
        (folder / "source" / name).mkdir(parents=True)
        shutil.copy(REPOSITORY / "curricula/onboarding/source/m00/m00.ipynb", folder / "source" / name)
    assignments = [
        {"name": name, "title": name, "notebook": "m00.ipynb", "profile": profile} for name, profile in asked.items()
    ]
    about = {"name": NAME, "title": "GPUs", "teachers": ["teacher1"], "code": "GPUS-1", "assignments": assignments}
    (folder / "course.yaml").write_text(yaml.safe_dump(about))
    created = ["./onramp", "course", "create", str(folder), "--state", str(factory.folder)]
    subprocess.run(created, cwd=REPOSITORY, check=True, capture_output=True)
    yield f"api/courses/{NAME}"
    factory.exec("rm", "-r", f"/srv/onramp/course/courses/{NAME}", user="onramp-course")


def grading(factory: Factory, teacher: Person, course: str, name: str) -> dict[str, Any]:
    """Release, hand in right answers with a look around, grade; return how the grading ended."""
    post(factory, teacher, f"{course}/assignments/{name}/release").raise_for_status()
    address = f"{factory.url}{SERVICE}{course}/assignments/{name}/notebook"
    notebook = answered(teacher.api.get(address).raise_for_status().text, "m00")
    own: dict[str, Any] = {
        "cell_type": "code",
        "id": "look",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        "source": LOOK,
    }
    notebook["cells"].insert(0, own)
    path = f"{course}/assignments/{name}/submissions"
    post(factory, teacher, path, content=json.dumps(notebook)).raise_for_status()
    post(factory, teacher, f"{course}/assignments/{name}/grade").raise_for_status()

    def ended() -> dict[str, Any] | None:
        answer = teacher.api.get(f"{factory.url}{SERVICE}{course}/live").raise_for_status().json()
        now: dict[str, Any] = answer["grading"][name]
        return None if now["running"] else now

    return until(f"{name} is graded, or refused", ended, seconds=240)


def test_it_is_graded_with_the_gpu_that_it_asks_for(factory: Factory, course: str) -> None:
    with Person(factory, "teacher1") as teacher:
        assert grading(factory, teacher, course, "one")["problem"] is None
    until("no grading job holds a GPU", lambda: not factory.exec("squeue", "-h", "-u", "onramp-grade", "-p", "gpu"))
    (kept,) = factory.exec("sh", "-c", f"ls {RESULTS}/[!p]*.json", user="onramp-course").split()
    result = json.loads(factory.exec("cat", kept, user="onramp-course"))
    assert [cell["score"] for cell in result["cells"]] == [4, 4]
    told = factory.ended(result["job_id"])
    assert "gres/gpu=1" in told["AllocTRES"].split(",")
    assert (told["User"], told["Account"]) == ("onramp-grade", "grading")

    ran = json.loads(factory.exec("cat", f"{kept.removesuffix('json')}ipynb", user="onramp-course"))
    (text,) = ["".join(out["text"]) for cell in ran["cells"] for out in cell.get("outputs", []) if "text" in out]
    there, names = json.loads(text.removeprefix("LOOKED"))
    (gpu,) = {path.removeprefix("/dev/") for path in there} - USUAL
    assert gpu.startswith(f"onramp/{told['NodeList']}/")
    assert names["CUDA_VISIBLE_DEVICES"] == "0"


def test_a_profile_of_several_nodes_is_refused_with_a_sentence(factory: Factory, course: str) -> None:
    before = factory.submitted("onramp-grade")
    with Person(factory, "teacher1") as teacher:
        problem = grading(factory, teacher, course, "wide")["problem"]
    assert "wide cannot be graded here: Profile 'gpu-8' has 2 nodes" in problem
    assert "Choose from: cpu, gpu-1, gpu-4." in problem
    assert factory.submitted("onramp-grade") == before
