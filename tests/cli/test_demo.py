"""`demo` on small folders of samples, each a few seconds: three processes on loopback."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from hl7calf.cli.stage import free_ports

ORDER = (
    b"MSH|^~\\&|CPOE|WARD|RIS|RAD|20260115||ORM^O01^ORM_O01|%s|P|2.5.1\rPID|1||1^^^A^MR||EXAMPLE^ONE||19600101|F\rPV1|1|O\r"
    b"ORC|NW|%s^CPOE\rOBR|1|%s^CPOE||USVENLTDL^US VENOUS LIMITED LEFT^L|||20260115"
    b"||||||||||||||||||||||||^Left calf calcification on x-ray, pain 5 days\r"
)
ADT = b"MSH|^~\\&|A|B|C|D|20260101||ADT^A08|T1|P|2.5.1\rPID|1\r"


@pytest.fixture
def samples(run, tmp_path: Path) -> Path:
    """One sample of three kinds, what is expected written by `vet --out` under the demo's policy."""
    folder = tmp_path / "samples"
    for name in ("upgraded", "unchanged", "refused"):
        (folder / name).mkdir(parents=True)
    order = folder / "upgraded" / "order.hl7"
    order.write_bytes(ORDER % (b"U1", b"P-1", b"P-1"))
    run("init", tmp_path / "site")
    run("vet", order, "-c", tmp_path / "site" / "hl7calf.toml", "--out", tmp_path / "out")
    (folder / "upgraded" / "order.expected.hl7").write_bytes((tmp_path / "out" / "order.hl7").read_bytes())
    (folder / "unchanged" / "adt.hl7").write_bytes(ADT)
    (folder / "refused" / "pid.hl7").write_bytes(b"PID|1\r")
    ack = b"MSH|^~\\&|||||20260101||ACK|1|P|2.5\rMSA|AR|\rERR|||100^Segment sequence error^HL70357|E\r"
    (folder / "refused" / "pid.ack.hl7").write_bytes(ack)
    return folder


def test_it_shows_each_change_with_its_reason_and_says_where_the_log_is(process, samples, tmp_path) -> None:
    done = process("demo", "--samples", samples, "--dir", tmp_path / "demo", timeout=60)
    assert "upgraded/order.hl7" in done.stdout and "+OBR|1|P-1^CPOE||USVENCOML^" in done.stdout
    assert "3 samples (1 refused, 1 unchanged, 1 upgraded)" in done.stdout
    settings = re.search(r"log -c (\S+)$", done.stdout, re.MULTILINE)
    assert settings
    log = process("log", "-c", settings[1], "--kind", "message", "--json")
    assert "upgrade" in [json.loads(line)["action"] for line in log.stdout.splitlines()]
    assert (
        b"USVENCOML"
        in (tmp_path / "demo" / "received" / "000001.hl7").read_bytes()
        + (tmp_path / "demo" / "received" / "000002.hl7").read_bytes()
    )


def test_samples_that_come_out_as_said_are_exit_code_0(process, samples, tmp_path) -> None:
    (samples / "refused" / "pid.hl7").unlink()
    (samples / "refused" / "pid.ack.hl7").unlink()
    done = process("demo", "--samples", samples, "--dir", tmp_path / "demo", "--quiet", timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all as expected at the receiver" in done.stdout


def test_one_byte_off_at_the_receiver_is_exit_code_1(process, samples, tmp_path) -> None:
    expected = samples / "upgraded" / "order.expected.hl7"
    expected.write_bytes(expected.read_bytes().replace(b"USVENCOML", b"USVENCOMX"))
    done = process("demo", "--samples", samples, "--dir", tmp_path / "demo", "--quiet", timeout=60)
    assert done.returncode == 1
    assert "not all as expected at the receiver" in done.stdout and "USVENCOMX" in done.stdout


def test_a_sample_in_the_wrong_folder_is_exit_code_1(process, samples, tmp_path) -> None:
    (samples / "review").mkdir()
    (samples / "unchanged" / "adt.hl7").rename(samples / "review" / "adt.hl7")
    done = process("demo", "--samples", samples, "--dir", tmp_path / "demo", "--quiet", timeout=60)
    assert done.returncode == 1
    assert "review/adt.hl7" in done.stdout and "does not belong into review/" in done.stdout


def test_no_process_is_left_behind(process, samples, tmp_path) -> None:
    process("demo", "--samples", samples, "--dir", tmp_path / "demo", "--quiet", timeout=60)
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path / "demo") not in listed


def test_a_folder_in_use_is_refused(run, tmp_path) -> None:
    (tmp_path / "x").write_text("mine")
    shown = run("demo", "--dir", tmp_path)
    assert shown.exit_code == 2 and "is not empty" in shown.stderr


def test_the_ports_are_free_and_all_different() -> None:
    assert len(set(free_ports(5))) == 5
