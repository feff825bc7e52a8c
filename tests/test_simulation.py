"""A forwarder's life in simulated time, by seed (P9, P10, P14, R15): order, one in flight, nothing lost, all accounted.

A seed that failed once stands in FAILED and is run for ever.
"""

import random
import sys
from collections import Counter
from pathlib import Path

import pytest

from hl7calf.service.journal.jobs import State
from tests.delivery.simulation import World

FAILED: list[tuple[int, bool]] = [
    # all that was read had been settled meanwhile, and nothing was read again
    (1033, True),
    # parked by a person while in flight, then delivered: whoever was held behind it was freed and never sent
    (1158, False), (1233, False), (1049, True), (1112, True),
]  # fmt: skip
SEEDS = [(seed, keyed) for seed in range(6) for keyed in (False, True)]


TEN_YEARS_S = 315_576_000.0
JUMPS_S = (-TEN_YEARS_S, TEN_YEARS_S, -3600.0, 3600.0, -1.0, 1.0)


def live(folder: Path, seed: int, keyed: bool, *, jumps: bool = False) -> World:
    """Let a service live through a rough time and then a kind one; return the world with what it found wrong.

    Args:
        jumps: the wall clock is set forward and back meanwhile.
    """
    steps = random.Random(seed)
    world = World(folder, seed, keyed=keyed)
    try:
        chance = world.random
        number = 0
        for _ in range(60):
            for _ in range(chance.randrange(4)):
                world.receive(f"M{number}")
                number += 1
            if chance.random() < 0.1:
                world.interfere()
            if chance.random() < 0.04:
                world.crash()
            if jumps and steps.random() < 0.2:
                world.offset_s += steps.choice(JUMPS_S)
            world.run(chance.choice([0.02, 0.1, 1.0]))
        if not world.settle():
            world.wrong.append(f"not everything was finished: {world.reader.books()}")
        _account(world)
    finally:
        world.close()
    return world


def _account(world: World) -> None:
    """Hold the end against the laws."""
    books = world.reader.books()
    if not books.balanced or world.reader.recount() != world.reader.books_by_route():
        world.wrong.append(f"the books do not balance: {books}")
    if not world.reader.verify().ok:
        world.wrong.append("the log's chain is broken")
    arrived = Counter(world.arrived)
    again = Counter(world.sends)
    for line in world.reader.messages(limit=10_000):
        name = line.envelope.control_id.decode()
        if line.state is State.DELIVERED and not arrived[name]:
            world.wrong.append(f"{name} is called delivered and never arrived")
        if arrived[name] > 1:
            message = world.reader.message(line.message_id)
            assert message is not None
            history = [one.outcome for one in message.history]
            if not {"unknown", "mismatched", "garbled", "released", "retried"} & set(history) and not world.crashes:
                world.wrong.append(f"{name} arrived {arrived[name]} times of {again[name]} sends without a reason")


@pytest.mark.parametrize(("seed", "keyed"), [*SEEDS, *FAILED])
def test_a_rough_life_breaks_no_law(tmp_path: Path, seed: int, keyed: bool) -> None:
    world = live(tmp_path / "var", seed, keyed)
    assert world.wrong == []
    assert world.sends


@pytest.mark.parametrize(("seed", "keyed"), [(seed, keyed) for seed in range(50, 53) for keyed in (False, True)])
def test_p21_a_clock_that_jumps_by_seconds_hours_and_years_breaks_none_either(
    tmp_path: Path, seed: int, keyed: bool
) -> None:
    world = live(tmp_path / "var", seed, keyed, jumps=True)
    assert world.wrong == []
    assert abs(world.offset_s) > 0


@pytest.mark.soak
@pytest.mark.parametrize("keyed", [False, True])
def test_a_thousand_rough_lives(tmp_path: Path, keyed: bool) -> None:
    failed = {}
    sends = arrived = twice = crashes = 0
    for seed in range(1000, 2000):
        world = live(tmp_path / f"{seed}", seed, keyed)
        sends, arrived = sends + len(world.sends), arrived + len(world.arrived)
        twice += len(world.arrived) - len(set(world.arrived))
        crashes += world.crashes
        if world.wrong:
            failed[seed] = world.wrong
    sys.stdout.write(
        f"{sends} sends, {arrived} arrived, {twice} again, {crashes} crashes, {len(failed)} seeds failed\n"
    )
    assert failed == {}
