"""`queue release --upgraded` on a running service: held, read, raised, forwarded, explained."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hl7calf.cli.stage import Stage
from hl7calf.service.mappings import shipped_mappings

ORDER = (
    b"MSH|^~\\&|CPOE|WARD|RIS|RAD|20260115||ORM^O01^ORM_O01|%s|P|2.5.1\rPID|1||1^^^A^MR||CANARY^ONE||19600101|F\rPV1|1|O\r"
    b"ORC|%s|P-1^CPOE\rOBR|1|P-1^CPOE||USVENLTDL^US VENOUS LIMITED LEFT^L|||20260115"
    b"||||||||||||||||||||||||^Left calf calcification on x-ray, pain 5 days, %s\r"
)


@pytest.fixture
def holding(tmp_path: Path) -> Iterator[Stage]:
    """A service that holds reviews back, and a receiver."""
    (tmp_path / "stage").mkdir()
    with Stage(tmp_path / "stage", shipped_mappings()) as stage:
        text = stage.settings.read_text()
        stage.settings.write_text(text.replace('name = "orders"', 'name = "orders"\nreview = "hold"'))
        stage.start("receive", ["receive", "--listen", f"127.0.0.1:{stage.forward}", "--store", str(stage.received)])
        stage.wait_for("receive", stage.forward)
        stage.start("serve", ["serve", "-c", str(stage.settings)])
        stage.wait_for("serve", stage.listen)
        yield stage


def send(stage: Stage, process, control_id: bytes, control: bytes = b"NW", more: bytes = b"leg in a cast") -> None:  # type: ignore[no-untyped-def]
    file = stage.folder / "order.hl7"
    file.write_bytes(ORDER % (control_id, control, more))
    done = process("replay", file, "--to", f"127.0.0.1:{stage.listen}")
    assert done.returncode == 0, done.stderr + done.stdout


def received(stage: Stage, count: int) -> list[bytes]:
    until = time.monotonic() + 15
    while len(list(stage.received.iterdir())) < count and time.monotonic() < until:
        time.sleep(0.05)
    return [path.read_bytes() for path in sorted(stage.received.iterdir())]


def test_a_held_order_goes_on_as_the_complete_study_and_everything_tells_so(holding, process) -> None:  # type: ignore[no-untyped-def]
    send(holding, process, b"M1")
    config = ("-c", holding.settings)
    listed = process("queue", "list", *config).stdout
    assert "parked" in listed and "held for review" in listed
    done = process("queue", "release", "1", "--upgraded", "--reason", "seen with the ward", *config)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "1: message 1: parked -> queued; 0 others affected\n"
    [forwarded] = received(holding, 1)
    assert b"|USVENCOML^" in forwarded and b"upgraded on review" in forwarded
    [entry] = [json.loads(line) for line in process("log", "--kind", "raised", "--json", *config).stdout.splitlines()]
    assert (entry["action"], entry["reason"], bool(entry["user"])) == ("upgrade", "seen with the ward", True)
    assert "USVENLTDL -> USVENCOML" in process("log", "--action", "upgrade", *config).stdout
    told = process("explain", "M1", *config).stdout
    assert (
        "raised    by " in told and "+OBR|1|P-1^CPOE||USVENCOML^" in told and "out  raised, seen with the ward" in told
    )
    assert "Vetting again now gives" not in told and "upgrade, though the rule says review" in told
    assert process("log", "verify", *config).returncode == 0
    # a later change of the order with the old code carries the new one
    send(holding, process, b"M2", b"XO", b"please hurry")
    assert b"|USVENCOML^" in received(holding, 2)[1]


def test_what_cannot_be_raised_stays_and_says_why(holding, process) -> None:  # type: ignore[no-untyped-def]
    send(holding, process, b"M1", more=b"leg in a cast, do not change this order")
    config = ("-c", holding.settings)
    done = process("queue", "release", "1", "--upgraded", "--reason", "x", *config)
    assert done.returncode == 1 and "cannot be raised: order 1: X15 " in done.stderr
    assert "parked" in process("queue", "list", *config).stdout
    assert process("mode", "observe", "--reason", "kill switch", *config).returncode == 0
    send(holding, process, b"M2", more=b"foot in a cast")
    done = process("queue", "release", "2", "--upgraded", "--reason", "x", *config)
    assert done.returncode == 1 and not list(holding.received.iterdir())


def test_order_goes_with_upgraded_only(run, journal) -> None:  # type: ignore[no-untyped-def]
    shown = run("queue", "release", "1", "--order", "2", "--reason", "x", "--data-dir", journal.folder)
    assert shown.exit_code == 2 and "--order goes with --upgraded" in shown.stderr
