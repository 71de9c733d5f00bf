"""Who comes in, and what of that is written down."""

import httpx

from tests.end_to_end.factory import Factory

_LOGS = ("sh", "-c", "cat /var/log/onramp/*.log")


def _browser(factory: Factory) -> httpx.Client:
    return httpx.Client(base_url=factory.url, follow_redirects=True, timeout=30)


def _sign_in(browser: httpx.Client, user: str, password: str) -> httpx.Response:
    browser.get("/hub/login")
    xsrf = [cookie.value or "" for cookie in browser.cookies.jar if cookie.name == "_xsrf"][-1]
    return browser.post("/hub/login", data={"username": user, "password": password, "_xsrf": xsrf})


def _is_in(browser: httpx.Client, user: str) -> bool:
    return f"Signed in as <strong>{user}</strong>" in browser.get("/hub/home").text


def test_a_password_signs_in_and_is_not_logged(factory: Factory) -> None:
    password = factory.passwords["student2"]
    with _browser(factory) as browser:
        _sign_in(browser, "student2", password)
        assert _is_in(browser, "student2")
    logs = factory.exec(*_LOGS)
    assert "student2" in logs
    assert password not in logs


def test_somebody_elses_password_does_not(factory: Factory) -> None:
    with _browser(factory) as browser:
        answer = _sign_in(browser, "student2", factory.passwords["student3"])
        assert not _is_in(browser, "student2")
    assert answer.status_code in (401, 403)


def test_a_link_signs_in_once_and_is_not_logged(factory: Factory) -> None:
    link = factory.open("student3")
    with _browser(factory) as first, _browser(factory) as second:
        first.get(link)
        assert _is_in(first, "student3")
        second.get(link)
        assert not _is_in(second, "student3")
    token = httpx.URL(link).params["token"]
    assert token not in factory.exec(*_LOGS)
