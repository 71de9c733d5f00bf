"""What people see, from a real hub on a Slurm that the test plays."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from html.parser import HTMLParser

import pytest

from hub_config import pages
from tests.hub_config.browser import Browser
from tests.hub_config.running_hub import NODE, RunningHub, hub, wait

__all__ = ["hub"]
GAP = "\N{NARROW NO-BREAK SPACE}"


@pytest.fixture
def browser(hub: RunningHub) -> Iterator[Browser]:
    """Alice, signed in; her account has used 60 of 6000 GPU minutes."""
    hub.slurm.answer("sacctmgr", out="onboarding|onboarding\n")
    usage(hub, "onboarding", used=60)
    browser = Browser(hub.base)
    browser.sign_in("alice")
    yield browser
    hub.api("DELETE", "users/alice/server")
    wait(lambda: not hub.server("alice").get("pending"), hub.log)


def usage(hub: RunningHub, account: str, *, used: int) -> None:
    hub.slurm.answer("sshare", out=f"{account}||gres/gpu=6000|gres/gpu={used}\n")


class Words(HTMLParser):
    """The words of a page that a person sees, and what its fields are called."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.ids: list[str] = []
        self.named: set[str] = set()
        self.unnamed: list[str] = []
        self._hidden = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._hidden += tag in ("script", "style")
        if "id" in given:
            self.ids.append(given["id"] or "")
        if tag == "label":
            self.named.add(given.get("for") or "")
        if tag in ("input", "select") and given.get("type") != "hidden" and "aria-label" not in given:
            self.unnamed.append(given.get("id") or "")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.seen += data.split()

    @property
    def text(self) -> str:
        return " ".join(self.seen)


def test_what_a_start_costs_of_what_is_left(browser: Browser) -> None:
    words = Words(browser.told("spawn").text).text.replace(GAP, " ")
    assert "CPU notebook" in words
    assert "2 CPUs, 4 GB of memory, 1 GPU, for up to 1 hour" in words
    assert "Uses no GPU minutes." in words
    assert "Uses up to 60 of 5 940 GPU minutes left." in " ".join(words.split())


def test_a_start_that_costs_more_than_is_left(hub: RunningHub, browser: Browser) -> None:
    usage(hub, "onboarding", used=5970)
    assert "Needs 60 GPU minutes; 30 are left." in Words(browser.told("spawn").text).text


def test_a_slurm_that_does_not_answer(hub: RunningHub, browser: Browser) -> None:
    hub.slurm.answer("sacctmgr", err="sacctmgr: error: slurmdbd is down", code=1)
    words = Words(browser.told("spawn").text).text
    assert "Slurm does not answer just now, so costs are not shown." in words
    assert "Uses up to 60 GPU minutes." in words


def test_somebody_with_two_accounts_chooses(hub: RunningHub, browser: Browser) -> None:
    hub.slurm.answer("sacctmgr", out="onboarding|onboarding\nsme|onboarding\n")
    rows = "onboarding||gres/gpu=6000|gres/gpu=60\nsme|||gres/gpu=1\n"
    hub.slurm.answer("sshare", out=rows)
    page = browser.told("spawn").text
    assert f"onboarding: 5{GAP}940 GPU minutes left" in page
    assert "sme: no limit on GPU minutes" in page
    assert f"Account onboarding: 5{GAP}940 GPU minutes left." in page


def test_when_a_start_would_be(hub: RunningHub, browser: Browser) -> None:
    for minutes, sentence in ((0, "Starts at once."), (150, "Starts within about 5 hours.")):
        start = (datetime.now() + timedelta(minutes=minutes, seconds=20)).isoformat(timespec="seconds")
        hub.slurm.answer("sbatch", err=f"sbatch: Job 7 to start at {start} using 2 processors on nodes cpu1")
        assert sentence in Words(browser.told("spawn").text).text
    hub.slurm.answer("sbatch", err="sbatch: error: AssocGrpGRESMinutes", code=1)
    assert "Starts" not in Words(browser.told("spawn").text).seen
    hub.slurm.heal("sbatch")


def test_a_slow_slurm_keeps_no_page_back(hub: RunningHub, browser: Browser) -> None:
    """A page asks nothing, so it comes whatever Slurm does; what Slurm says comes after it."""
    commands = ("sacctmgr", "sshare", "sbatch", "scontrol", "sacct")
    hub.slurm.answer("sacctmgr", seconds=600)
    before = {name: len(hub.slurm.calls(name)) for name in commands}
    page = re.sub(r"\s+", " ", browser.get("spawn").text)
    assert "What do you need?" in page
    assert 'role="status" aria-live="polite" data-pending>Asking Slurm what a start costs' in page
    answer = browser.post("spawn", {"profile": "nope"})
    assert (answer.status, "Choose from: cpu, gpu-1" in answer.text) == (400, True)
    assert {name: len(hub.slurm.calls(name)) for name in commands} == before
    # The question that the page then asks is held, and answered in its time by a sentence.
    told = browser.told("spawn").text
    assert "Slurm does not answer just now" in told
    assert "data-pending" not in told
    assert len(hub.slurm.calls("sacctmgr")) == before["sacctmgr"] + 1


def test_the_way_from_hub_to_node_is_said_to_be_unencrypted(browser: Browser) -> None:
    assert "your work travels unencrypted" in browser.get("spawn/alice").text


def test_what_was_tried_needs_no_caution(browser: Browser) -> None:
    assert "Nobody has run" not in browser.get("spawn").text


def test_the_last_choice_is_chosen_again(hub: RunningHub, browser: Browser) -> None:
    hub.api("PATCH", "users/alice/server", {"user_options": {"profile": "gpu-1"}})
    page = re.sub(r"\s+", " ", browser.get("spawn").text)
    assert 'value="gpu-1" required checked' in page
    hub.api("PATCH", "users/alice/server", {"user_options": {}})


def test_the_form_starts_what_was_chosen(hub: RunningHub, browser: Browser) -> None:
    browser.get("spawn")
    answer = browser.post("spawn", {"profile": "gpu-1", "time": "", "safe_start": "true"})
    assert "/hub/spawn-pending/alice" in answer.url
    script = hub.submitted()[-1]["stdin"]
    assert "--gres=gpu:1" in script
    assert "--safe-start" in script
    assert "#SBATCH --time=60" in script


def test_a_refused_form_comes_back_as_it_was_left(hub: RunningHub, browser: Browser) -> None:
    """Also that of a server with a name, with the sentence at the field that it is about."""
    for server in ("", "/alice/training"):
        typed = {"profile": "gpu-1", "time": "100000", "safe_start": "true", "reservation": "spring"}
        answer = browser.post(f"spawn{server}", typed)
        page = re.sub(r"\s+", " ", answer.text)
        assert answer.status == 400
        assert 'value="gpu-1" required checked' in page
        assert '<details class="onramp-more" open>' in page
        assert 'value="100000" aria-invalid="true" aria-describedby="time-refused time-hint"' in page
        assert '<p id="time-refused" class="onramp-refused">Option &#39;time&#39; is 100000, but' in page
        assert '<option value="spring" selected>' in page
        assert re.search('name="safe_start" [^>]* checked', page)
        assert ("server <strong>" in page) == bool(server)
        assert page.count('role="alert"') == 1


def test_a_page_that_nobody_filled_in_has_its_choices_closed(browser: Browser) -> None:
    assert '<details class="onramp-more">' in browser.get("spawn").text
    assert "aria-invalid" not in browser.get("spawn").text.replace("[aria-invalid]", "")


def test_a_link_presets_options_and_opens_a_notebook(hub: RunningHub, browser: Browser) -> None:
    """The link of the documents: the options begin a start, and `next` is where it leads to."""
    hub.end_jobs()
    answer = browser.get("spawn?opt-profile=gpu-1&opt-time=30&next=/hub/user-redirect/lab/tree/notebooks/x.ipynb")
    assert "/hub/spawn-pending/alice" in answer.url
    script = hub.submitted()[-1]["stdin"]
    assert ("--gres=gpu:1" in script, "#SBATCH --time=30" in script) == (True, True)
    job_id = max((path.name for path in (hub.slurm.state / "jobs").iterdir()), key=int)
    hub.scripts[job_id] = script
    hub.run_job(job_id)
    hub.ready("alice")
    landed = browser.get(answer.url.partition("/hub/")[2])
    assert landed.url.partition("?")[0].endswith("/user/alice/lab/tree/notebooks/x.ipynb")
    hub.api("DELETE", "users/alice/server")
    hub.end_jobs()


def test_home_says_where_a_server_runs(hub: RunningHub, browser: Browser) -> None:
    job_id = hub.start_server("alice", profile="cpu")
    assert "Main server Starting Watch" in Words(browser.get("home").text).text
    hub.run_job(job_id)
    hub.ready("alice")
    assert f"Main server Running on {NODE}" in Words(browser.get("home").text).text
    hub.api("DELETE", "users/alice/server")
    words = Words(browser.get("home").text).text
    assert re.search(
        r"Main server Not running since \d\d:\d\d: it was stopped from the hub by tests. Start again", words
    )
    hub.end_jobs()


@pytest.mark.parametrize(
    "path",
    ["home", "spawn", "spawn?opt-profile=nope", "token", "no-such-page", "spawn-pending/bob", "login?token=spent"],
)
def test_every_page_is_made_of_words(hub: RunningHub, browser: Browser, path: str) -> None:
    page = (Browser(hub.base) if path.startswith("login") else browser).get(path)
    words = Words(page.text)
    assert not {"None", "null", "undefined", "NaN", "Traceback", "[]", "{}"} & set(words.seen)
    assert len(words.ids) == len(set(words.ids))
    assert not set(words.unnamed) - words.named
    assert page.text.count("<h1") == 1
    assert page.text.count("<main") == 1


@pytest.mark.parametrize("path", ["home", "spawn", "login"])
def test_nothing_comes_from_elsewhere(hub: RunningHub, browser: Browser, path: str) -> None:
    page = browser.get(path).text
    assert not re.findall(r'(?:src|href|action)="(?:https?:)?//[^"]*"', page)


def test_what_people_type_is_escaped(hub: RunningHub, browser: Browser) -> None:
    page = Browser(hub.base).sign_in('<script>alert("x")</script>', "wrong password")
    assert "<script>alert(" not in page.text
    assert "<script>alert(" not in browser.get("spawn?opt-profile=%3Cscript%3Ealert(1)").text


@pytest.mark.parametrize("name", ["onramp.css", "servers.js", "fill.js"])
def test_style_and_script_are_served_by_the_hub(hub: RunningHub, name: str) -> None:
    assert hub.get(f"onramp/{name}").text == (pages.STATIC / name).read_text()


@pytest.mark.parametrize("name", ["../__init__.py", "%2e%2e/__init__.py", "/etc/passwd"])
def test_and_nothing_else_is(hub: RunningHub, name: str) -> None:
    assert hub.get(f"onramp/{name}").status in (400, 403, 404)
