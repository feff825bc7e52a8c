"""Quarantine from the socket to the person: kept, told to the sender, alarmed, listed, and released or given up."""

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from hl7calf.cli import hl7calf as command
from hl7calf.service.journal.jobs import State
from tests.service.doubles import message
from tests.service.served import Served, parts, serving
from tests.service.stage import until

UNREADABLE = b"EVN|A01|bytes of some other kind\r"


def hl7calf(folder: Path, *arguments: str) -> Result:
    """Run the command line against the running service."""
    config = str(folder / "hl7calf.toml")
    result: Result = CliRunner().invoke(command, [*arguments, "-c", config], prog_name="hl7calf")
    return result


def numbers(served: Served) -> list[int]:
    return [line.message_id for line in served.reader.messages(State.QUARANTINED)]


def alarms(served: Served) -> list[str]:
    codes: list[str] = json.loads(served.stage.get("/readyz")[2])["alarms"]
    return codes


def listed(folder: Path) -> list[dict[str, Any]]:
    told = hl7calf(folder, "queue", "list", "--state", "quarantined", "--json")
    return [json.loads(line) for line in told.stdout.splitlines()]


def test_quarantine_is_listed_alarmed_and_decided_by_a_person(tmp_path: Path) -> None:
    with serving(tmp_path) as served, served.row() as row:
        peer = served.peer()
        assert parts(peer.exchange(UNREADABLE)) == (b"AR", b"")
        assert parts(peer.exchange(message("QU-1"))) == (b"AA", b"QU-1")
        peer.socket.sendall(b"\x0b" + message("QU-TORN")[:40])
        peer.close()
        until(lambda: len(numbers(served)) == 2)
        unreadable, torn = numbers(served)

        assert [(one["number"], one["fault"], one["state"]) for one in listed(tmp_path)] == [
            (unreadable, "H_NO_MSH", "quarantined"),
            (torn, "F_TORN", "quarantined"),
        ]
        told = hl7calf(tmp_path, "status")
        assert told.exit_code == 1 and "2 quarantined within a day" in told.stdout
        until(lambda: alarms(served) == ["H_QUARANTINED"], "the alarm stands")
        row.event("H_QUARANTINED", route="orders", level="critical")
        assert row.forwarded(1) == [message("QU-1")], "and neither of them goes on by itself"

        refused = hl7calf(tmp_path, "queue", "release", str(torn), "--reason", "trial")
        assert refused.exit_code == 1 and "only a part" in refused.stderr
        assert hl7calf(tmp_path, "queue", "release", str(unreadable), "--reason", "they can read it").exit_code == 0
        assert row.forwarded(2) == [message("QU-1"), UNREADABLE], "as it came"
        assert hl7calf(tmp_path, "queue", "skip", str(torn), "--reason", "sent again").exit_code == 0
        assert numbers(served) == []
        assert hl7calf(tmp_path, "status").exit_code == 0
        assert served.reader.books().balanced and served.reader.verify().ok
