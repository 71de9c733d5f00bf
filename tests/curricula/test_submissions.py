"""What is handed in is kept whole under its sha256, or not at all."""

import hashlib
import json
import stat

import pytest

from curricula.submissions import Store, SubmissionError, TooLarge

NOTEBOOK = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}).encode()


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "submissions")


def keep(store, content, *, limit=10_000, step=7):
    with store.incoming(limit) as file:
        for begin in range(0, len(content), step):
            file.write(content[begin : begin + step])
        return file.keep()


def files(tmp_path):
    return [path for path in (tmp_path / "submissions").rglob("*") if path.is_file()]


def test_a_notebook_lies_under_its_sha256_and_nobody_writes_it(store, tmp_path):
    sha256 = keep(store, NOTEBOOK)

    assert sha256 == hashlib.sha256(NOTEBOOK).hexdigest()
    assert store.path(sha256).read_bytes() == NOTEBOOK
    assert stat.S_IMODE(store.path(sha256).stat().st_mode) == 0o400
    assert files(tmp_path) == [store.path(sha256)]


def test_the_same_notebook_twice_is_one_file(store, tmp_path):
    assert keep(store, NOTEBOOK) == keep(store, NOTEBOOK)
    assert len(files(tmp_path)) == 1


def test_too_large_is_refused_while_it_arrives_and_leaves_nothing(store, tmp_path):
    with pytest.raises(TooLarge, match="larger than this assignment takes"):
        keep(store, NOTEBOOK, limit=20)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"print('hello')", "it is not JSON"),
        (b"", "it is not JSON"),
        (b"\xff\xfe\x00", "it is not JSON"),
        (b"[" * 100_000, "it is not JSON"),
        (b"[]", "not a Jupyter notebook"),
        (b'{"nbformat": 3, "worksheets": []}', "not a Jupyter notebook of format 4"),
        (b'{"nbformat": 4, "cells": {}}', "not a Jupyter notebook"),
    ],
    ids=["python", "empty", "bytes", "deep", "list", "old", "cells"],
)
def test_what_is_no_notebook_is_refused_and_leaves_nothing(store, tmp_path, content, sentence):
    with pytest.raises(SubmissionError, match=sentence):
        keep(store, content, limit=1_000_000, step=4096)
    assert files(tmp_path) == []


def test_what_breaks_off_leaves_nothing(store, tmp_path):
    file = store.incoming(1000)
    file.write(NOTEBOOK[:5])
    file.close()

    assert files(tmp_path) == []
