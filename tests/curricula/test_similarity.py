"""Whose answers are alike: copies in disguise are, answers that were found independently are not."""

import json
import random

from curricula.answers import TEXT, Written, answers, questions
from curricula.similarity import Pair, pairs, shingles
from tests.curricula.service_here import SOURCE

GIVEN = "def mean_and_spread(values):\n    # YOUR CODE HERE\n    raise NotImplementedError()"
LOOP = '''def mean_and_spread(values):
    """Mean and spread."""
    # add up
    total = 0
    for value in values:
        total += value
    mean = total / len(values)
    spread = 0
    for value in values:
        spread += (value - mean) ** 2
    print("mean:", mean)
    return mean, (spread / len(values)) ** 0.5
'''
DISGUISED = """def mean_and_spread(xs):
    s = 0  # the sum
    for x in xs:  # every one
        s += x

    m = s / len( xs )
    # now how far they are from it
    d = 0
    for x in xs:
        d += (x - m) ** 2
    print('I found', m)
    'add up'
    return m, (d / len(xs)) ** 0.5
"""
OWN = """import math
def mean_and_spread(values):
    n = len(values)
    middle = sum(values) / n
    return middle, math.sqrt(sum((v - middle) ** 2 for v in values) / n)
"""
ARRAYS = """import numpy as np
def mean_and_spread(values):
    data = np.asarray(values, dtype=float)
    if data.size == 0:
        raise ValueError("none")
    return float(data.mean()), float(data.std())
"""


def found(given: str = GIVEN, **written: str) -> tuple[Pair, ...]:
    cells = {user: {"f": Written(source=text)} for user, text in written.items()}
    return pairs({"f": Written(source=given)}, cells)


def test_a_copy_with_other_names_comments_texts_and_layout_is_alike() -> None:
    (pair,) = found(student2=DISGUISED, student1=LOOP, student3=OWN, student4=ARRAYS)
    assert (pair.users, pair.cell, pair.percent) == (("student1", "student2"), "f", 100)
    assert [text.source for text in pair.texts] == [LOOP, DISGUISED]


def test_a_copy_to_which_a_little_was_done_is_still_alike() -> None:
    moved = LOOP.replace("    total = 0\n", "").replace('    """Mean', '    total = 0\n    """Mean')
    longer = DISGUISED.replace("    d = 0\n", "    if not xs:\n        return None\n    d = 0\n")
    for other in (moved, longer, LOOP.replace("** 0.5", "** (1 / 2)")):
        assert [pair.users for pair in found(a=LOOP, b=other)] == [("a", "b")]


def test_answers_found_independently_are_not() -> None:
    assert found(a=LOOP, b=OWN, c=ARRAYS) == ()


def test_what_was_given_out_does_not_count() -> None:
    skeleton = "\n".join(f"    step_{n} = begin(values, {n}) + [{n}]" for n in range(20))
    given = f"def solve(values):\n{skeleton}\n    raise NotImplementedError()"
    a = given.replace("raise NotImplementedError()", "return [one * 2 for one in step_3 if one and one > 1][::-1]")
    b = given.replace("raise NotImplementedError()", "while step_1.pop():\n        pass\n    return {**step_2} or None")
    assert found(given, a=a, b=b) == ()
    assert len(found(given="", a=a, b=b)) == 1
    assert found(given, a=given, b=given) == ()


def test_short_answers_say_nothing() -> None:
    assert found(a="x = sum(values) / len(values)", b="y = sum(values) / len(values)") == ()


def test_the_way_that_most_go_does_not_count() -> None:
    usual = {f"u{n}": LOOP for n in range(6)}
    assert found(**usual) == ()
    rare = {f"u{n}": OWN for n in range(6)}
    assert [pair.users for pair in found(**rare, a=LOOP, b=DISGUISED)] == [("a", "b")]


def test_the_order_of_what_is_asked_changes_nothing() -> None:
    people = {f"u{n}": text for n, text in enumerate((LOOP, OWN, DISGUISED, ARRAYS, LOOP.replace("0.5", "0.25")))}
    first = found(**people)
    for seed in range(5):
        assert found(**dict(random.Random(seed).sample(sorted(people.items()), len(people)))) == first
    assert len(first) == 3


def test_text_is_compared_word_by_word() -> None:
    one = "A batch must fit into the memory of one GPU, so I halve it until it does, and accumulate gradients instead."
    other = one.replace("GPU,", "**GPU**,").upper()
    own = "First look at nvidia-smi. Then choose the largest size that leaves a tenth of it free while training runs."
    cells = {user: {"e": Written(source=text, code=False)} for user, text in (("a", one), ("b", other), ("c", own))}
    assert [pair.users for pair in pairs({"e": Written(source="YOUR ANSWER HERE", code=False)}, cells)] == [("a", "b")]


def test_no_program_stops_it() -> None:
    broken = (
        "(" * TEXT,
        "x = '''never closed" + LOOP,
        "if x:\n  a\n b\n",
        "%matplotlib inline\n!ls -l\n?x",
        "\0\x1b",
        "é" * 99,
    )
    for text in broken:
        assert isinstance(shingles(Written(source=text)), frozenset)
    assert len(found(a=LOOP + "\n)", b=DISGUISED + "\n(")) == 1


def test_answers_are_the_solution_cells_and_of_copies_the_last() -> None:
    notebook = json.loads(json.dumps(SOURCE))
    again = json.loads(json.dumps(notebook["cells"][0])) | {"source": ["x = ", "1"]}
    notebook["cells"] += [again, {"cell_type": "code", "source": "x = 2", "metadata": {}}]
    assert answers(json.dumps(notebook).encode()) == {"f": Written(source="x = 1")}
    notebook["cells"].insert(0, {"cell_type": "markdown", "source": "# Why?", "metadata": {}})
    assert questions(json.dumps(notebook).encode()) == {"f": "# Why?"}


def test_of_what_anybody_wrote_the_rest_is_passed_over() -> None:
    about = {"nbgrader": {"grade_id": ["f"], "solution": True}}
    strange = ({"metadata": 5}, "x", {"metadata": {"nbgrader": []}}, {"metadata": about, "source": [5, "x"]}, {})
    for content in (b"", b"[1]", b'{"cells": 5}', b"[" * 99_999, b"\xff"):
        assert answers(content) == {}
    assert answers(json.dumps({"cells": strange}).encode()) == {"['f']": Written(source="x", code=False)}
    long = {"metadata": about, "cell_type": "code", "source": "x" * (TEXT + 1)}
    (written,) = answers(json.dumps({"cells": [long]}).encode()).values()
    assert (len(written.source), written.cut) == (TEXT, True)
