"""An order held for review (`review = "hold"`): parked as it is stored, so no crash and no cancel gets past it."""

import time
from pathlib import Path

from hl7calf.service.journal import desk
from hl7calf.service.journal.jobs import HELD_FOR_REVIEW, State
from hl7calf.service.journal.reader import Reader
from tests.service.doubles import message
from tests.service.stage import msa, receiving, staged, until

SAMPLE = Path(__file__).parents[1] / "sample_messages" / "review" / "x15-do-not-change.hl7"


def cancel_of(order: bytes) -> bytes:
    """Return the cancellation of an order: the same placer order number, ORC-1 CA."""
    assert b"\rORC|NW|" in order
    first, _, rest = order.partition(b"\r")
    fields = first.split(b"|")
    fields[9] += b"-CA"
    return b"|".join(fields) + b"\r" + rest.replace(b"ORC|NW|", b"ORC|CA|", 1)


def test_it_waits_from_the_start_also_over_a_crash_and_its_cancel_waits_behind_it(tmp_path: Path) -> None:
    order = SAMPLE.read_bytes()
    name = order.split(b"|")[9].decode()
    with staged(tmp_path, route='review = "hold"\nack_timeout_s = 2') as stage, receiving(stage.forward) as receiver:
        stage.start()
        peer = stage.sender()
        peer.send(order, cancel_of(order), message("Z1"))
        assert [msa(peer.answer()) for _ in range(3)] == [("AA", name), ("AA", f"{name}-CA"), ("AA", "Z1")]
        stage.kill()
        stage.start()
        until(lambda: "Z1" in receiver.ids, "others go on")
        with Reader(tmp_path / "var") as reader:
            [held] = reader.messages(State.PARKED)
            assert (held.envelope.control_id.decode(), held.why) == (name, HELD_FOR_REVIEW)
            [behind] = reader.messages(State.QUEUED)
            assert behind.held_behind
            assert set(receiver.ids) == {"Z1"}
            asked = {"user": "anna", "reason": "looked at it", "at": time.time()}
            desk.ask(tmp_path / "var", "release", message_id=held.message_id, **asked)
            until(lambda: reader.books().delivered == 3)
            released = next(entry for entry in reader.entries() if entry.kind == "queue")
            assert (released.content["user"], released.content["reason"]) == ("anna", "looked at it")
        assert [one for one in receiver.ids if one != "Z1"] == [name, f"{name}-CA"]
        assert stage.stop() == 0
