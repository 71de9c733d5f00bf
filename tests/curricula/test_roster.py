"""Rosters: who a CSV names, and who is in a course."""

from datetime import UTC, datetime
from typing import Any

import pytest

from curricula.events import Event
from curricula.roster import MOST, RosterError, members, read_roster
from tests.conftest import HOSTILE


@pytest.mark.parametrize(
    "text",
    [
        "ann\nbob\n",
        "\ufeffuser\r\nann\r\n\r\nbob\r\nann\r\n",
        'id,last_name,first_name,email\nann,A,"An, n",a@x\nbob,B,B,b@x',
        "last;ID \nA; ann\nB;bob",
        "name\tlogin\nA\tann\nB\tbob",
        "ann,anything else\nbob,",
    ],
)
def test_who_a_roster_names(text: str) -> None:
    assert read_roster(text) == ("ann", "bob")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The roster is empty"),
        (" \n,,\n", "The roster is empty"),
        ("user,x\nann,1\n,2\n", "Line 3 of the roster names nobody"),
        ("x,user\n1\n", "Line 2 of the roster names nobody"),
        ("ann\nann lee\n", "Line 2 of the roster names 'ann lee', which is no hub user. Nothing was changed."),
        ('ann,"x\n', "The roster is no CSV"),
        ("".join(f"u{n}\n" for n in range(MOST + 1)), "at most 10000"),
    ],
)
def test_a_roster_that_is_none(text: str, said: str) -> None:
    with pytest.raises(RosterError, match=said):
        read_roster(text)


@pytest.mark.parametrize("text", [text for text in HOSTILE if text.strip()], ids=ascii)
def test_a_hostile_name_is_refused_whole_or_not_a_name_of_its_own(text: str) -> None:
    with pytest.raises(RosterError):
        read_roster(f"ann\n{text}\n")


def test_who_is_in() -> None:
    def event(kind: Any, user: str) -> Event:
        return Event(id=1, at=datetime.now(UTC), kind=kind, course="c", user=user, actor="t")

    happened = [event("joined", "ann"), event("left", "ann"), event("joined", "bob"), event("left", "eve")]
    assert members(happened) == {"bob"}
    assert members([*happened, event("joined", "ann")]) == {"ann", "bob"}
