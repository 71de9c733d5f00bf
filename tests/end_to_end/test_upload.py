"""A large file, uploaded in JupyterLab over a network that goes away: the second upload sends what is missing."""

import hashlib
import os
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.end_to_end.browser import PATIENCE, sign_in, start
from tests.end_to_end.factory import Factory
from tests.end_to_end.person import Person
from tests.end_to_end.picture import picture

USER = "student3"
PIECES = 5


def test_an_upload_that_broke_off_goes_on(factory: Factory, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(os.urandom(PIECES * 4 * 1024**2))
    sent: list[str] = []

    def passes(route: Route) -> None:
        """Let three pieces through, and none after them."""
        if route.request.method == "PUT":
            sent.append(route.request.url)
        if len(sent) > 3:
            route.abort()
        else:
            route.continue_()

    factory.attempt("sh", "-c", "rm -f model.bin*", user=USER)
    sign_in(page, factory, USER)
    start(page, "CPU notebook")
    page.goto(f"{factory.url}/user/{USER}/lab?reset")
    page.route("**/api/contents/model.bin*", passes)
    choose(page, file)
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("model.bin broke off when 60 % of it had come", timeout=PATIENCE)
    picture(page, "upload", width=1000, height=500)
    dialog.get_by_role("button").last.click()
    page.unroute("**/api/contents/model.bin*")

    page.reload()
    page.on("request", lambda request: sent.append(request.url) if request.method == "PUT" else None)
    sent.clear()
    choose(page, file)
    expect(page.get_by_text("Uploaded model.bin")).to_be_visible()
    assert len([url for url in sent if "/api/contents/model.bin" in url]) == PIECES - 3
    there = factory.exec("sha256sum", f"/home/{USER}/model.bin", user=USER).split()[0]
    assert there == hashlib.sha256(file.read_bytes()).hexdigest()
    factory.exec("rm", f"/home/{USER}/model.bin", user=USER)
    with Person(factory, USER):
        pass


def choose(page: Page, file: Path) -> None:
    """Press Upload Files, and choose one."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload Files").click()
    chooser.value.set_files(file)
