"""What stands in a test for a learner's object; that it is asked for its parts is tried with a process in test_peer."""

import pytest

from curricula.stand_in import NoPlainForm, Remote, RemoteCallable, number_of


class Asked:
    """Who keeps what was asked, and answers with seven."""

    def __init__(self) -> None:
        self.what: list[str] = []

    def ask(self, what: str, *told: object) -> object:
        self.what.append(what)
        return [7, ""] if what == "call" else 7


@pytest.mark.parametrize("kind", [Remote, RemoteCallable])
def test_a_stand_in_has_no_part_of_its_own(kind: type) -> None:
    """What a learner's object is called cannot be mistaken for a part of ours."""
    assert [name for name in vars(kind) if not name.startswith("_")] == []


def test_its_number_is_known_without_a_question() -> None:
    asked = Asked()
    assert number_of(Remote(asked, 3, "Dog")) == 3
    assert asked.what == []


def test_its_parts_are_asked_for_and_comparing_it_is_refused_without_a_question() -> None:
    asked = Asked()
    there = RemoteCallable(asked, 3, "Dog")
    assert [there.name, there[0], len(there), there(1)] == [7] * 4
    with pytest.raises(NoPlainForm, match="a value of type Dog has no plain form"):
        there == there  # noqa: B015
    assert asked.what == ["getattr", "getitem", "len", "call"]
