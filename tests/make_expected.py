"""Write the `.expected.hl7` and `.ack.hl7` siblings of the samples: what the product does today.

    python tests/make_expected.py [FOLDER]

Runs `hl7calf demo` over the folder (policy DEMO, one service, all files in name order, so that later messages of an
order find the earlier ones) and takes from its store what was sent and, for refused samples, what was answered.
A sample that leaves as it came gets no sibling. What it wrote must be proofread: it says what is, not what should
be. MSH-7 and MSH-10 of an acknowledgment are left out: they are new each time and not compared.
"""

import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from hl7calf.cli.sources import Source, read_sources, sibling  # noqa: E402 - after the path is set
from hl7calf.service.journal.reader import Reader  # noqa: E402
from hl7calf.service.journal.views import Message  # noqa: E402
from hl7calf.wire.header import read_header  # noqa: E402


def play(samples: Path, folder: Path) -> None:
    """Run the demo; its exit code says only that siblings are missing or old, which is why this runs."""
    command = [sys.executable, "-m", "hl7calf", "demo", "--quiet", "--samples", str(samples), "--dir", str(folder)]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT / "src")})


def stored(folder: Path) -> dict[bytes, list[Message]]:
    """Return the stored messages by what came in, oldest first."""
    found: dict[bytes, list[Message]] = defaultdict(list)
    with Reader(folder / "var") as reader:
        after = 0
        while page := reader.messages(after=after, limit=500):
            for line in page:
                message = reader.message(line.message_id)
                if message is not None:
                    found[message.inbound].append(message)
            after = page[-1].message_id
    return found


def lasting(ack: bytes) -> bytes:
    """Empty MSH-7 and MSH-10 of an acknowledgment."""
    header = read_header(ack)
    field = header.delimiters.field
    fields = ack[header.start : header.end].split(field)
    for number in (7, 10):
        fields[number - 1] = b""
    return field.join(fields) + ack[header.end :]


def write(path: Path, payloads: Sequence[Message], sources: Sequence[Source]) -> list[Path]:
    """Write the siblings of one sample file; return what was written."""
    expected, ack = sibling(path, "expected"), sibling(path, "ack")
    expected.unlink(missing_ok=True)
    ack.unlink(missing_ok=True)
    if path.parent.name == "refused":
        ack.write_bytes(b"".join(lasting(message.answer) for message in payloads))
        return [ack]
    if all(message.outbound == source.payload for message, source in zip(payloads, sources, strict=True)):
        return []
    expected.write_bytes(b"".join(message.outbound for message in payloads))
    return [expected]


def main() -> int:
    samples = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "sample_messages").resolve()
    sources: dict[Path, list[Source]] = defaultdict(list)
    for source in read_sources([str(samples)], keep_batches=True):
        if source.path is not None:
            sources[source.path].append(source)
    with tempfile.TemporaryDirectory() as temporary:
        play(samples, Path(temporary) / "demo")
        found = stored(Path(temporary) / "demo")
    written = []
    for path, own in sources.items():
        missing = [source.name for source in own if not found[source.payload]]
        if missing:
            sys.stderr.write(f"not stored by the service: {', '.join(missing)}\n")
            return 1
        written += write(path, [found[source.payload].pop(0) for source in own], own)
    sys.stderr.write(f"{len(written)} written; read them before they are believed.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
