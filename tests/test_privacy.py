"""An unmistakable patient goes through the whole program; nothing that it says, names or measures tells of it (P16).

Sixty words that occur nowhere else stand in the fields that hold a patient's data, in free text, in what a
destination answers and in what cannot be read. Every fault that can be forced is forced. What is allowed to hold
them, the store and what shows messages on purpose, must hold them: so the search is seen to find.
"""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner

from hl7calf.cli import hl7calf
from hl7calf.service.journal.reader import Reader
from tests.service.doubles import ack, frame
from tests.service.stage import SRC, Receiver, Stage, control_id, msa, receiving, staged, until

PATIENCE_S = 60.0
FIELDS = {
    "PID": (2, 3, 4, 5, 6, 9, 11, 12, 13, 14, 18, 19, 20, 21, 23, 26, 28),
    "PD1": (3, 4),
    "NK1": (2, 4, 5, 6, 33),
    "PV1": (3, 5, 7, 8, 9, 17, 19, 50),
    "GT1": (3, 5, 6, 12),
    "IN1": (3, 4, 5, 16, 18, 19, 36, 49),
    "AL1": (3, 5),
    "OBX": (5, 16, 25),
    "ZPI": (1, 2, 3),
}
WORDS = {
    f"{segment}-{number}": f"CNRY{segment}{number:02}Q" for segment, numbers in FIELDS.items() for number in numbers
}
TEXTS = ("CNRYNTEPIDQ", "CNRYNTEOBRQ", "CNRYREASONQ", "CNRYCLINICQ", "CNRYCALLBACKQ", "CNRYPLACERQ", "CNRYCOLLECTQ")
DESTINATION = ("CNRYANSWERQ", "CNRYGARBLEQ")  # what radiology quotes back at us
WIRE = ("CNRYJUNKQ", "CNRYTORNQ", "CNRYNOHEADQ")  # what is no message
CANARIES = (*WORDS.values(), *TEXTS, *DESTINATION, *WIRE)
OF_THE_OBR = ("CNRYREASONQ", "CNRYCLINICQ")  # `explain` shows the segment it changed, on purpose
CONTROL = "CNRYMSHTENQ"  # in the modification log and in lists by contract; never in the operational log


def segment(name: str, **fixed: str) -> str:
    """One segment with a canary in each of its fields of FIELDS; `f5="..."` sets another one."""
    known = {int(key[1:]): value for key, value in fixed.items()}
    last = max([*FIELDS.get(name, ()), *known])
    return "|".join([name, *(known.get(n) or WORDS.get(f"{name}-{n}", "") for n in range(1, last + 1))])


def order(
    identifier: str,
    placer: str = "P-1",
    reason: str = "Left calf calcification on x-ray, pain 5 days",
    kind: str = "ORM^O01",
) -> bytes:
    """An order about that patient."""
    lines = [
        f"MSH|^~\\&|CPOE|WARD|RIS|RAD|20260115||{kind}|{identifier}|P|2.5.1",
        segment("PID", f1="1", f7="19620301", f8="F"),
        f"NTE|1||{TEXTS[0]} lives alone",
        segment("PD1"),
        segment("NK1", f1="1"),
        segment("PV1", f1="1", f2="O"),
        segment("GT1", f1="1"),
        segment("IN1", f1="1"),
        segment("AL1", f1="1"),
        f"ORC|NW|{placer}^CPOE||||||||{TEXTS[6]}|{TEXTS[5]}|||{TEXTS[4]}",
        f"OBR|1|{placer}^CPOE||USVENLTDL^US VENOUS LIMITED LEFT^L|||||||||{TEXTS[3]} seen||||||||||||||||||^{TEXTS[2]}: {reason}",
        f"NTE|1||{TEXTS[1]} wants to be called",
        segment("OBX", f1="1", f2="TX", f3="Q1^QUESTION^L"),
        segment("ZPI"),
    ]
    return "\r".join([*lines, ""]).encode()


def leaks(said: bytes, allowed: tuple[str, ...] = (), also: tuple[str, ...] = ()) -> list[str]:
    """The canaries in what was said: as they are, in any case, or as hexadecimal."""
    low = said.lower()
    forms = [(word, word.lower().encode()) for word in (*CANARIES, *also) if word not in allowed]
    return [
        word for word, form in forms if form in low or form.hex().encode() in low or form.upper().hex().encode() in low
    ]


def test_there_are_sixty_canaries_and_the_order_holds_those_of_a_message() -> None:
    whole = order("A1")
    assert len(CANARIES) >= 60 and len(set(CANARIES)) == len(CANARIES)
    assert sorted(leaks(whole)) == sorted([*WORDS.values(), *TEXTS])


def test_the_search_finds_a_leak_in_every_form() -> None:
    assert leaks(b"x cnrypid05q y") == [WORDS["PID-5"]]
    assert leaks(WORDS["NK1-2"].encode().hex().encode()) == [WORDS["NK1-2"]]
    assert leaks(b"nothing here") == []


# ---------------------------------------------------------------------------------- the service, all faults forced


FAULTY = """
import sys
from pathlib import Path
import hl7calf.calf.vetting as vetting
whole = vetting.read_orders
def read_orders(message):
    if b"BREAKS-THE-RULE" in message.payload:
        raise ValueError(message.payload.decode("latin-1"))
    return whole(message)
vetting.read_orders = read_orders
from hl7calf.app import serve
sys.exit(serve(Path(sys.argv[1])))
"""


class Watched(Stage):
    """A stage whose rule raises, with the whole order in the error's text, when it is asked to."""

    def start(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(SRC)}
        with (self.folder / "stderr.txt").open("ab") as errors, (self.folder / "stdout.txt").open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-c", FAULTY, str(self.folder / "hl7calf.toml")], stdout=said, stderr=errors,
                env=environment, cwd=self.folder,
            )  # fmt: skip
        until(self.ready, "the service is ready")


def answer(payload: bytes) -> bytes:
    """A destination that quotes the patient in its refusals, and once answers with something that is no answer."""
    identifier = control_id(payload)
    quoted = f"ERR|||207|E||||{DESTINATION[0]} unknown to us\rNTE|1||{WORDS['PID-5']}\r"
    match identifier:
        case "PARK":
            return ack(identifier, "AR", quoted)
        case "RETRY":
            return ack(identifier, "AE", quoted)
        case "GARBLE":
            return f"{DESTINATION[1]} HTTP/1.1 400 {WORDS['PID-3']}".encode()
        case _:
            return ack(identifier)


def raw(port: int, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as peer:
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(65536):
            pass


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stage, Receiver]]:
    """The running service after everything that can go wrong went wrong."""
    folder = tmp_path_factory.mktemp("service")
    stage = Watched(
        folder, route="max_attempts = 2\nmax_frame_bytes = 65536\nfirst_byte_timeout_s = 1\nframe_timeout_s = 2"
    )
    try:
        with receiving(stage.forward, answer) as receiver:
            stage.start()
            force_every_fault(stage)
            yield stage, receiver
            assert stage.stop() == 0
    finally:
        stage.close()


def force_every_fault(stage: Stage) -> None:
    sender = stage.sender()
    for payload in (
        order("UPGRADE"), order("REVIEW", "P-2", "left leg calcification"), order("CHILD", "P-3", "calf calcification, 9 yo"),
        order("ADT1", kind="ADT^A08"), order("RULE", "P-4", "BREAKS-THE-RULE calf calcification"),
        order("PARK", "P-5"), order("RETRY", "P-6"), order("GARBLE", "P-7"), order(CONTROL, "P-8"),
        order("UPGRADE"),
    ):  # fmt: skip
        assert msa(sender.exchange(payload))[0] == "AA"
    broken = order("X1")
    for payload in (
        broken.replace(b"|X1|", b"||"), broken.replace(b"MSH|^~\\&", b"MSH|"), broken[3:], b"MSH" + WIRE[2].encode(),
        WIRE[2].encode(), broken.replace(b"\r", b"\rMSH|^~\\&|TWO|\r", 1), b"\xff\xfe" + broken,
    ):  # fmt: skip
        sender.send(payload)
        sender.answer()
    raw(stage.listen, WIRE[0].encode() + frame(order("JUNK", "P-9")))
    raw(stage.listen, b"GET /" + WIRE[0].encode() + b" HTTP/1.1\r\n\r\n")
    raw(stage.listen, WIRE[0].encode() * 200)
    raw(stage.listen, b"\x0b" + order("TORN") + WIRE[1].encode())
    raw(stage.listen, b"\x0b" + order("TORN2") + frame(order("NEXT", "P-10")))
    raw(stage.listen, b"\x0b" + order("LONG") + WIRE[1].encode() * 8000)
    slow = stage.sender()
    slow.socket.sendall(b"\x0b" + order("SLOW") + WIRE[1].encode())
    assert slow.ended() or slow.answer()
    for body in (broken[3:], b"MSH" + WIRE[2].encode(), order("X2", reason="BREAKS-THE-RULE calf calcification")):
        stage.get("/vet", "POST", body)
    until(
        lambda: {"V_FAILED", "D_PARKED", "D_GARBLED", "D_REFUSED", "H_REFUSED", "F_FAULT", "F_SLOW"} <= set(stage.codes)
    )
    with Reader(stage.folder / "var") as reader:
        until(lambda: reader.books().parked == 3 and reader.books().queued == 0)


def test_the_operational_log_tells_nothing(after: tuple[Stage, Receiver]) -> None:
    stage, _ = after
    said = (stage.folder / "stderr.txt").read_bytes()
    assert said.count(b"\n") > 30, "the log was written at its lowest level"
    assert leaks(said, also=(CONTROL,)) == []
    assert (stage.folder / "stdout.txt").read_bytes() == b""


def test_the_log_is_json_whatever_came_in(after: tuple[Stage, Receiver]) -> None:
    stage, _ = after
    lines = (stage.folder / "stderr.txt").read_text("ascii").splitlines()
    assert all(isinstance(json.loads(line), dict) for line in lines)


@pytest.mark.parametrize("page", ["/metrics", "/healthz", "/readyz", "/nowhere"])
def test_the_pages_of_the_ops_port_tell_nothing(page: str, after: tuple[Stage, Receiver]) -> None:
    stage, _ = after
    status, headers, body = stage.get(page)
    assert status in (200, 404)
    assert leaks(repr(headers).encode() + body, also=(CONTROL,)) == []


def test_an_answer_of_post_vet_that_refuses_tells_nothing(after: tuple[Stage, Receiver]) -> None:
    stage, _ = after
    for body in (order("X3")[3:], b"MSH" + WIRE[2].encode(), WIRE[2].encode()):
        for accept in ("text/plain", "application/json"):
            status, headers, said = stage.get("/vet", "POST", body, Accept=accept)
            assert status == 400
            assert leaks(repr(headers).encode() + said) == []


def test_the_headers_of_post_vet_tell_nothing_even_when_the_rule_fails(after: tuple[Stage, Receiver]) -> None:
    stage, _ = after
    for reason in ("left calf calcification", "BREAKS-THE-RULE calf calcification"):
        status, headers, body = stage.get("/vet", "POST", order("X4", reason=reason))
        assert status == 200
        assert WORDS["PID-5"].encode() in body, "the message itself comes back, on purpose"
        assert leaks(repr(headers).encode()) == []


def test_the_process_has_no_telling_name(after: tuple[Stage, Receiver]) -> None:
    stage, _ = after
    assert stage.process is not None
    proc = Path("/proc") / str(stage.process.pid)
    if not proc.exists():
        pytest.skip("this system has no /proc")
    files = [proc / "cmdline", proc / "comm", proc / "environ", *proc.glob("task/*/comm")]
    assert leaks(b"\n".join(file.read_bytes() for file in files), also=(CONTROL,)) == []


def test_no_file_has_a_telling_name(after: tuple[Stage, Receiver]) -> None:
    stage, _ = after
    names = "\n".join(str(path) for path in stage.folder.rglob("*")).encode()
    assert b"hl7calf.sqlite3" in names
    assert leaks(names, also=(CONTROL,)) == []


def test_nothing_but_the_store_holds_the_patient(after: tuple[Stage, Receiver]) -> None:
    stage, _ = after
    kept = b"".join(path.read_bytes() for path in (stage.folder / "var").glob("hl7calf.sqlite3*"))
    assert {WORDS["PID-5"], *WIRE[1:], *DESTINATION} <= set(leaks(kept)), (
        "the bytes are in the store, so the search can find"
    )
    elsewhere = [path for path in stage.folder.rglob("*") if path.is_file() and path.name[:15] != "hl7calf.sqlite3"]
    assert {str(path): leaks(path.read_bytes()) for path in elsewhere if leaks(path.read_bytes())} == {}


# ------------------------------------------------------------------------------------------- the command line


def told(stage: Stage, *words: str, stdin: bytes = b"") -> tuple[int, bytes]:
    """Run a command beside the service, in this process; what it says on both streams."""
    environment = {"HL7CALF_CONFIG": str(stage.folder / "hl7calf.toml"), "COLUMNS": "300"}
    done = CliRunner().invoke(hl7calf, words, input=stdin, env=environment, prog_name="hl7calf")
    return done.exit_code, done.stdout_bytes + done.stderr_bytes


LISTS = [
    ["status"], ["status", "--json"], ["log"], ["log", "--json"], ["log", "verify"], ["log", "export", "--csv"], ["log", "export", "--json"],
    ["log", "--control-id", "UPGRADE"], ["queue", "list"], ["queue", "list", "--json"], ["queue", "list", "--state", "parked"],
    ["queue", "list", "--state", "delivered", "--limit", "100"], ["mode"],
]  # fmt: skip


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_lists_and_the_modification_log_tell_nothing(words: list[str], after: tuple[Stage, Receiver]) -> None:
    stage, _ = after
    code, said = told(stage, *words)
    assert code in (0, 1) and said
    assert leaks(said) == []


def test_the_messages_details_tell_nothing_unless_they_are_revealed(after: tuple[Stage, Receiver]) -> None:
    stage, _ = after
    with Reader(stage.folder / "var") as reader:
        numbers = [line.message_id for line in reader.messages(limit=100)]
    assert len(numbers) >= 15
    for number in numbers[:6] + numbers[-6:]:
        _, said = told(stage, "queue", "show", str(number))
        assert leaks(said) == [], number
    _, revealed = told(stage, "queue", "show", str(numbers[0]), "--reveal", "--reason", "a drill")
    assert WORDS["PID-5"].encode() in revealed


@pytest.mark.parametrize(
    "identifier", ["UPGRADE", "REVIEW", "CHILD", "ADT1", "RULE", "PARK", "GARBLE", "NOSUCHMESSAGE"]
)
def test_explain_shows_the_order_and_nothing_of_the_patient(identifier: str, after: tuple[Stage, Receiver]) -> None:
    stage, _ = after
    for words in (["explain", identifier], ["explain", "--json", identifier]):
        _, said = told(stage, *words)
        assert said
        assert leaks(said, allowed=OF_THE_OBR) == []


def test_a_dry_run_says_nothing_of_the_patient_on_stderr_or_about_what_it_refuses(
    after: tuple[Stage, Receiver], tmp_path: Path
) -> None:
    stage, _ = after
    for payload in (order("X5")[3:], b"MSH" + WIRE[2].encode(), order("X5").replace(b"MSH|^~\\&", b"MSH|")):
        for form in ("--diff", "--json"):
            code, said = told(stage, "vet", form, "-", stdin=payload)
            assert code == 1
            assert leaks(said) == []
    path = tmp_path / "order.hl7"
    path.write_bytes(order("X6"))
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    done = subprocess.run(
        [sys.executable, "-m", "hl7calf", "vet", str(path)], env=environment, capture_output=True, timeout=PATIENCE_S
    )
    assert done.returncode == 0 and leaks(done.stderr) == []
    patient = [word for name, word in WORDS.items() if not name.startswith("OBX")]
    assert [word for word in leaks(done.stdout) if word in patient] == [], "a diff shows the order, not the patient"


def test_sending_messages_says_nothing_of_them(after: tuple[Stage, Receiver], tmp_path: Path) -> None:
    stage, _ = after
    (tmp_path / "good.hl7").write_bytes(order("SENT"))
    (tmp_path / "bad.hl7").write_bytes(order("X7").replace(b"|X7|", b"||"))
    for more in ([], ["--json"]):
        words = ["replay", str(tmp_path), "--to", f"127.0.0.1:{stage.listen}", *more]
        environment = {**os.environ, "PYTHONPATH": str(SRC)}  # it has a reactor, so it needs a process
        done = subprocess.run(
            [sys.executable, "-m", "hl7calf", *words], env=environment, capture_output=True, timeout=PATIENCE_S
        )
        assert done.returncode == 1 and b"AR" in done.stdout
        assert leaks(done.stdout + done.stderr) == []


# ------------------------------------------------------------------------------------------------------- TLS


def test_plain_text_to_a_tls_listener_is_refused_without_a_word_of_it(tmp_path: Path) -> None:
    authority = trustme.CA()
    own = authority.issue_cert("localhost")
    own.private_key_pem.write_to_path(str(tmp_path / "own.key"))
    own.cert_chain_pems[0].write_to_path(str(tmp_path / "own.pem"))
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with staged(tmp_path, route='tls = {certificate = "own.pem", key = "own.key", client_ca = "ca.pem"}') as stage:
        stage.start()
        with socket.create_connection(("127.0.0.1", stage.listen), 10) as peer:
            peer.sendall(frame(order("PLAIN")))
            while peer.recv(65536):
                pass
        until(lambda: "C_TLS_REFUSED" in stage.codes)
        assert leaks((tmp_path / "stderr.txt").read_bytes()) == []
        assert leaks(b"".join(path.read_bytes() for path in (tmp_path / "var").iterdir())) == [], (
            "not a byte of it was parsed"
        )
        stage.stop()
