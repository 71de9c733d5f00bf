"""How alike the answers of two learners are: a hint of where to look, never a finding. Pure, and always the same.

Of each answer only what a program does is kept: no comment, no layout, no name that its author chose. Runs of five such
words are compared as sets (Jaccard), without those that were given to everybody and those that most have in common.
"""

import builtins
import io
import keyword
import re
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import combinations

from pydantic import BaseModel

from curricula.answers import Written

RUN = 5  # words
ENOUGH = 12  # runs that two answers must have, or they are too short to say anything
ALIKE = 0.6
MANY = 6  # answers, from which on it can be said what most have in common
_BUILT_IN = frozenset(dir(builtins))
_LAYOUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
_BEGIN = {tokenize.ENCODING, tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.COMMENT}
_WORD = re.compile(r"\w+")
Shingles = frozenset[tuple[str, ...]]


class Pair(BaseModel, frozen=True):
    """Two learners, by name and not by merit, whose answers in `cell` are alike by `share` (0 to 1)."""

    cell: str
    users: tuple[str, str]
    share: float
    texts: tuple[Written, Written]

    @property
    def percent(self) -> int:
        """The share in whole percent, rounded down."""
        return int(self.share * 100)


def pairs(given: Mapping[str, Written], written: Mapping[str, Mapping[str, Written]]) -> tuple[Pair, ...]:
    """Return who has answers alike, the most alike first: `given` is what was released, `written` each one's answers.

    Both are by the name of the cell. Only cells that were released count.
    """
    found = [pair for cell, text in given.items() for pair in _of_cell(cell, text, written)]
    return tuple(sorted(found, key=lambda one: (-one.share, one.cell, one.users)))


def _of_cell(cell: str, given: Written, written: Mapping[str, Mapping[str, Written]]) -> Iterator[Pair]:
    texts = {user: cells[cell] for user, cells in sorted(written.items()) if cell in cells}
    own = _own({user: shingles(text) for user, text in texts.items()}, shingles(given))
    for (one, other), share in alike(own).items():
        if share >= ALIKE:
            yield Pair(cell=cell, users=(one, other), share=share, texts=(texts[one], texts[other]))


def _own(found: Mapping[str, Shingles], given: Shingles) -> dict[str, Shingles]:
    """Leave out what was given, and what more than half of all wrote: that is how the exercise is solved."""
    counted = Counter(shingle for one in found.values() for shingle in one)
    usual = {shingle for shingle, count in counted.items() if len(found) >= MANY and count > len(found) / 2}
    return {user: one - given - usual for user, one in found.items()}


def alike(found: Mapping[str, Shingles]) -> dict[tuple[str, str], float]:
    """Return how alike the sets of every two are that have anything in common, and enough to compare."""
    long = {user: one for user, one in found.items() if len(one) >= ENOUGH}
    who: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for user in sorted(long):
        for shingle in long[user]:
            who[shingle].append(user)
    common = Counter(pair for users in who.values() for pair in combinations(users, 2))
    return {(a, b): count / (len(long[a]) + len(long[b]) - count) for (a, b), count in common.items()}


@lru_cache(maxsize=4096)
def shingles(text: Written) -> Shingles:
    """Return the runs of words in an answer."""
    said = list(_program(text.source)) if text.code else _WORD.findall(text.source.lower())
    return frozenset(tuple(said[at : at + RUN]) for at in range(len(said) - RUN + 1))


def _program(source: str) -> Iterator[str]:
    """Yield the words of a program, every name of its author's and every text as one word; up to where it is none."""
    before = ""
    for token in _alone(_tokens(source)):
        name = token.type == tokenize.NAME and not keyword.iskeyword(token.string)
        if name and before != "." and token.string not in _BUILT_IN:
            yield "name"
        elif token.type == tokenize.STRING:
            yield "text"
        else:
            yield token.string
        before = token.string


def _alone(tokens: Iterable[tokenize.TokenInfo]) -> Iterator[tokenize.TokenInfo]:
    """Leave out layout, comments, and texts that are a whole line, which are comments too."""
    last = tokenize.ENCODING
    held: tokenize.TokenInfo | None = None
    for token in tokens:
        if held and token.type not in (tokenize.NEWLINE, tokenize.COMMENT, tokenize.ENDMARKER):
            yield held
        held = token if token.type == tokenize.STRING and last in _BEGIN else None
        if not held and token.type not in _LAYOUT and token.string.strip():
            yield token
        last = token.type


def _tokens(source: str) -> Iterator[tokenize.TokenInfo]:
    try:
        yield from tokenize.generate_tokens(io.StringIO(source).readline)
    except (tokenize.TokenError, SyntaxError):
        return
