"""What people decide: mode, pause, events, requests carried out once."""

import pytest

from hl7calf.calf.verdict import Mode
from hl7calf.service.journal import desk
from hl7calf.service.journal.decisions import KINDS
from hl7calf.service.journal.jobs import CarryOut, Event, NotPossible, Park, SetMode, SetPaused, State
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.store import Store
from tests.service.journal.building import T0, arrival, do, opened, record


def ask(store: Store, kind: str, message_id: int | None = None, value: str = "") -> int:
    return desk.ask(store.data_dir, kind, user="ada", reason="because", at=T0, message_id=message_id, value=value)


def test_the_mode_is_kept_with_who_and_why_over_a_restart(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with opened(tmp_path) as store, Reader(store.data_dir) as reader:
        assert reader.control().mode is None
        do(store, SetMode(Mode.OBSERVE, "ada", "too many notes", T0))
    with opened(tmp_path) as store, Reader(store.data_dir) as reader:
        control = reader.control()
        assert (control.mode, control.mode_user, control.mode_reason, control.mode_at) == (
            Mode.OBSERVE,
            "ada",
            "too many notes",
            T0,
        )
        do(store, SetMode(Mode.UPGRADE, "grace", "mended", T0))
        assert [one.content["details"] for one in reader.entries()] == [
            {"before": "", "after": "observe"},
            {"before": "observe", "after": "upgrade"},
        ]


def test_pausing_and_resuming_are_log_entries(store: Store, reader: Reader) -> None:
    do(store, SetPaused(True, "ada", "RIS moves house", T0))
    assert (reader.control().paused, reader.control().paused_why) == (True, "RIS moves house")
    do(store, SetPaused(False, "ada", "moved", T0))
    assert (reader.control().paused, reader.control().paused_why) == (False, "")
    assert [one.kind for one in reader.entries()] == ["pause", "resume"]


def test_an_event_says_what_happened(store: Store, reader: Reader) -> None:
    logged = do(store, Event("mappings", T0, {"digest": "d2"}, route="orders", user="ada", reason="new table"))
    [entry] = reader.entries()
    assert (entry.sequence, entry.hash, entry.route) == (logged.sequence, logged.hash, "orders")
    assert entry.content["details"] == {"digest": "d2"}


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"raise"}))  # test_raising.py
def test_each_kind_of_request_is_carried_out(store: Store, reader: Reader, kind: str) -> None:
    record(store, arrival("A1"), arrival("A2"))
    do(store, Park(1, "x", T0))
    number = ask(store, kind, 2 if kind in ("park", "skip") else 1, "annotate" if kind == "mode" else "")
    done = do(store, CarryOut(number, T0 + 1, message="reloaded"))
    assert (done.ok, done.kind) == (True, kind)
    states = [line.state for line in reader.messages()]
    expected = {
        "park": [State.PARKED, State.PARKED],
        "skip": [State.PARKED, State.REJECTED],
        "retry": [State.QUEUED, State.QUEUED],
        "release": [State.QUEUED, State.QUEUED],
    }.get(kind, [State.PARKED, State.QUEUED])
    assert states == expected
    assert reader.control().mode == (Mode.ANNOTATE if kind == "mode" else None)
    assert reader.control().paused == (kind == "pause")
    request = reader.request(number)
    assert request is not None
    assert (request.done_at, request.ok, request.message) == (T0 + 1, True, done.message)
    if kind != "reload":
        assert (reader.entries()[-1].content["user"], reader.entries()[-1].content["reason"]) == ("ada", "because")


def test_a_request_is_carried_out_once(store: Store, reader: Reader) -> None:
    number = ask(store, "pause")
    first = do(store, CarryOut(number, T0))
    do(store, SetPaused(False, "grace", "go on", T0))
    assert do(store, CarryOut(number, T0)) == first
    assert not reader.control().paused


@pytest.mark.parametrize(
    ("kind", "message_id", "value", "why"),
    [
        ("release", 1, "", "message 1 is queued, not parked"),
        ("skip", 77, "", "there is no message 77"),
        ("skip", None, "", "not understood"),
        ("mode", None, "always", "there is no mode"),
    ],
)
def test_a_request_that_cannot_be_done_is_answered_and_changes_nothing(
    store: Store, reader: Reader, kind: str, message_id: int | None, value: str, why: str
) -> None:
    record(store, arrival("A1"))
    number = ask(store, kind, message_id, value)
    done = do(store, CarryOut(number, T0))
    assert not done.ok
    assert why in done.message
    assert reader.requests() == []
    assert reader.entries() == []


def test_what_came_of_a_reload_is_what_the_service_says(store: Store, reader: Reader) -> None:
    number = ask(store, "reload")
    do(store, CarryOut(number, T0, ok=False, message="side.csv:3: the old tables stay"))
    request = reader.request(number)
    assert request is not None
    assert (request.ok, request.message) == (False, "side.csv:3: the old tables stay")


def test_an_unknown_request_is_not_possible(store: Store) -> None:
    with pytest.raises(NotPossible, match="no request 5"):
        do(store, CarryOut(5, T0))
