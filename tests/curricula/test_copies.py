"""Tests that a copy would let every answer pass."""

import pytest

from curricula.copies import deceived

ANSWERS = {"f": "def f(x):\n    return np.random.permutation(x)"}
OWN = frozenset({"f", "Dog"})


@pytest.mark.parametrize(
    ("test", "why"),
    [
        ("x = [2, 1]\nf(x)\nassert x == [2, 1]", "it looks again at x, which it gave to an answer"),
        ("x = [2, 1]\ny = f(x)\nassert len(x) == 2", "it looks again at x, which it gave to an answer"),
        ("x = [2, 1]\nfor _ in range(2):\n    Dog().eat(food=x)\nassert x[0] == 2", "it looks again at x"),
        ("dog = Dog()\nx = {}\ndog.eat(x)\nassert {} == x", "it looks again at x"),
        ("b = a.copy()\nf(a)\nassert np.array_equal(a, b)", "it looks again at a"),
        ("x = [1]\nassert f(x) is not x", "it asks whether two names are one thing"),
        ("x = [1]\nassert id(f(x)) != id(x)", "it asks whether two names are one thing"),
        ("a = f(x)\nassert not np.shares_memory(a, x)", "it asks whether two names are one thing"),
        ("np.random.seed(1)\nassert len(f(3)) == 3", "it seeds what answers draw"),
        ("rng = torch.manual_seed(1)\nf(3)", "it seeds what answers draw"),
    ],
)
def test_what_must_not_see_copies(test: str, why: str) -> None:
    assert deceived(test, OWN, ANSWERS).startswith(why)


@pytest.mark.parametrize(
    "test",
    [
        "x = [2, 1]\nassert f(x) == sorted(x)",
        "x = [2, 1]\ny = f(x)\nassert y == x",
        "x = [2, 1]\ny = f(x)\nassert np.allclose(y, np.maximum(x, 0))",
        "x = 3\nassert x == 3\nf(x)",
        "for x, y in [(1, 2)]:\n    assert f(x) == y",
        "assert f(1) is None and type(f(1)) is int and f(2) is not True",
        "words = f('a')\nDog(words)\nassert words == 'a'",
    ],
)
def test_what_may(test: str) -> None:
    assert deceived(test, OWN, ANSWERS) == ""


def test_a_seed_for_what_the_test_itself_draws_is_none_for_answers() -> None:
    assert deceived("np.random.seed(1)\nx = np.random.rand(3)\nf(x)", OWN, {"f": "def f(x):\n    return x + 1"}) == ""
    assert deceived("random.seed(1)", OWN, {"f": "# a random choice\n%time 1"}) == ""
