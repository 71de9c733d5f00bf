"""The page with a course's map of skills: a learner's own, or for teachers how far all are."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from curricula.course import Assignment, Course, CourseError, Track
from curricula.module import Module, load_module
from curricula.service.certifying import given, lacking
from curricula.service.http import Page
from curricula.service.refused import Refused
from curricula.service.skills import crowd, minutes_left, on_track, step, words_of
from curricula.service.standing import Standing

Modules = Mapping[str, Module | None]


class Map(Page):
    """The modules of one track in order, what one learns there, and how far one is."""

    async def get(self, name: str) -> None:
        """Show the track that was asked for (`track`), or else the whole course."""
        course = self.desk.attended(self.user, name)
        track = self._track(course)
        modules = {one.name: _module(course, one) for one in on_track(course, track)}
        if self.user in course.teachers:
            shown = await asyncio.to_thread(self._crowd, course, modules)
        else:
            shown = self._own(course, track, modules)
        words = words_of(modules.values())
        self.render_page("map.html", course=course, called=self.desk.called(course), track=track, words=words, **shown)

    def _own(self, course: Course, track: Track | None, modules: Modules) -> dict[str, Any]:
        """Return how far the learner is who asks, and what they lack for the track's certificate."""
        found = self.desk.standings(course, self.user)
        ordered = _in_order(found, modules)
        steps = [step(one, modules[one.assignment.name]) for one in ordered]
        lacks: list[str] = []
        if track and track.certificate and not given(self.desk, course, track, self.user):
            lacks = [*lacking(track.certificate, ordered)]
        return {"steps": steps, "learners": None, "left": minutes_left(steps), "lacks": lacks}

    def _crowd(self, course: Course, modules: Modules) -> dict[str, Any]:
        """Return how far all are."""
        found = self.desk.standings(course)
        learners = self.desk.learners(course)
        steps = [crowd(one, modules[one.assignment.name], learners) for one in _in_order(found, modules)]
        return {"steps": steps, "learners": learners}

    def _track(self, course: Course) -> Track | None:
        asked = self.get_argument("track", "")
        for track in course.tracks:
            if track.name == asked:
                return track
        if asked:
            known = ", ".join(track.name for track in course.tracks) or "none: it has no tracks"
            raise Refused(404, f"{course.title} has no track {ascii(asked)[:60]}: choose one of {known}.")
        return None


def _in_order(found: Iterable[Standing], modules: Modules) -> list[Standing]:
    by_name = {one.assignment.name: one for one in found}
    return [by_name[name] for name in modules]


def _module(course: Course, assignment: Assignment) -> Module | None:
    """What a module is for; None where its author wrote no module.yaml, or one that cannot be read."""
    try:
        return load_module(course, assignment)
    except CourseError:
        return None


ADDRESSES = ((r"courses/([^/]+)/map", Map),)
