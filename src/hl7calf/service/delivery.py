"""What one attempt to deliver means, and what is done next.

Law: pure. Only an acknowledgment of this very message that is positive counts as delivered; what was sent and not
answered may have arrived and is called unknown, not failed. A dead connection never uses up a message's attempts.

Source: HL7 v2.5.1 §2.9.2, §2.9.3, table 0008; [Promises] A1 to A14.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from hl7calf.errors import WireError
from hl7calf.service.journal.jobs import MarkAttempt, MarkDelivered, Outcome, Park, Skip
from hl7calf.wire.ack import read_ack

US = "hl7calf"  # who decided, where no person did
_GOOD = ("AA", "CA")
_MOST_DOUBLINGS = 32


class Step(StrEnum):
    """What is done with a message after an attempt."""

    DELIVERED = "delivered"
    RETRY = "retry"
    PARK = "park"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Attempted:
    """How an attempt ended. `reconnect`: the connection must not be used again, a late answer could be on its way."""

    outcome: Outcome
    why: str = ""
    ack_code: str = ""
    ack: bytes = b""
    error_codes: tuple[str, ...] = ()
    reconnect: bool = False


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on trying.

    Args:
        max_attempts: refusals, and sends without an answer, until a message is parked; 0 means never.
        mismatches: acknowledgments of another message until it is parked (A2).
        unanswered_parks_in_a_row: so many messages are parked for want of an answer without a delivery between;
            then the destination, not the message, is taken to be the trouble and the lane waits (R15 against P12).
    """

    max_attempts: int = 5
    mismatches: int = 3
    unanswered_parks_in_a_row: int = 3


def judge(answer: bytes, control_id: bytes, tolerant: bool = False) -> Attempted:
    """Judge one framed answer to the message with this control ID (A1 to A6, A9, A12, A13).

    Args:
        tolerant: an empty MSA-2 is taken as ours (A3); one message is in flight, so it can only be.
    """
    usual = _usual_code(answer, control_id)
    if usual:
        return Attempted(Outcome.DELIVERED, "", usual, answer)
    try:
        ack = read_ack(answer)
    except WireError as wrong:
        return garbled(f"the answer is no acknowledgment ({wrong.code})", answer)
    if ack.control_id != control_id and not (not ack.control_id and (tolerant or not control_id)):
        why = "the acknowledgment has no MSA-2" if not ack.control_id else "another message was acknowledged"
        return Attempted(Outcome.MISMATCHED, why, ack.code, answer, reconnect=True)
    if ack.code in _GOOD:
        return Attempted(Outcome.DELIVERED, "", ack.code, answer)
    return Attempted(Outcome.REFUSED, f"answered {ack.code}", ack.code, answer, ack.errors + ack.severities)


def _usual_code(answer: bytes, control_id: bytes) -> str:
    """Return AA or CA for the answer that nearly all are: one MSH, one MSA with our control ID, CR ends; else "".

    A look at a few bytes; everything else is read with care by `read_ack`, and in doubt this says nothing.
    """
    separator = answer[3:4]
    if not answer.startswith(b"MSH") or not control_id or not separator or separator.isalnum():
        return ""
    begin = answer.find(b"\rMSA" + separator)
    if begin < 0 or answer.count(b"MSA") != 1 or answer.count(b"MSH") != 1 or b"\n" in answer:
        return ""
    end = answer.find(b"\r", begin + 1)
    fields = answer[begin + 1 : end if end >= 0 else len(answer)].split(separator)
    if len(fields) < 3 or fields[2] != control_id or fields[1] not in (b"AA", b"CA"):
        return ""
    return fields[1].decode("ascii")


def unanswered(why: str, kept: bytes = b"") -> Attempted:
    """Return the end of a send that was not answered (A7, A10, A11)."""
    return Attempted(Outcome.UNKNOWN, why, ack=kept, reconnect=True)


def garbled(why: str, kept: bytes = b"") -> Attempted:
    """Return the end of a send whose answer is no acknowledgment (A9)."""
    return Attempted(Outcome.GARBLED, why, ack=kept, reconnect=True)


def unreachable(why: str) -> Attempted:
    """Return the end of an attempt in which nothing was sent (A14)."""
    return Attempted(Outcome.UNREACHABLE, why, reconnect=True)


class Decider:
    """Decides the next step, message by message; one per route.

    Args:
        on_nack: `retry`, `park` or `skip` by MSA-1, ERR-4 and ERR-3; the code is more precise than the severity, which
            is more precise than MSA-1.
    """

    def __init__(self, on_nack: Mapping[str, str], patience: Patience) -> None:
        self._on_nack = on_nack
        self._patience = patience
        self._mismatches: dict[int, int] = {}
        self.parks_in_a_row = 0
        self.waits_instead_of_parking = False

    def next_step(self, message_id: int, attempts_before: int, attempted: Attempted) -> Step:
        """Return what is done now; `attempts_before` counts those that used up the message's own budget."""
        self.waits_instead_of_parking = False
        step = self._step(message_id, attempts_before, attempted)
        if step is not Step.RETRY:
            self._mismatches.pop(message_id, None)
        if step is Step.DELIVERED:
            self.parks_in_a_row = 0
        return step

    def _step(self, message_id: int, attempts_before: int, attempted: Attempted) -> Step:
        match attempted.outcome:
            case Outcome.DELIVERED:
                return Step.DELIVERED
            case Outcome.UNREACHABLE:
                return Step.RETRY
            case Outcome.DAMAGED:
                return Step.PARK
            case Outcome.REFUSED:
                return self._refused(attempts_before, attempted)
        if attempted.outcome is Outcome.MISMATCHED:
            self._mismatches[message_id] = self._mismatches.get(message_id, 0) + 1
            if self._mismatches[message_id] >= self._patience.mismatches:
                return self._park_unanswered()
        return self._park_unanswered() if self._spent(attempts_before) else Step.RETRY

    def _refused(self, attempts_before: int, attempted: Attempted) -> Step:
        for code in (*attempted.error_codes, attempted.ack_code):
            if code in self._on_nack:
                step = Step(self._on_nack[code])
                break
        else:
            step = Step.PARK  # an MSA-1 that table 0008 does not know
        return Step.PARK if step is Step.RETRY and self._spent(attempts_before) else step

    def _spent(self, attempts_before: int) -> bool:
        return 0 < self._patience.max_attempts <= attempts_before + 1

    def _park_unanswered(self) -> Step:
        if self.parks_in_a_row >= self._patience.unanswered_parks_in_a_row:
            self.waits_instead_of_parking = True
            return Step.RETRY
        self.parks_in_a_row += 1
        return Step.PARK


def job_for(
    step: Step, attempted: Attempted, message_id: int, at: float, pause_s: float
) -> MarkDelivered | MarkAttempt | Park | Skip:
    """Return what the journal is told; a dead connection does not use up a message's attempts."""
    code, ack, why, outcome = attempted.ack_code, attempted.ack, attempted.why, attempted.outcome
    match step:
        case Step.DELIVERED:
            return MarkDelivered(message_id, ack, at, code)
        case Step.RETRY:
            counts = outcome is not Outcome.UNREACHABLE
            return MarkAttempt(message_id, outcome, why, at + pause_s, at, counts, code, ack)
        case Step.PARK:
            return Park(message_id, why, at, outcome, code, ack)
        case Step.SKIP:
            return Skip(message_id, US, why, at, code, ack)


class BackOff:
    """Exponential back-off with jitter: half to the whole of the doubled pause.

    Args:
        random: a number from 0 to 1, handed in.
    """

    def __init__(self, initial_s: float, max_s: float, random: Callable[[], float]) -> None:
        self._initial_s = initial_s
        self._max_s = max_s
        self._random = random

    @property
    def longest_s(self) -> float:
        """The longest pause there is."""
        return self._max_s

    def pause_s(self, failures: int) -> float:
        """Return the pause after so many failures in a row (1 or more)."""
        whole = min(self._max_s, self._initial_s * 2.0 ** min(max(failures, 1) - 1, _MOST_DOUBLINGS))
        return whole * (0.5 + 0.5 * self._random())
