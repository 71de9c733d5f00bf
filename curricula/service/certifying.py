"""Certificates: what a learner still lacks for one, the page that gives it, the page that everybody can check."""

from collections.abc import Iterable, Iterator, Sequence

from pydantic import ValidationError

from curricula.certificate import Certificate, Signed, genuine, sign
from curricula.course import Award, Course, Track
from curricula.events import Event
from curricula.service.courses import check_teacher
from curricula.service.desk import Desk
from curricula.service.http import COURSE, Page
from curricula.service.refused import Refused
from curricula.service.skills import on_track
from curricula.service.standing import Attempt, Standing
from curricula.submissions import spoken
from spawners.run_seal import private_key, public_key

KEY = "certificate_key"  # in the course account's folder
NUMBER = r"([A-Z2-7-]{19})"


def lacking(award: Award, found: Iterable[Standing]) -> Iterator[str]:
    """Yield a sentence for each module of a track that has not what the certificate takes. Pure."""
    for one in found:
        said = _lacking(award, one.attempts[-1] if one.attempts else None)
        if said:
            yield f"{one.assignment.title}: {said}"


def _lacking(award: Award, last: Attempt | None) -> str:
    """Say what the last attempt at a module lacks; a module without points takes none."""
    if last is None:
        return "nothing is handed in."
    if not last.shown or last.mark is None or last.score is None:
        return "there is no result yet." if not last.shown else last.sentence
    if any(cell.score is None for cell in last.mark.cells):
        return f"{last.sentence}."
    least = (last.mark.max_score or 0) * award.percent / 100
    return "" if last.score >= least - 1e-9 else f"{last.sentence}; it takes {least:g}."


def stands(desk: Desk, course: Course, track: Track, user: str) -> tuple[Standing, ...]:
    """Return how a learner stands with each module of a track, in its order."""
    by_name = {one.assignment.name: one for one in desk.standings(course, user)}
    return tuple(by_name[one.name] for one in on_track(course, track))


def given(desk: Desk, course: Course, track: Track, user: str) -> Signed | None:
    """Return the certificate that a learner has been given, if any."""
    known = desk.store.events(course=course.name, kind="certified", user=user)
    return next((_signed(one) for one in known if one.key == _key(course, track, user)), None)


def checked(desk: Desk, told: bytes) -> str:
    """Return what a certificate says that came as a file, if this site signed it. Raises Refused."""
    try:
        signed = Signed.model_validate_json(told)
    except ValidationError:
        raise Refused(400, "This is no certificate: take the file that its page gives as it is.") from None
    said = signed.certificate
    if not genuine(signed, public_key(private_key(desk.root / KEY))):
        raise Refused(400, f"Not genuine: what is said here of {ascii(said.learner)[:60]} was not signed by this site.")
    if taken := _withdrawn(desk, signed.number):
        raise Refused(409, f"It was withdrawn on {spoken(taken.at)}, though {said.learner} once had it.")
    return f"Genuine: {said.learner} has “{said.title}” for {said.track} of {said.course}, of {spoken(said.at)}."


def withdraw(desk: Desk, teacher: str, course: Course, track: str, learner: str, comment: str) -> str:
    """Take a learner's certificate back, for a reason that stands in the log; it is not given again. Raises Refused."""
    check_teacher(course, teacher)
    signed = given(desk, course, _awarded(course, track)[0], learner)
    if signed is None:
        raise Refused(404, f"{ascii(learner)[:60]} has no certificate for the track {track} of {course.title}.")
    if not comment.strip():
        raise Refused(
            400, "Say as --comment why: it stands in the course's log, and the certificate's page leaves it out."
        )
    told = {"number": signed.number, "comment": comment.strip()}
    key = f"withdrawn:{signed.number}"
    desk.store.append("withdrawn", course=course.name, user=learner, actor=teacher, key=key, payload=told)
    return f"The certificate {signed.number} of {learner} is withdrawn, and its page says so."


class Certifying(Page):
    """The learner's own: gives it to whoever has what it takes, once, and leads to it; says what is lacking else."""

    def get(self, name: str) -> None:
        """Look, sign and lead there; one that was given before says what held then, whatever was handed in since."""
        course = self.desk.attended(self.user, name)
        track, award = _awarded(course, self.get_argument("track", ""))
        if self.user in course.teachers:
            raise Refused(403, "Certificates are for learners, and you teach this course.")
        signed = given(self.desk, course, track, self.user) or self._give(course, track, award)
        self.redirect(f"{self.hub_auth.base_url}certificates/{signed.number}")

    def _give(self, course: Course, track: Track, award: Award) -> Signed:
        left = [*lacking(award, stands(self.desk, course, track, self.user))]
        if left:
            raise Refused(409, " ".join((f"For the certificate “{award.title}” you still need this.", *left)))
        certificate = Certificate(
            site=self.settings["look"]["site_title"],
            course=course.title,
            track=track.title,
            title=award.title,
            percent=award.percent,
            learner=self.user,
            modules=tuple(one.title for one in on_track(course, track)),
            at=self.now.replace(microsecond=0),
        )
        signed = sign(certificate, private_key(self.desk.root / KEY))
        key, told = _key(course, track, self.user), signed.model_dump(mode="json") | {"number": signed.number}
        event = self.desk.store.append(
            "certified", course=course.name, user=self.user, actor=self.user, key=key, payload=told
        )
        return _signed(event)


class Shown(Page):
    """A certificate for whoever has its number, signed in or not: what it says, and whether this site signed it."""

    def stranger(self) -> None:
        """Let them see it: the number is the secret."""

    def get(self, number: str) -> None:
        """Show it, or give it as a file (`?file`)."""
        known = self.desk.store.events(kind="certified")
        signed = next((_signed(one) for one in known if one.payload["number"] == number), None)
        if signed is None:
            raise Refused(404, f"No certificate of this site has the number {number}. Compare each letter and digit.")
        if self.get_argument("file", None) is not None:
            self.send_file(f"certificate-{number}.json", "application/json", signed.model_dump_json(indent=1).encode())
            return
        self.render_page(
            "certificate.html",
            said=signed.certificate,
            signed=signed,
            genuine=genuine(signed, public_key(private_key(self.desk.root / KEY))),
            withdrawn=_withdrawn(self.desk, number),
            here=f"{self.request.host}{self.request.path}",
        )


def _withdrawn(desk: Desk, number: str) -> Event | None:
    return next((one for one in desk.store.events(kind="withdrawn") if one.payload["number"] == number), None)


def _key(course: Course, track: Track, user: str) -> str:
    return f"certified:{course.name}:{track.name}:{user}"


def _awarded(course: Course, asked: str) -> tuple[Track, Award]:
    """Return the track and its certificate. Raises Refused."""
    with_one = [track for track in course.tracks if track.certificate]
    for track in with_one:
        if track.name == asked and track.certificate:
            return track, track.certificate
    known = ", ".join(track.name for track in with_one) or "none"
    raise Refused(404, f"{course.title} has no certificate for the track {ascii(asked)[:60]}: choose one of {known}.")


def _signed(event: Event) -> Signed:
    return Signed.model_validate({name: event.payload[name] for name in ("certificate", "signature")})


ADDRESSES: Sequence[tuple[str, type[Page]]] = (
    (rf"{COURSE}/certificate", Certifying),
    (rf"certificates/{NUMBER}", Shown),
)
