"""Options that are not valid: refused with the valid choices on every way in, and Slurm never hears of them."""

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.end_to_end.factory import Factory
from tests.end_to_end.hub import restart_hub
from tests.end_to_end.person import Person

PROFILES = ("cpu", "gpu-1")
BAD: list[tuple[dict[str, object], tuple[str, ...]]] = [
    ({"profile": "huge"}, PROFILES),
    ({"profile": "cpu", "colour": "blue"}, ("profile", "time", "safe_start")),
    ({"profile": "cpu\n#SBATCH --hold"}, PROFILES),
    ({"profile": "gpu-4"}, PROFILES),
    ({"profile": ["cpu", "gpu-1"]}, PROFILES),
    ({"profile": "cpu", "time": 100_000}, ("480",)),
    ({"profile": "cpu", "time": "1:00:00 --reservation=x"}, ("whole number",)),
    ({"profile": "cpu", "account": "onboarding --qos=high"}, ("letters",)),
    ({"profile": "cpu", "safe_start": "perhaps"}, ("true", "false")),
]
each_bad = pytest.mark.parametrize(("options", "choices"), BAD, ids=[ascii(options)[:48] for options, _ in BAD])


@pytest.fixture(scope="module")
def person(factory: Factory) -> Iterator[Person]:
    """Somebody who asks for what cannot be had; by Slurm's own accounting, none of it becomes a job."""
    before = factory.submitted("teacher1")
    with Person(factory, "teacher1") as one:
        yield one
        assert factory.jobs("teacher1") == []
    assert factory.submitted("teacher1") == before


@pytest.mark.parametrize("server", ["", "extra"], ids=["server", "named server"])
@each_bad
def test_rest_start(person: Person, server: str, options: dict[str, object], choices: tuple[str, ...]) -> None:
    """POST with the options as the body."""
    _assert_refused(person.ask(server, **options), choices)


@each_bad
def test_rest_start_with_a_display_name(person: Person, options: dict[str, object], choices: tuple[str, ...]) -> None:
    """POST with the options in the body's newer form."""
    _assert_refused(person.ask("extra", user_options=options, display_name="Extra"), choices)


@each_bad
def test_rest_stored_options(person: Person, options: dict[str, object], choices: tuple[str, ...]) -> None:
    """PUT and PATCH would store them for a later start."""
    _assert_refused(person.ask("refused", "PUT", user_options=options), choices)
    assert person.ask("kept", "PUT", user_options={"profile": "cpu"}).status_code in (201, 409)
    _assert_refused(person.ask("kept", "PATCH", user_options=options), choices)
    assert person.server("refused") is None
    assert person.server("kept") == {"profile": "cpu"}


@pytest.mark.parametrize("prefix", ["opt-", ""])
@each_bad
def test_url(person: Person, prefix: str, options: dict[str, object], choices: tuple[str, ...]) -> None:
    """The start page with options in its address comes back and says what is valid."""
    answer = person.site.get("/hub/spawn", params={f"{prefix}{key}": value for key, value in options.items()})  # type: ignore[misc]
    _assert_refused(answer, choices)


@each_bad
def test_form(person: Person, options: dict[str, object], choices: tuple[str, ...]) -> None:
    """The start page's form, filled in by a program."""
    answer = person.site.post("/hub/spawn", params={"_xsrf": person.xsrf}, data=options)
    _assert_refused(answer, choices)


def test_stored_by_other_means(factory: Factory, person: Person) -> None:
    """What an older version or a hand wrote into the hub's database is refused when a server is to start with it."""
    assert person.ask("old", "PUT", user_options={"profile": "cpu"}).status_code == 201
    change = "import sqlite3, sys; c = sqlite3.connect('/srv/onramp/hub/jupyterhub.sqlite'); "
    change += "c.execute('update spawners set user_options = ? where name = ?', sys.argv[1:]); c.commit()"
    stored = json.dumps({"profile": "cpu", "colour": "blue"})
    factory.exec("python", "-c", change, stored, "old", user="onramp-hub")
    restart_hub(factory)
    _assert_refused(person.ask("old"), ("profile", "time", "safe_start"))


def _assert_refused(answer: httpx.Response, choices: tuple[str, ...]) -> None:
    assert answer.status_code == 400, answer.text
    assert [choice for choice in choices if choice not in answer.text] == []
