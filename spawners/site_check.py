"""Check a site: every profile, for every purpose and through every lane, against the site's own rules."""

from collections.abc import Iterator
from dataclasses import dataclass

from spawners.resources import Ask, Request, fill, qos_name
from spawners.rules import broken_rules
from spawners.site import Profile, Site, lanes

# The rule that a file breaks by what nobody has read yet, which is listed and is no mistake.
UNREAD = "environment-missing"


@dataclass(frozen=True)
class Checked:
    """What a check found: how many requests were tried, the rules that some broke, and what is still open."""

    name: str
    tried: int
    mistakes: tuple[str, ...]
    open: str


def check_site(site: Site) -> Checked:
    """Try what a person would ask for; a site whose own profiles are refused helps nobody."""
    asks = [ask for profile in site.profiles for ask in _asks(site, profile)]
    found = [(ask, broken) for ask in asks for broken in broken_rules(ask)]
    mistakes = {
        f"profile {ask.profile.name}, for a {ask.request.purpose}: {broken.rule}: {broken.sentence}": None
        for ask, broken in found
        if broken.rule != UNREAD
    }
    closed = dict.fromkeys(ask.profile.name for ask, broken in found if broken.rule == UNREAD)
    return Checked(site.name, len(asks), tuple(mistakes), _open(site, tuple(closed)))


def _open(site: Site, closed: tuple[str, ...]) -> str:
    """What is no mistake and still to be done: profiles to verify, and those that start nothing until then."""
    unverified = [profile.name for profile in site.profiles if not profile.verified]
    still = f"not verified on the system: {', '.join(unverified)}" if unverified else "every profile verified"
    return f"{still}; refused as {UNREAD}: {', '.join(closed)}" if closed else still


def _asks(site: Site, profile: Profile) -> Iterator[Ask]:
    """Requests for a profile in its own lane, and in each other no longer than that one allows."""
    for purpose in profile.purposes:
        for number, lane in enumerate(lanes(profile)):
            partition = site.partition(lane.partition)
            account = sample_account(partition.account or site.account.template)
            qos = next((qos for qos in partition.qos if qos.name == lane.qos), None)
            limits = (profile.time, partition.max_time, qos and qos.max_time)[: None if number else 1]
            request = Request(
                purpose=purpose,
                profile=profile.name,
                partition=lane.partition,
                account=account,
                qos=None if qos is None else qos_name(qos, account),
                constraint=lane.constraint,
                time=min(limit for limit in limits if limit),
            )
            yield Ask(site=site, request=request, resources=fill(request, site))


def sample_account(template: str) -> str:
    """Return an account of the form that a template asks for."""
    return template.replace("{project}", "project1")
