"""The one gate through which untrusted options become a Request, and a Request becomes Resources."""

from collections.abc import Mapping

from spawners.options import READERS, RequestError, show
from spawners.resources import Ask, Request, Resources, fill
from spawners.rules import broken_rules
from spawners.site import Purpose, Site

__all__ = ["Request", "RequestError", "Resources", "parse_request", "resolve"]


def parse_request(options: Mapping[str, object], site: Site, *, purpose: Purpose = "server") -> Request:
    """Make a Request of untrusted options (form, URL and REST alike); RequestError lists the valid choices.

    Form values arrive as strings and are read strictly; an empty string or None means "not given".
    Limits are checked too, so that a Request that came through here can be resolved.
    """
    fitting = tuple(profile for profile in site.profiles if purpose in profile.purposes)
    values, mistakes = _read(options, site.model_copy(update={"profiles": fitting}))
    if "profile" not in values and not mistakes:
        mistakes.append(f"Option 'profile' is missing. Choose from: {', '.join(p.name for p in fitting)}.")
    if values.get("purpose", purpose) != purpose:
        mistakes.append(f"Option 'purpose' is {show(values['purpose'])}. Choose from: {purpose}.")
    if mistakes:
        raise RequestError("\n".join(mistakes))
    request = Request.model_validate(values | {"purpose": purpose})
    resolve(request, site)
    return request


def _read(options: Mapping[str, object], site: Site) -> tuple[dict[str, object], list[str]]:
    """The options that could be read, and one sentence for each that could not."""
    values: dict[str, object] = {}
    mistakes: list[str] = []
    unknown = [key for key in options if key not in READERS]
    if unknown:
        mistakes.append(f"Unknown option {', '.join(map(show, unknown[:5]))}. Choose from: {', '.join(READERS)}.")
    for key, read in READERS.items():
        value = options.get(key)
        if value is None or value == "":
            continue
        try:
            values[key] = read(key, value, site)
        except RequestError as e:
            mistakes.append(str(e))
    return values, mistakes


def resolve(request: Request, site: Site, *folders: str, attended: bool = True) -> Resources:
    """Fill a Request from its profile and hold it against the rules of its site; RequestError says every one broken.

    `folders` are those that the job would use, where they are known; `attended`: a person asks, not a service.
    """
    resources = fill(request, site)
    profile = site.profile(request.profile)
    if request.purpose not in profile.purposes:
        fitting = [p.name for p in site.profiles if request.purpose in p.purposes]
        raise RequestError(
            f"Profile '{profile.name}' is not for a {request.purpose}. Choose from: {', '.join(fitting) or 'none'}."
        )
    broken = broken_rules(Ask(site=site, request=request, resources=resources, folders=folders, attended=attended))
    if broken:
        raise RequestError("\n".join(rule.sentence for rule in broken))
    return resources
