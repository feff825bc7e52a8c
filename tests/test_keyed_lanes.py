"""Lanes by key on the running service: a refused message stops its own key and its own order, and nobody else (P9)."""

from pathlib import Path

from hl7calf.service.journal.jobs import State
from hl7calf.service.journal.reader import Reader
from tests.service.doubles import ack, message
from tests.service.stage import control_id, msa, receiving, staged, until

KEYED = 'order_by = ["PID-3.1"]\nconnections = 3'


def order(name: str, patient: str, placer: str) -> bytes:
    body = f"ORC|NW|{placer}^CPOE\rOBR|1|{placer}^CPOE||71046^XR CHEST^C4"
    return message(name, "ORM^O01", body).replace(b"PID|1||4711|", f"PID|1||{patient}|".encode())


def refusing(payload: bytes) -> bytes:
    name = control_id(payload)
    return ack(name, "AR" if name.startswith("BAD") else "AA")


def test_a_parked_message_holds_its_key_and_its_order_on_every_key_and_lets_all_others_by(tmp_path: Path) -> None:
    sent = [
        order("BAD1", "K1", "P-1"),
        order("K1-2", "K1", "P-2"),  # the same key
        order("K2-1", "K2", "P-1"),  # the same order under another key, as after a merge of patients
        order("K2-2", "K2", "P-3"),  # held, as its key is behind K2-1
        order("K3-1", "K3", "P-4"),
        order("N-1", "", "P-5"),  # without the key: the lane of the route
        order("N-2", "", "P-6"),
    ]
    with staged(tmp_path, route=KEYED) as stage, receiving(stage.forward, refusing) as receiver:
        stage.start()
        peer = stage.sender()
        assert msa(peer.exchange(sent[0])) == ("AA", "BAD1")
        with Reader(tmp_path / "var") as reader:
            until(lambda: reader.messages(State.PARKED), "it is refused and parked")
            for payload in sent[1:]:
                assert msa(peer.exchange(payload)) == ("AA", control_id(payload))
            until(lambda: reader.books().delivered == 3)
            assert sorted(receiver.ids) == ["BAD1", "K3-1", "N-1", "N-2"]
            waiting = reader.messages(State.QUEUED)
            assert [line.envelope.control_id for line in waiting] == [b"K1-2", b"K2-1", b"K2-2"]
            assert all(line.held_behind for line in waiting)
        assert stage.stop() == 0


def test_what_has_no_key_is_one_lane_in_strict_order_beside_the_others(tmp_path: Path) -> None:
    slow = [order(f"N-{n}", "", f"P-{n}") for n in range(60)]
    keyed = [order(f"K-{n}", f"K{n % 7}", f"Q-{n}") for n in range(60)]
    with staged(tmp_path, route=KEYED) as stage, receiving(stage.forward) as receiver:
        stage.start()
        peer = stage.sender()
        peer.send(*(one for pair in zip(slow, keyed, strict=True) for one in pair))
        for _ in range(120):
            assert msa(peer.answer())[0] == "AA"
        until(lambda: len(receiver.ids) == 120)
        assert [name for name in receiver.ids if name[0] == "N"] == [f"N-{n}" for n in range(60)]
        for key in range(7):
            mine = [f"K-{n}" for n in range(60) if n % 7 == key]
            assert [name for name in receiver.ids if name in mine] == mine
        assert stage.stop() == 0
