"""What is left in the events of somebody who is erased: when, and with how many points, and no word of who. Pure."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from curricula.events import Event, Kind

GONE = "(erased)"
PSEUDONYM = re.compile(r"erased-[0-9a-f]{12}")
# Of these the key holds its user's name; one who comes back begins anew.
_NAMED_KEYS = ("joined", "received", "certified")

Payload = Mapping[str, Any]


def erased(received: Event) -> bool:
    """Whether the notebook of a `received` event was deleted, since its author was erased."""
    return bool(received.payload.get("erased"))


def without(event: Event, person: str, pseudonym: str) -> Event:
    """Return an event with `pseudonym` in the place of `person`; the very same event where it does not name them.

    Free text that is theirs or about them goes; in what was written to somebody else their name is replaced.
    """
    if event.user != person:
        payload = _NAMING.get(event.kind, _as_it_is)(event.payload, person, pseudonym)
        actor = pseudonym if event.actor == person else event.actor
        changed = event.model_copy(update={"actor": actor, "payload": payload})
        return event if changed == event else changed
    return event.model_copy(
        update={
            "user": pseudonym,
            "actor": pseudonym if event.actor == person else event.actor,
            "key": None if event.kind in _NAMED_KEYS else event.key,
            "payload": _THEIRS.get(event.kind, _as_it_is)(event.payload, person, pseudonym),
        }
    )


def _as_it_is(payload: Payload, _person: str, _pseudonym: str) -> Payload:
    return payload


def _received(payload: Payload, _person: str, _pseudonym: str) -> Payload:
    return {**payload, "erased": True}


def _result(payload: Payload, _person: str, _pseudonym: str) -> Payload:
    """The points of a result; its messages may quote what was handed in, or name its author's jobs."""
    cells = [{**cell, "message": cell.get("message", "") and GONE} for cell in payload.get("cells", ())]
    return {**payload, "cells": cells, "not_run": payload.get("not_run") and GONE}


def _certified(payload: Payload, _person: str, pseudonym: str) -> Payload:
    """A certificate that no number leads to: whoever holds it on paper would know whom the pseudonym stands for."""
    certificate = {**payload["certificate"], "learner": pseudonym}
    return {**payload, "certificate": certificate, "signature": "", "number": ""}


def _comment(payload: Payload, _person: str, _pseudonym: str) -> Payload:
    return {**payload, "comment": payload["comment"] and GONE}


def _comment_to_another(payload: Payload, person: str, pseudonym: str) -> Payload:
    named = rf"(?<!\w){re.escape(person)}(?!\w)"
    return {**payload, "comment": re.sub(named, pseudonym, payload["comment"], flags=re.IGNORECASE)}


def _edited(payload: Payload, person: str, pseudonym: str) -> Payload:
    """What a course's files said, of those who teach it."""

    def renamed(names: Any) -> Any:
        return [pseudonym if name == person else name for name in names] if isinstance(names, list) else names

    rules = {**payload["rules"], "teachers": renamed(payload["rules"].get("teachers"))}
    changes = [
        {**one, "from": renamed(one["from"]), "to": renamed(one["to"])} if one["what"] == "teachers" else one
        for one in payload["changes"]
    ]
    return {**payload, "rules": rules, "changes": changes}


_Rewrite = Callable[[Payload, str, str], Payload]
_THEIRS: Mapping[Kind, _Rewrite] = {
    "received": _received,
    "graded": _result,
    "not_run": _result,
    "certified": _certified,
    "overridden": _comment,
    "withdrawn": _comment,
}
_NAMING: Mapping[Kind, _Rewrite] = {
    "overridden": _comment_to_another,
    "withdrawn": _comment_to_another,
    "edited": _edited,
}
