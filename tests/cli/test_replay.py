"""`replay` and `receive` as processes, over real sockets."""

import json
import re
import signal
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hl7calf.service.journal.reader import Reader

MESSAGE = b"MSH|^~\\&|A|B|C|D|20260101||ORM^O01|M%d|P|2.5.1\rPID|1||CANARY\rOBR|1|||OLD\r"


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    folder = tmp_path / "samples"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.hl7").write_bytes(MESSAGE % number)
    return folder


@pytest.fixture
def receiving(start):
    def _receiving(*options: object) -> tuple[str, object]:
        child = start("receive", "--listen", "127.0.0.1:0", *options)
        found = re.search(r"Listening on (\S+);", child.stderr.readline())
        assert found, child.stderr.read()
        return found[1], child

    return _receiving


def test_everything_sent_arrives_in_order_byte_for_byte(process, receiving, samples, tmp_path) -> None:
    to, child = receiving("--store", tmp_path / "got", "--json")
    done = process("replay", samples, "--to", to)
    assert done.returncode == 0, done.stderr
    assert re.search(r"5 sent, \d+/s: AA 5\.", done.stdout)
    assert [file.read_bytes() for file in sorted((tmp_path / "got").iterdir())] == [MESSAGE % n for n in range(5)]
    line = json.loads(child.stdout.readline())
    assert (line["number"], line["control_id"], line["ack"], Path(line["file"]).name) == (1, "M0", ["AA"], "000001.hl7")


def test_several_connections_and_a_rate(process, receiving, samples) -> None:
    to, _ = receiving()
    done = process("replay", samples, "--to", to, "--connections", "3", "--rate", "20", "--repeat", "2")
    assert done.returncode == 0, done.stderr
    found = re.search(r"10 sent, (\d+)/s", done.stdout)
    assert found and int(found[1]) <= 25


def test_a_refusal_is_counted_told_and_exit_code_1(process, receiving, samples, tmp_path) -> None:
    to, _ = receiving("--nak", "AE", "--nak-every", "2")
    done = process("replay", samples, "--to", to, "--junit", tmp_path / "r.xml")
    assert done.returncode == 1
    assert "AA 3, AE 2." in done.stdout and "wrong" in done.stdout
    assert ElementTree.parse(tmp_path / "r.xml").getroot().get("failures") == "2"


def test_a_receiver_that_closes_gets_the_rest_on_new_connections(process, receiving, samples) -> None:
    to, _ = receiving("--close", "instead", "--close-every", "2")
    done = process("replay", samples, "--to", to)
    assert done.returncode == 1 and "AA 3, no answer 2." in re.sub(
        r"no answer (\d), AA (\d)", r"AA \2, no answer \1", done.stdout
    )


def test_a_receiver_that_never_answers(process, receiving, samples) -> None:
    to, _ = receiving("--no-ack")
    done = process("replay", samples / "0.hl7", "--to", to, "--timeout", "0.3")
    assert done.returncode == 1 and "no answer within 0.3 s" in done.stdout


def test_another_msa_2_is_not_taken(process, receiving, samples) -> None:
    to, _ = receiving("--wrong-id")
    done = process("replay", samples / "0.hl7", "--to", to)
    assert done.returncode == 1 and "MSA-2 of the answer is not MSH-10" in done.stdout


def test_json_is_one_object_a_line_and_nothing_else_on_stdout(process, receiving, samples) -> None:
    to, _ = receiving()
    done = process("replay", samples, "--to", to, "--json")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["control_id"], one["ack"], one["why"]) for one in told] == [(f"M{n}", "AA", None) for n in range(5)]
    assert "5 sent" in done.stderr


def test_nobody_listening_is_one_sentence(process, samples) -> None:
    done = process("replay", samples, "--to", "127.0.0.1:1")
    assert done.returncode == 1
    assert (
        done.stderr
        == "hl7calf: 127.0.0.1:1: no connection: nobody listens there (refused); start the receiver or correct the port.\n"
    )


def test_a_host_that_is_unknown_is_one_sentence(process, samples) -> None:
    done = process("replay", samples, "--to", "no-such-host.invalid:2575")
    assert done.returncode == 1 and "the host name is not known" in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--to", "nonsense"],
        ["--to", "127.0.0.1:99999"],
        ["--to", "127.0.0.1:1"],
        ["x.hl7", "--to", "127.0.0.1:1"],
        ["--since", "2h", "--to", "127.0.0.1:1"],
    ],
)
def test_unusable_arguments_are_exit_code_2_and_one_sentence(run, arguments: list[str]) -> None:
    shown = run("replay", *arguments)
    assert shown.exit_code == 2 and shown.stderr.count("\n") == 1


def test_expect_finds_what_came_out_otherwise(process, receiving, samples, tmp_path) -> None:
    """A receiver that is sent to directly changes nothing, so the one sample that wants a change is wrong."""
    (samples / "3.expected.hl7").write_bytes((MESSAGE % 3).replace(b"OLD", b"NEW"))
    to, _ = receiving("--store", tmp_path / "got")
    done = process("replay", samples, "--to", to, "--expect", tmp_path / "got", "--junit", tmp_path / "r.xml")
    assert done.returncode == 1
    assert "4 of 5 as expected" in done.stdout and "- OBR|1|||NEW" in done.stdout and "+ OBR|1|||OLD" in done.stdout
    report = (tmp_path / "r.xml").read_text()
    assert "other bytes arrived than expected" in report and "OBR|" not in report and "CANARY" not in report
    (samples / "3.expected.hl7").unlink()
    again = process("replay", samples, "--to", to, "--expect", tmp_path / "got")
    assert again.returncode == 0 and "5 of 5 as expected" in again.stdout


def test_expect_with_nothing_arriving_says_so(process, receiving, samples) -> None:
    to, _ = receiving()
    done = process("replay", samples / "0.hl7", "--to", to, "--expect", "127.0.0.1:0", "--expect-timeout", "0.2")
    assert done.returncode == 1 and "it did not arrive at the receiver" in done.stdout


def test_a_port_in_use_is_one_sentence(process, receiving) -> None:
    to, _ = receiving()
    done = process("receive", "--listen", to)
    assert done.returncode == 1 and "another program listens there" in done.stderr and done.stderr.count("\n") == 1


def test_receive_ends_quietly_with_ctrl_c(receiving) -> None:
    _, child = receiving()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=10)
    assert (child.returncode, out, err) == (0, "", "")


def test_receive_ends_after_the_count(process, receiving, samples) -> None:
    to, child = receiving("--count", "2")
    done = process("replay", samples / "0.hl7", samples / "1.hl7", "--to", to)
    assert done.returncode == 0
    assert child.wait(timeout=10) == 0


def test_receive_does_not_mix_messages_of_two_runs(run, tmp_path) -> None:
    (tmp_path / "000001.hl7").write_bytes(b"x")
    shown = run("receive", "--store", tmp_path)
    assert shown.exit_code == 2 and "already holds messages" in shown.stderr


def test_stored_messages_go_out_again_as_they_came(process, receiving, journal, tmp_path) -> None:
    from hl7calf.cli.settings_example import Places, settings_text

    journal.arrive("A1", "P-1")
    journal.arrive("A2", "P-2")
    settings = tmp_path / "hl7calf.toml"
    settings.write_text(settings_text(__import__("datetime").date(2026, 1, 1), Places()))
    to, _ = receiving("--store", tmp_path / "got")
    done = process("replay", "--journal", "-c", settings, "--control-id", "A2", "--to", to)
    assert done.returncode == 0, done.stderr
    (file,) = (tmp_path / "got").iterdir()
    assert b"|A2|" in file.read_bytes() and b"USVENLTDL" in file.read_bytes()
    assert "A2" in done.stderr and "CANARY" not in done.stderr, "shown first, without the message"


@pytest.fixture
def site(journal, tmp_path: Path) -> Path:
    """Return settings whose store holds two messages."""
    from hl7calf.cli.settings_example import Places, settings_text

    journal.arrive("A1", "P-1")
    journal.arrive("A2", "P-2")
    settings = tmp_path / "hl7calf.toml"
    settings.write_text(settings_text(__import__("datetime").date(2026, 1, 1), Places()))
    return settings


def test_a_dry_run_shows_what_would_go_and_sends_nothing(run, site) -> None:
    done = run("replay", "--journal", "--dry-run", "-c", site, "--to", "127.0.0.1:1")
    assert done.exit_code == 0, done.stderr
    assert "A1" in done.stderr and "A2" in done.stderr and "127.0.0.1:1" in done.stderr
    assert done.stdout == ""


def test_a_person_at_a_terminal_is_asked_first(run, site, monkeypatch) -> None:
    from hl7calf.cli import stored

    asked = []
    monkeypatch.setattr(stored, "agreed", lambda number: asked.append(number) or False)
    assert run("replay", "--journal", "-c", site, "--to", "127.0.0.1:1").exit_code == 0
    assert asked == [2]
    refused = run("replay", "--journal", "--yes", "-c", site, "--to", "127.0.0.1:1")
    assert refused.exit_code == 1 and asked == [2], "with --yes it is tried at once, and nobody listens there"


def test_the_original_keeps_who_sent_it_again_where_to_and_why(run, process, receiving, journal, site) -> None:
    to, _ = receiving()
    options = ("--control-id", "A2", "--reason", "lost at the RIS", "--to", to)
    done = process("replay", "--journal", "-c", site, *options)
    assert done.returncode == 0, done.stderr
    journal.carry_out()
    shown = run("queue", "show", 2, "--data-dir", journal.folder)
    assert f"replayed, to {to}: AA, by" in shown.stdout.replace("\n" + " " * 26, " ")
    assert "replayed" not in run("queue", "show", 1, "--data-dir", journal.folder).stdout
    with Reader(journal.folder) as reader:
        entry = reader.entries()[-1]
        assert (entry.kind, entry.message_id, entry.content["reason"]) == ("replayed", 2, "lost at the RIS")
        assert entry.content["details"] == {"replayed": f"to {to}: AA"}
        assert reader.verify().ok


@pytest.mark.parametrize("option", [["--dry-run"], ["--yes"], ["--reason", "x"]])
def test_what_is_for_stored_messages_needs_them(run, samples, option: list[str]) -> None:
    shown = run("replay", samples, *option, "--to", "127.0.0.1:1")
    assert shown.exit_code == 2 and "--journal" in shown.stderr
