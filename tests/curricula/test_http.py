"""What every address of the service answers with, whatever it is asked and by whom."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
from tornado.web import RequestHandler, StaticFileHandler

from tests.curricula.addresses_here import addresses
from tests.curricula.essays_here import PROGRAM, essays
from tests.curricula.service_here import Service

METHODS = RequestHandler.SUPPORTED_METHODS
# Where something can be done, and so our own script runs; everywhere else none does.
ACT = {("student1", ""), ("teacher1", ""), ("teacher1", "courses/c1/teach"), ("teacher1", "courses/c1/marking/a2")}


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """One learner who handed in, and was graded."""
    async with essays(tmp_path, {"student1": ("An essay.", PROGRAM)}) as one:
        await one.teach("grade", "a2")
        yield one


def policy(answer: httpx.Response) -> Mapping[str, str]:
    """The directives of the answer's Content-Security-Policy, by name."""
    parts = (one.strip().partition(" ") for one in answer.headers["Content-Security-Policy"].split(";"))
    return {name: value for name, _, value in parts}


def check(answer: httpx.Response, *, static: bool) -> None:
    """Assert that an answer loads nothing from elsewhere, stands in no frame and is taken for nothing else."""
    where, told = (answer.request.method, answer.request.url, answer.status_code), policy(answer)
    assert answer.status_code < 500, where
    assert {told[name] for name in ("default-src", "base-uri", "frame-ancestors")} == {"'none'"}, where
    assert told.keys() >= {"sandbox", "form-action"}, where
    assert {word for name in told if name != "sandbox" for word in told[name].split()} <= {"'none'", "'self'"}, where
    assert answer.headers["X-Content-Type-Options"] == "nosniff", where
    assert answer.headers["Cache-Control"] == ("no-cache" if static and answer.is_success else "no-store"), where
    plain = answer.headers.get("Content-Type", "").startswith(("application/json", "text/html")) or not answer.content
    kept = answer.headers.get("Content-Disposition", "").startswith("attachment;")
    assert plain or kept or static, where


@pytest.mark.parametrize("user", ["", "student1", "teacher1"], ids=["nobody", "a learner", "a teacher"])
async def test_whatever_is_answered_is_closed(service: Service, user: str) -> None:
    number = service.desk.store.events(kind="received")[0].id
    found = [*addresses(service, user="student1", number=number)]
    assert len(found) > 20
    async with service.client(user) as client:
        for path, handler in found:
            for method in METHODS:
                check(await client.request(method, path), static=issubclass(handler, StaticFileHandler))


async def test_only_where_something_can_be_done_a_script_runs_and_it_is_ours(service: Service) -> None:
    number = service.desk.store.events(kind="received")[0].id
    found = set()
    for path, _ in addresses(service, user="student1", number=number):
        for user in ("", "student1", "teacher1"):
            answer = await service.ask(user, "GET", path)
            told = policy(answer)
            runs = "script-src" in told
            assert runs == ("allow-scripts" in told["sandbox"]) == ("<script" in answer.text), (user, path)
            found |= {(user, path)} if runs else set()
    assert found == ACT | {("teacher1", f"submissions/{number}")}
