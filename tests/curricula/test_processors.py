"""Which processor a notebook begins on."""

import os
from contextlib import ExitStack

from curricula.processors import Processors
from curricula.report import Limits


def test_notebooks_at_once_are_on_different_processors_as_long_as_there_are_some() -> None:
    every = sorted(os.sched_getaffinity(0))
    processors = Processors()
    for _ in range(2):  # they are given back
        with ExitStack() as stack:
            first = [stack.enter_context(processors.one(Limits())) for _ in every]
            again = [stack.enter_context(processors.one(Limits())) for _ in every]
        assert sorted(first) == sorted(again) == every


def test_one_alone_is_where_this_process_is() -> None:
    before = os.sched_getaffinity(0)
    processors = Processors()
    try:
        for number in before:
            os.sched_setaffinity(0, {number})
            with processors.one(Limits()) as one:
                assert one == number
    finally:
        os.sched_setaffinity(0, before)


def test_who_may_keep_several_busy_has_all() -> None:
    with Processors().one(Limits(seconds=10, cpu_seconds=20)) as one:
        assert one is None
