"""Every address that the service has, read from its own table: one that is added later is among them."""

from collections.abc import Iterator
from urllib.parse import quote

from tornado.routing import PathMatches
from tornado.web import RequestHandler

from curricula.service.app import make_app
from tests.curricula.service_here import PREFIX, Service


def addresses(service: Service, *, user: str, number: int) -> Iterator[tuple[str, type[RequestHandler]]]:
    """Yield each path, about an attempt at the second assignment of the first course, and who answers there."""
    app = make_app(service.desk, service.teaching, prefix=PREFIX, look={}, cookie_secret=b"x" * 32)
    values = (
        ("courses/([^/]+)", "courses/c1"),
        ("assignments/([^/]+)", "assignments/a2"),
        ("marking/([^/]+)", "marking/a2"),
        ("similar/([^/]+)", "similar/a2"),
        ("as/([^/]+)", f"as/{quote(user, safe='')}"),
        ("submissions/(\\d{1,12})", f"submissions/{number}"),
        ("certificates/([A-Z2-7-]{19})", "certificates/AAAA-BBBB-CCCC-DDDD"),
        ("(release|grade|feedback)", "grade"),
        ("static/(.*)", "static/course.js"),
        ("(.*)", "nothing/here"),
        ("\\.", "."),
    )
    for rule in app.wildcard_router.rules:
        assert isinstance(rule.matcher, PathMatches)
        path = rule.matcher.regex.pattern.removeprefix(PREFIX).removesuffix("$")
        for group, value in values:
            path = path.replace(group, value)
        assert not set(path) & set("()[]\\"), f"Say above what to put in the place of the group in {path}"
        yield path, rule.target
