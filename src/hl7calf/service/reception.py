"""What becomes of one frame of a route: taken in, stored, answered, handed on.

Law: an answer is given after the commit and says what is true then: positive when the message is stored and
will be forwarded, negative when it is not, none when nobody can know. In `relay` the destination's own answer
goes back byte for byte; a sender that cannot be held longer is cut off without an answer, and its resend is
recognised ([Promises] P3).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from hl7calf.calf.verdict import Action, Fault
from hl7calf.errors import WireError
from hl7calf.service.acknowledging import Acknowledger
from hl7calf.service.answers import Place
from hl7calf.service.events import emit
from hl7calf.service.intake import Arrival, Intake, IntakeParts, Peer
from hl7calf.service.journal.jobs import HELD_FOR_REVIEW, Recorded, State
from hl7calf.service.journal.views import Queued
from hl7calf.service.lanes import LaneRule
from hl7calf.service.senders import MOST_KEPT_BYTES
from hl7calf.wire.ack import INTERNAL
from hl7calf.wire.frames import COMMITTED, NOT_COMMITTED
from hl7calf.wire.header import read_header
from hl7calf.wire.mllp import FrameFault

_END_IN_DATA = "the message holds the characters that end a frame at the destination"


class Onward(Protocol):
    """What a reception needs of the route's forwarder."""

    def feed(self, item: Queued) -> None:
        """Take a message that was just stored and is free to go."""

    def expect(self, message_id: int, answered: Callable[[bytes], None]) -> None:
        """Call `answered` with the destination's answer, once the message's fate is on disk."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How a route answers.

    Attributes:
        review_hold: orders for review are kept until a person looks.
        commits: a commit block goes before the acknowledgments (MLLP Release 2).
        never_within: what no message may hold, because the destination's frame would end there; empty: nothing.
    """

    relay: bool = False
    relay_hold_s: float = 60.0
    forward_unreadable: bool = False
    review_hold: bool = False
    vet_budget_s: float = 0.05
    pass_training: bool = False
    relay_late: str = "close"
    commits: bool = False
    never_within: bytes = b""
    refuse_batches: bool = False


class Reception:
    """One route's way from frames to answers.

    Args:
        route: its name.
        clock: `callLater`, for holding a sender in `relay`.
        wall: Unix seconds.
    """

    def __init__(
        self,
        route: str,
        manners: Manners,
        parts: IntakeParts,
        lanes: LaneRule,
        acknowledger: Acknowledger,
        onward: Onward,
        clock: Any,
        wall: Callable[[], float],
    ) -> None:
        self._route = route
        self._manners = manners
        self._acknowledger = acknowledger
        self._onward = onward
        self._clock = clock
        self._wall = wall
        self._metrics = parts.metrics
        self.intake = Intake(
            route,
            lanes,
            parts,
            self,
            relay=manners.relay,
            forward_unreadable=manners.forward_unreadable,
            budget_s=manners.vet_budget_s,
            pass_training=manners.pass_training,
            refuse_batches=manners.refuse_batches,
        )

    def take(self, payload: bytes, peer: Peer, place: Place) -> None:
        """Take one whole frame's payload; its answer goes to `place`."""
        unsafe = self._manners.never_within
        if unsafe and unsafe in payload:
            self.fault(FrameFault("F_END_IN_DATA", _END_IN_DATA, payload[:MOST_KEPT_BYTES], False, True), peer, place)
            return
        self.intake.take(Arrival(payload, peer, place, self._wall()))

    def fault(self, fault: FrameFault, peer: Peer, place: Place) -> None:
        """Keep what is left of a frame that could not be taken; answer it only where that is safe."""
        self._metrics.frame_fault(fault.code)
        emit("F_FAULT", "warn", route=self._route, fault=fault.code, kept_bytes=len(fault.kept), peer=peer.host)
        if not fault.kept:
            place.fill()
            if fault.close:
                peer.hang_up()
            return
        arrival = Arrival(fault.kept, peer, place, self._wall(), silent=not fault.answer, close=fault.close)
        try:
            arrival.header = read_header(fault.kept)
        except WireError:
            arrival.header = None
        self.intake.refuse(arrival, Fault(fault.code, fault.why, "AR"))

    def prepare(self, arrival: Arrival) -> None:
        """Decide what is stored with the arrival: whether a person must look first, and the answer given then."""
        if self._manners.review_hold and arrival.verdict is not None and arrival.verdict.action is Action.REVIEW:
            arrival.park = HELD_FOR_REVIEW
        if arrival.silent or (self._manners.relay and arrival.forward):
            return
        if arrival.forward:
            assert arrival.header is not None
            arrival.answers = self._acknowledger.positive(arrival.header)
        else:
            fault = arrival.fault
            arrival.answers = self._acknowledger.negative(
                arrival.header, fault is not None and fault.ack == "AE", fault.why if fault else ""
            )

    def stored(self, arrival: Arrival, recorded: Recorded) -> None:
        """Answer what is on disk now, and hand it on."""
        fresh = recorded.duplicate_of is None
        if self._manners.relay and arrival.forward:
            self._relay(arrival, recorded)
        else:
            self._answer(arrival, COMMITTED if arrival.forward else NOT_COMMITTED)
        if fresh and arrival.forward and not recorded.held:
            outbound = arrival.payload if arrival.verdict is None else arrival.verdict.outbound
            self._onward.feed(
                Queued(
                    recorded.message_id,
                    self._route,
                    arrival.lane,
                    outbound,
                    arrival.header.control_id if arrival.header else b"",
                    arrival.received_at,
                    0,
                    0.0,
                    False,
                )
            )

    def failed(self, arrival: Arrival, full: bool) -> None:
        """Answer what could not be stored: AE when there was no room, nothing when the journal is broken."""
        if full and not arrival.silent:
            arrival.answers = self._acknowledger.negative(arrival.header, True, "", INTERNAL)
            self._answer(arrival, NOT_COMMITTED)
            return
        arrival.place.fill()
        arrival.peer.hang_up()

    def _answer(self, arrival: Arrival, commit: bytes = b"") -> None:
        for code, _ in arrival.answers:
            self._metrics.acked(code)
        payloads = [payload for _, payload in arrival.answers]
        if commit and self._manners.commits and not arrival.silent:
            payloads.insert(0, commit)
        arrival.place.fill(*payloads)
        if arrival.close:
            arrival.peer.hang_up()

    def _relay(self, arrival: Arrival, recorded: Recorded) -> None:
        """Hold the sender until the destination has answered."""
        if recorded.delivered_ack:
            arrival.place.fill(recorded.delivered_ack)
            return
        if recorded.state in (State.DELIVERED, State.REJECTED):
            # Delivered by an answer that was not kept, or refused before: nothing is forwarded again, so nothing
            # positive may be said; the sender is told to come back, and a person sees both in `explain`.
            arrival.answers = self._acknowledger.negative(arrival.header, True, "answered before, see the log")
            self._answer(arrival)
            return
        late = self._clock.callLater(self._manners.relay_hold_s, self._too_late, arrival)

        def answered(answer: bytes) -> None:
            if late.active():
                late.cancel()
                arrival.place.fill(answer)

        self._onward.expect(recorded.message_id, answered)

    def _too_late(self, arrival: Arrival) -> None:
        """Do what the route says; the message is stored and goes on in any case, and a resend is recognised."""
        action = self._manners.relay_late
        emit("A_RELAY_LATE", "warn", route=self._route, peer=arrival.peer.host, action=action)
        if action == "close" or arrival.header is None:
            arrival.peer.hang_up()
            return
        if action == "AA":
            arrival.answers = self._acknowledger.positive(arrival.header)
        else:
            arrival.answers = self._acknowledger.negative(arrival.header, True, "no answer from the destination yet")
        self._answer(arrival)
