"""Counting file descriptors."""

import errno
import os
import resource

import pytest

from hl7calf.service.descriptors import few_left


def test_of_this_process_there_are_enough() -> None:
    assert not few_left(lambda: 100_000)


def test_each_open_file_counts() -> None:
    used = len(os.listdir("/dev/fd"))
    assert not few_left(lambda: used + 17)
    opened = [os.open("/dev/null", os.O_RDONLY) for _ in range(3)]
    try:
        assert few_left(lambda: used + 17)
    finally:
        for one in opened:
            os.close(one)


def test_without_a_limit_there_are_always_enough() -> None:
    assert not few_left(lambda: resource.RLIM_INFINITY)


@pytest.mark.parametrize(("number", "few"), [(errno.EMFILE, True), (errno.ENFILE, True), (errno.ENOENT, False)])
def test_when_not_even_the_list_can_be_opened_there_are_none(number: int, few: bool) -> None:
    def listed(place: str) -> list[str]:
        raise OSError(number, "no")

    assert few_left(listed=listed) is few
