"""Who waits behind a parked message: the law itself, and against a plain model over random histories."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hl7calf.service.journal.holds import hold_keys
from hl7calf.service.journal.jobs import MarkDelivered, NotPossible, Park, Release, Retry, Skip, State
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from tests.service.journal.building import T0, arrival, do, opened, order, payload, record, verdict


def heads(reader: Reader, lane: str = "orders") -> list[int]:
    return [one.message_id for one in reader.outbox_head("orders", lane, 100)]


def due(reader: Reader) -> list[int]:
    return sorted(one.message_id for one in reader.due("orders", T0))


def test_a_parked_order_holds_its_later_messages_and_nobody_else(store: Store, reader: Reader) -> None:
    record(store, arrival("A1", placer="P-1"), arrival("A2", placer="P-2"), arrival("A3", placer="P-1"), arrival("A4"))
    moved = do(store, Park(1, "refused", T0))
    assert moved.affected == 1
    assert heads(reader) == [2, 4]
    assert reader.messages(State.QUEUED, "orders")[1].held_behind


def test_a_cancel_that_comes_later_waits_behind_the_parked_order(store: Store, reader: Reader) -> None:
    record(store, arrival("A1", placer="P-1"))
    do(store, Park(1, "refused", T0))
    assert do(store, arrival("A2", placer="P-1")).held
    assert heads(reader) == []
    do(store, Release(1, "ada", "the RIS is mended", T0))
    assert heads(reader) == [1, 2]


def test_earlier_messages_of_the_order_are_not_held(store: Store, reader: Reader) -> None:
    record(store, arrival("A1", placer="P-1"), arrival("A2", placer="P-1"))
    do(store, Park(2, "by hand", T0, user="ada"))
    assert heads(reader) == [1]


def test_holding_goes_through_messages_with_several_orders(store: Store, reader: Reader) -> None:
    data = payload("A2")
    both = verdict(data, [order("P-1"), order("P-2", position=2)])
    record(store, arrival("A1", placer="P-1"), arrival("A2", found=both), arrival("A3", placer="P-2"))
    assert do(store, Park(1, "refused", T0)).affected == 2
    assert heads(reader) == []
    assert do(store, Skip(1, "ada", "done by telephone", T0)).affected == 2
    assert heads(reader) == [2, 3]


def test_two_held_in_one_transaction_hold_each_other(store: Store, reader: Reader) -> None:
    record(store, arrival("A1", placer="P-1"))
    do(store, Park(1, "refused", T0))
    both = verdict(payload("A2"), [order("P-1"), order("P-2", position=2)])
    record(store, arrival("A2", found=both), arrival("A3", placer="P-2"), arrival("A4", placer="P-3"))
    assert heads(reader) == [4]


def test_a_parked_message_holds_its_whole_lane_where_lanes_are_by_key(store: Store, reader: Reader) -> None:
    record(
        store,
        arrival("A1", lane="k1", lane_key=b"k1"),
        arrival("A2", lane="k1", lane_key=b"k1"),
        arrival("A3", lane="k2", lane_key=b"k2"),
    )
    do(store, Park(1, "refused", T0))
    assert (heads(reader, "k1"), heads(reader, "k2")) == ([], [3])
    assert due(reader) == [3]


def test_a_released_message_that_is_itself_behind_a_parked_one_goes_on_waiting(store: Store, reader: Reader) -> None:
    record(store, arrival("A1", placer="P-1"), arrival("A2", placer="P-1"))
    do(store, Park(2, "refused", T0))
    do(store, Park(1, "refused", T0))
    assert do(store, Release(2, "ada", "try", T0)).affected == 0
    assert heads(reader) == []
    do(store, Release(1, "ada", "try", T0))
    assert heads(reader) == [1, 2]


def test_routes_do_not_hold_each_other(store: Store, reader: Reader) -> None:
    record(store, arrival("A1", placer="P-1"), arrival("A1", placer="P-1", route="other"))
    do(store, Park(1, "refused", T0))
    assert [one.message_id for one in reader.outbox_head("other", "other")] == [2]


def test_keys_are_the_placer_orders_and_the_lanes_own(store: Store) -> None:
    found = verdict(payload(), [order("P-2"), order("P-1"), order("", placer_key=b"")])
    assert hold_keys(found, b"4711") == [b"L4711", b"PP-1^CPOE", b"PP-2^CPOE"]
    assert hold_keys(None, b"") == []


# ------------------------------------------------------------------ against a model


class Model:
    """The law in its plainest words, recomputed from the beginning each time."""

    def __init__(self) -> None:
        self.messages: dict[int, tuple[str, frozenset[str]]] = {}
        self.state: dict[int, str] = {}

    def blocked(self) -> set[int]:
        found: set[int] = set()
        for number in sorted(self.messages):
            if self.state[number] not in ("queued", "parked"):
                continue
            behind = any(self.messages[number][1] & self.messages[earlier][1] for earlier in found)
            if self.state[number] == "parked" or behind:
                found.add(number)
        return found

    def free(self, lane: str) -> list[int]:
        blocked = self.blocked()
        return [
            number
            for number in sorted(self.messages)
            if self.messages[number][0] == lane and self.state[number] == "queued" and number not in blocked
        ]


STEP = st.one_of(
    st.tuples(st.just("arrive"), st.sampled_from("12"), st.sets(st.sampled_from("abc"), max_size=2), st.booleans()),
    st.tuples(st.sampled_from(["park", "release", "retry", "skip", "deliver"]), st.integers(1, 12)),
)


@settings(max_examples=60)
@given(st.lists(st.lists(STEP, min_size=1, max_size=4), max_size=10))
def test_lanes_heads_states_and_books_are_those_of_the_model(batches: list[list[Any]]) -> None:
    model = Model()
    with (
        TemporaryDirectory() as folder,
        opened(Path(folder), synchronous="NORMAL") as store,
        Reader(store.data_dir) as reader,
    ):
        for batch in batches:
            known = len(model.messages)
            # nobody can mark a message delivered before its number is known
            steps = [step for step in batch if step[0] != "deliver" or step[1] <= known]
            jobs = [job_of(step, f"{known}-{place}") for place, step in enumerate(steps)]
            answers = store.run([job for job, _ in jobs])
            for (_, step), answer in zip(jobs, answers, strict=True):
                follow(model, step, answer)
        for lane in "12":
            assert heads(reader, lane) == model.free(lane)
        assert due(reader) == sorted(model.free(lane)[0] for lane in "12" if model.free(lane))
        states = {line.message_id: line.state.value for line in reader.messages(limit=1000)}
        assert states == model.state
        assert reader.books().balanced
        assert reader.recount() == reader.books_by_route()


def job_of(step: Any, control_id: str) -> tuple[Any, Any]:
    do_what, *rest = step
    if do_what == "arrive":
        lane, keys, keyed = rest
        found = verdict(payload(control_id), [order(key, position=n) for n, key in enumerate(sorted(keys), 1)])
        lane_key = lane.encode() if keyed else b""
        return arrival(control_id, found=found, lane=lane, lane_key=lane_key), step
    number = rest[0]
    jobs = {
        "park": Park(number, "refused", T0),
        "release": Release(number, "ada", "r", T0),
        "retry": Retry(number, "ada", "r", T0),
        "skip": Skip(number, "ada", "r", T0),
        "deliver": MarkDelivered(number, b"ack", T0),
    }
    return jobs[do_what], step


def follow(model: Model, step: Any, answer: Any) -> None:
    do_what, *rest = step
    if do_what == "arrive":
        lane, keys, keyed = rest
        model.messages[answer.message_id] = (lane, frozenset(keys | ({"lane " + lane} if keyed else set())))
        model.state[answer.message_id] = "queued"
        return
    one = rest[0]
    state = model.state.get(one)
    allowed = {
        "park": {"queued", "parked"},
        "release": {"parked"},
        "retry": {"queued", "parked"},
        "skip": {"queued", "parked"},
        "deliver": {"queued", "parked", "delivered", "rejected"},
    }[do_what]
    assert isinstance(answer, NotPossible) == (state not in allowed), (do_what, state, answer)
    after = {"park": "parked", "release": "queued", "retry": "queued", "skip": "rejected", "deliver": "delivered"}
    if state in allowed:
        model.state[one] = after[do_what]
