"""How each side acknowledged one message: what its sender was answered, and every attempt to deliver it."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hl7calf.calf.report import charsets_of
from hl7calf.cli.moments import time_shown
from hl7calf.cli.terminal import Terminal, clean
from hl7calf.wire.charset import decode_bytes

if TYPE_CHECKING:
    from hl7calf.service.journal.views import Message

_ENDS = re.compile("\r\n|\r|\n")


def history_lines(message: "Message", term: Terminal) -> Iterator[str]:
    """Yield a line for the sender's answer and one for each attempt, oldest first."""
    line = message.line
    answered = f"{message.answer_code} to {line.peer_host}:{line.peer_port}" if message.answer_code else "nothing"
    yield term.fold(clean(f"{time_shown(line.received_at)}  in   answered {answered}"), hang=" " * 26)
    for attempt in message.history:
        times = f", {attempt.times} times until {time_shown(attempt.last_at)}" if attempt.times > 1 else ""
        parts = [attempt.outcome, attempt.ack_code, attempt.why, f"by {attempt.user}" if attempt.user else ""]
        told = ", ".join(part for part in parts if part)
        yield term.fold(clean(f"{time_shown(attempt.at)}  out  {told}{times}"), hang=" " * 26)
    if not message.history and line.state.value == "queued":
        yield term.fold("not sent yet", " " * 21 + "out  ")


def segments_shown(payload: bytes) -> Iterator[str]:
    """Yield a payload's segments, a line each, made safe to print."""
    for segment in _ENDS.split(decode_bytes(payload, charsets_of(payload))):
        if segment:
            yield clean(segment)
