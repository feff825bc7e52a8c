import pytest

from hl7calf.calf.raising import raise_orders
from hl7calf.calf.verdict import Remembered
from hl7calf.console import figures
from hl7calf.console.figures import OTHERS, Arrivals, Daily, Day
from hl7calf.service.journal.jobs import Limits, Purge, Raise
from tests.calf.building import CLASSIC, COMPLETE_LEFT, order
from tests.console.stage import DAY_S, NOW, Stage, arrival, do, fresh, hold_back, sample, shipped_tables, vet


def add(stage: Stage, place: str, number: int, at: float, sender: bytes = b"") -> None:
    payload = fresh(sample(place), number)
    if sender:
        payload = payload.replace(b"NORTHGEN|RADSYS", sender + b"|RADSYS", 1)
    do(stage.store, arrival(payload, at, vet(payload, shipped_tables())))


UPGRADE = "upgraded/epic-2.5.1-right-calf-xray.hl7"
OTHER_STUDY = "USABD^US ABDOMEN^L"


def order_day(stage: Stage, *later: bytes, hours: float = 1.0) -> Day:
    """Upgrade an order, let later messages of it come, and return the figures of its day."""
    memory: dict[bytes, Remembered] = {}
    for number, payload in enumerate((order(), *later)):
        verdict = vet(payload, shipped_tables(), recall=memory.get)
        memory.update({one.placer_key: one for one in verdict.remember})
        do(stage.store, arrival(payload, NOW + number * hours * 3600, verdict))
    daily = Daily()
    daily.catch_up(stage.desk.archive, NOW + 2 * DAY_S)
    total = Day()
    for _, day in daily.series(NOW + 2 * DAY_S, 4, "HOSP"):
        total.include(day)
    return total


def again(reason: str = CLASSIC, **more: object) -> bytes:
    """A later message of the same order."""
    return order(reason, control_id=f"T{len(str(more))}{more.get('control')}", **more)


@pytest.mark.parametrize(("later", "overridden"), [
    ([], 0),
    ([again(control="CA")], 1),
    ([again(control="DC")], 1),
    ([again(control="XO", service=OTHER_STUDY)], 1),
    ([again("no calcification after all", control="XO")], 1),
    ([again(control="XO")], 0),
    ([again(control="XO", service=COMPLETE_LEFT)], 0),
    ([again(control="SC")], 0),
    ([again(control="CA"), again(control="DC")], 1),
    ([again(control="CA", number="P-7^CPOE")], 0),
])  # fmt: skip
def test_an_upgrade_counts_as_overridden_once_when_its_placer_ends_or_changes_it(
    empty_stage: Stage, later: list[bytes], overridden: int
) -> None:
    assert order_day(empty_stage, *later).overridden == overridden


@pytest.mark.parametrize(("hours", "overridden"), [(24.0, 1), (24.1, 0)])
def test_after_24_hours_it_is_no_override_any_more(empty_stage: Stage, hours: float, overridden: int) -> None:
    assert order_day(empty_stage, again(control="CA"), hours=hours).overridden == overridden


def test_what_a_reviewer_had_released_upgraded_is_counted_apart_and_watched_too(stage: Stage) -> None:
    number = hold_back(stage.store, "review/x16-cast.hl7", NOW)
    found = stage.desk.journal.message(number)
    assert found is not None
    verdict, why = raise_orders(found.inbound, shipped_tables())
    assert why == ""
    do(stage.store, Raise(number, verdict, "rahel", "seen", NOW + 60))
    cancel = found.inbound.replace(b"ORC|NW", b"ORC|CA").replace(b"MSG49000000", b"MSG49000001")
    do(stage.store, arrival(cancel, NOW + 120, vet(cancel, shipped_tables())))
    daily = Daily()
    daily.catch_up(stage.desk.archive, NOW + 200)
    days = [day for _, day in daily.series(NOW + 200, 2)]
    assert sum(day.raised for day in days) == 1
    assert sum(day.actions["upgrade"] for day in days) == 1, "the one that the rule upgraded"
    assert sum(day.overridden for day in days) == 1


def test_watching_for_overrides_does_not_fill_the_memory(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "_MOST_WATCHED", 3)
    daily = Daily()
    for number in range(8):
        payload = order(number=f"P-{number}^CPOE", control_id=f"T{number}")
        do(stage.store, arrival(payload, NOW + number * DAY_S, vet(payload, shipped_tables())))
    daily.catch_up(stage.desk.archive, NOW + 9 * DAY_S)
    assert len(daily._upgraded) <= 4


def test_arrivals_are_counted_by_hour_and_route(stage: Stage) -> None:
    arrivals = Arrivals()
    arrivals.catch_up(stage.desk.archive, NOW)
    hours = arrivals.of("orders", NOW)
    assert len(hours) == 24
    assert sum(hours) == 6
    assert hours[-2:] == [1, 0]
    assert arrivals.of("nowhere", NOW) == [0] * 24


def test_each_message_is_counted_once(stage: Stage) -> None:
    arrivals = Arrivals()
    for _ in range(3):
        arrivals.catch_up(stage.desk.archive, NOW)
    add(stage, UPGRADE, 1, NOW + 5)
    arrivals.catch_up(stage.desk.archive, NOW + 10)
    assert sum(arrivals.of("orders", NOW + 10)) == 7


def test_what_is_older_than_a_day_is_not_counted_and_later_forgotten(stage: Stage) -> None:
    arrivals = Arrivals()
    arrivals.catch_up(stage.desk.archive, NOW)
    arrivals.catch_up(stage.desk.archive, NOW + 2 * DAY_S)
    assert sum(arrivals.of("orders", NOW + 2 * DAY_S)) == 0
    assert not arrivals._counts
    late = Arrivals()
    late.catch_up(stage.desk.archive, NOW + DAY_S - 3 * 3600)
    assert 0 < sum(late.of("orders", NOW + DAY_S - 3 * 3600)) < 6


def test_an_empty_journal_is_no_trouble(empty_stage: Stage) -> None:
    arrivals, daily = Arrivals(), Daily()
    arrivals.catch_up(empty_stage.desk.archive, NOW)
    daily.catch_up(empty_stage.desk.archive, NOW)
    assert sum(arrivals.of("orders", NOW)) == 0
    assert daily.senders() == []
    assert daily.finished
    assert len(daily.series(NOW, 30)) == 30


def test_decisions_are_counted_by_day_and_sender(stage: Stage) -> None:
    daily = Daily()
    daily.catch_up(stage.desk.archive, NOW)
    today = daily.series(NOW, 1)[0][1]
    both = daily.series(NOW, 2)
    total = sum(day.looked_at for _, day in both)
    assert total == 6
    assert sum(day.targets for _, day in both) >= 2
    assert sum(day.actions["upgrade"] for _, day in both) == 1
    assert sum(day.changed for _, day in both) == 2
    assert today.orders >= 0
    one = [day for _, day in daily.series(NOW, 2, "NORTHGEN")]
    assert 0 < sum(day.looked_at for day in one) < total


def test_counting_goes_on_where_it_ended(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "MOST_COUNTED", 2)
    daily = Daily()
    rounds = 0
    while not daily.finished:
        daily.catch_up(stage.desk.archive, NOW)
        rounds += 1
        assert rounds < 50
    assert rounds > 1
    assert sum(day.looked_at for _, day in daily.series(NOW, 2)) == 6


def test_what_was_counted_stays_when_the_journal_forgets(stage: Stage) -> None:
    daily = Daily()
    daily.catch_up(stage.desk.archive, NOW)
    do(stage.store, Purge(NOW + 1, Limits(message_age_s=0.0, log_age_s=0.0)))
    daily.catch_up(stage.desk.archive, NOW)
    assert sum(day.looked_at for _, day in daily.series(NOW, 2)) == 6


def test_a_feed_that_invents_senders_does_not_fill_the_memory(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "_MOST_SENDERS", 3)
    for number in range(6):
        add(stage, UPGRADE, number, NOW, sender=b"INVENTED%d" % number)
    daily = Daily()
    daily.catch_up(stage.desk.archive, NOW)
    assert len(daily.senders()) == 4
    assert OTHERS in daily.senders()
    assert sum(day.looked_at for _, day in daily.series(NOW, 2)) == 12


def test_only_so_many_days_back_are_counted(stage: Stage) -> None:
    daily = Daily(days=1)
    daily.catch_up(stage.desk.archive, NOW + 10 * DAY_S)
    assert daily.senders() == []
