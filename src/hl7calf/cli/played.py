"""What came of each sample message: what its folder says must happen, and whether it did.

    upgraded/    leaves with another OBR-4 in at least one order
    annotated/   leaves with notes and the same codes
    review/      leaves as it came, and a person is told
    unchanged/   leaves as it came, and nobody is told
    refused/     is not forwarded

Law: judged by what the service stored; the bytes at the receiver are judged by `replay --expect`.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hl7calf.calf.verdict import Verdict
from hl7calf.cli.entries import code_change
from hl7calf.cli.sources import Source
from hl7calf.service.journal.jobs import State
from hl7calf.service.journal.reader import Reader
from hl7calf.service.journal.views import Message

FOLDERS = ("upgraded", "annotated", "review", "unchanged", "refused")


@dataclass(frozen=True, slots=True)
class Played:
    """One sample after the demo: the stored message, the verdict with its evidence, what is wrong if anything."""

    source: Source
    verdict: Verdict
    message: Message | None
    fault: str | None

    @property
    def is_refused(self) -> bool:
        """Whether the service answered with a refusal, whatever the rule would have said of the bytes."""
        return self.message is not None and self.message.line.state in (State.QUARANTINED, State.REJECTED)

    @property
    def why(self) -> str:
        """Why the service refused it, in its own words."""
        return (self.message.line.why or self.message.fault_why) if self.message is not None else ""

    @property
    def folder(self) -> str:
        """The folder that says what must happen; "" for a sample elsewhere."""
        top = self.source.below.parts[0] if len(self.source.below.parts) > 1 else ""
        return top if top in FOLDERS else ""


def read_played(data_dir: Path, sources: Sequence[Source], verdicts: Sequence[Verdict]) -> list[Played]:
    """Pair each sample with the message that the service stored for it, in the order they were sent."""
    stored = _by_payload(data_dir)
    played = []
    for source, verdict in zip(sources, verdicts, strict=True):
        waiting = stored[source.payload]
        message = waiting.pop(0) if waiting else None
        found = Played(source, verdict, message, None)
        played.append(replace(found, fault=_fault(found)))
    return [_with_its_file(one, played) for one in played]


def _with_its_file(one: Played, played: Sequence[Played]) -> Played:
    """Take the fault off a message of a file in which another does what the folder says: one is enough there."""
    fine = (other.fault is None for other in played if other.source.path == one.source.path)
    return replace(one, fault=None) if one.source.count > 1 and any(fine) else one


def _by_payload(data_dir: Path) -> dict[bytes, list[Message]]:
    found: dict[bytes, list[Message]] = defaultdict(list)
    with Reader(data_dir) as reader:
        after = 0
        while page := reader.messages(after=after, limit=500):
            for line in page:
                message = reader.message(line.message_id)
                if message is not None:
                    found[message.inbound].append(message)
            after = page[-1].message_id
    return found


def _fault(played: Played) -> str | None:
    """Return what came out otherwise than the sample's folder says."""
    message, folder = played.message, played.folder
    if message is None:
        return "the service did not store it"
    if not folder:
        return None
    state, changed = message.line.state, message.outbound != message.inbound
    if folder == "refused":
        return None if played.is_refused else f"it was not refused but {state.value}"
    if state is not State.DELIVERED:
        return f"it was not delivered but {state.value}: {message.line.why or message.fault_why}"
    if played.verdict.outbound != message.outbound:
        return "the service sent other bytes than `vet` gives"
    orders = message.entry.content.get("orders", ()) if message.entry else ()
    recoded = any(code_change(order) for order in orders)
    right = {
        "upgraded": recoded,
        "annotated": changed and not recoded,
        "review": not changed and message.line.action == "review",
        "unchanged": not changed and message.line.action in ("pass", ""),
    }[folder]
    done = message.line.action or "pass"
    return None if right else f"{done}{' with' if changed else ' without'} change does not belong into {folder}/"
