"""The fault catalogue rows H1 to H15, each put to one running service on a real socket."""

import time
from collections.abc import Iterator

import pytest

from tests.conftest import shared_folder
from tests.service.doubles import frame, message
from tests.service.served import ROUTES, Served, parts, serving, target
from tests.service.stage import Sender, until

LIMITED = b"USVENLTDL^US VENOUS LIMITED LEFT^L"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    routes = {"relay": ROUTES["relay"], "pass": 'training = "pass"', "single": 'batches = "refuse"'}
    with serving(tmp_path_factory.mktemp("content"), routes) as served:
        yield served


def exchange(sender: Sender, payload: bytes) -> tuple[bytes, bytes]:
    return parts(sender.exchange(payload))


def unchanged(served: Served, payload: bytes, control_id: bytes) -> None:
    """Ask that this payload is taken and goes on byte for byte."""
    with served.row() as row:
        assert exchange(served.peer(), payload) == (b"AA", control_id)
        assert row.forwarded(1) == [payload]


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"MSH|\r", "H_MSH_SHORT"),
        (b"MSH", "H_MSH_SHORT"),
        (b"MSH||A|B\r", "H_DELIMITERS"),
        (b"MSH|abc|A\r", "H_DELIMITERS"),
        (b"MSH|^^^^|A\r", "H_DELIMITERS"),
        (b"EVN|A01\r", "H_NO_MSH"),
    ],
)
def test_h01_an_msh_too_short_or_without_delimiters_is_refused_and_kept(
    served: Served, payload: bytes, code: str
) -> None:
    with served.row() as row:
        sender = served.peer()
        answer = sender.exchange(payload)
        assert parts(answer) == (b"AR", b"")
        assert b"\rERR|" in answer
        assert exchange(sender, message(f"H01-{payload.hex()}"[:40]))[0] == b"AA", "the connection goes on"
        assert row.quarantined(2) == [(code, payload)]
        row.event("H_REFUSED", fault=code)
        assert len(row.forwarded(1)) == 1


@pytest.mark.parametrize("marks", [b"^~\\&#", b"^\\~&", b"^~\\&"])
@pytest.mark.parametrize("mark", [b"#", b"!"])
def test_h02_other_delimiters_are_used_as_the_message_says(served: Served, marks: bytes, mark: bytes) -> None:
    if mark in marks:
        marks = marks.replace(mark, b"%")
    name = f"H02-{mark.hex()}-{marks.hex()}"
    order = target(name).replace(b"^~\\&", marks).replace(b"|", mark)
    with served.row() as row:
        answer = served.peer().exchange(order)
        assert parts(answer) == (b"AA", name.encode())
        assert answer.startswith(b"MSH" + mark + marks + mark), "the sender's own delimiters come back"
        (changed,) = row.forwarded(1)
        assert changed != order and b"NTE" + mark in changed and b"NTE|" not in changed


def test_h03_without_msh_10_it_is_refused_and_kept(served: Served) -> None:
    with served.row() as row:
        assert exchange(served.peer(), message("")) == (b"AR", b"")
        assert row.quarantined(1) == [("H_NO_CONTROL_ID", message(""))]
        row.event("H_REFUSED", fault="H_NO_CONTROL_ID")
        assert row.forwarded(0) == []


def test_h03_in_relay_it_is_forwarded_and_the_destination_answers(served: Served) -> None:
    with served.row() as row:
        payload = message("", body="ZZZ|relayed\r")
        assert exchange(served.peer("relay"), payload) == (b"AA", b"")
        assert row.forwarded(1) == [payload]


@pytest.mark.parametrize(
    "control_id",
    [
        b"9" * 5000,
        b"<script>alert(1)</script>",
        b"../../etc/passwd",
        b"a\x1b[31mb\x07\x00\x0bc",
        b"\xff\xfe\x80",
        b"A&B~C",
    ],
)
def test_h04_msh_10_comes_back_byte_for_byte_and_never_into_the_log(served: Served, control_id: bytes) -> None:
    with served.row() as row:
        payload = message("H04", body="ZZZ|h04\r").replace(b"|H04|", b"|" + control_id + b"|")
        assert exchange(served.peer(), payload) == (b"AA", control_id)
        assert row.forwarded(1) == [payload]
        logged = (served.stage.folder / "stderr.txt").read_bytes()
        assert control_id not in logged
        assert not [p for p in served.stage.folder.rglob("*") if "passwd" in p.name or "script" in p.name]


@pytest.mark.parametrize("version", [b"", b"9.9", b"2", b"two", b"2.5.1.7"])
def test_h05_an_unknown_version_hinders_neither_forwarding_nor_matching(served: Served, version: bytes) -> None:
    name = f"H05-{version.hex()}"
    with served.row() as row:
        sender = served.peer()
        order = target(name).replace(b"|P|2.5.1", b"|P|" + version)
        plain = message(name + "P").replace(b"|P|2.5.1", b"|P|" + version)
        assert exchange(sender, order) == (b"AA", name.encode())
        assert exchange(sender, plain) == (b"AA", name.encode() + b"P")
        changed, same = row.forwarded(2)
        assert changed != order and LIMITED not in changed and same == plain


@pytest.mark.parametrize(
    "charset", [b"", b"UNICODE UTF-8", b"8859/1", b"~ISO IR87", b"KLINGON", b"8859/1~ISO IR14", b"UNICODE UTF-16"]
)
@pytest.mark.parametrize("word", ["Wadé".encode(), "Wadé".encode("latin-1"), b"\xff\xfe\xfd", b"\xc3"])
def test_h06_any_bytes_under_any_character_set_go_on_unchanged(served: Served, charset: bytes, word: bytes) -> None:
    name = f"H06-{charset.hex()[:16]}-{word.hex()}".encode()
    unchanged(
        served,
        b"MSH|^~\\&|A|B|C|D|2026||ADT^A08|" + name + b"|P|2.5.1||||||" + charset + b"\rPID|1||4711||" + word + b"\r",
        name,
    )


def test_h06_a_bom_is_skipped_for_reading_and_kept_for_forwarding(served: Served) -> None:
    with served.row() as row:
        order = b"\xef\xbb\xbf" + target("H06-BOM")
        assert exchange(served.peer(), order) == (b"AA", b"H06-BOM")
        (changed,) = row.forwarded(1)
        assert changed.startswith(b"\xef\xbb\xbfMSH|") and LIMITED not in changed


def test_h06_an_order_with_latin_1_under_utf_8_is_matched_on_its_ascii_parts(served: Served) -> None:
    with served.row() as row:
        order = (
            target("H06-MIX")
            .replace(b"|P|2.5.1\r", b"|P|2.5.1||||||UNICODE UTF-8\r")
            .replace(b"KANARIENVOGEL", b"M\xfcller")
        )
        assert exchange(served.peer(), order) == (b"AA", b"H06-MIX")
        (changed,) = row.forwarded(1)
        assert LIMITED not in changed and b"M\xfcller" in changed


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-16"])
def test_h06_utf_16_is_refused_by_name_and_kept(served: Served, codec: str) -> None:
    with served.row() as row:
        payload = message("H06-16").decode().encode(codec)
        assert exchange(served.peer(), payload) == (b"AR", b"")
        assert row.quarantined(1) == [("H_UTF16", payload)]


def test_h07_escapes_are_undone_for_matching_and_never_written_back(served: Served) -> None:
    with served.row() as row:
        sender = served.peer()
        told = "Left calf cal\\X63\\ification\\.br\\on x-ray \\T\\ more"
        order = target("H07-A", told)
        assert exchange(sender, order) == (b"AA", b"H07-A")
        torn = message("H07-B", body="NTE|1||C:\\temp\\new \\X0D\\ \\unfinished\r")
        assert exchange(sender, torn) == (b"AA", b"H07-B")
        changed, same = row.forwarded(2)
        assert told.encode() in changed and LIMITED not in changed
        assert same == torn


@pytest.mark.alone
@pytest.mark.parametrize("kind", ["repetitions", "segments", "field"])
def test_h08_size_costs_linear_time(served: Served, kind: str) -> None:
    body = {
        "repetitions": "|" + "~".join(["left calf"] * 10_000) + "\r",
        "segments": "|x\r" + "OBX|1|TX|A||calf\r" * 100_000,
        "field": "|" + "calcification of the calf " * 200_000 + "\r",
    }[kind]
    name = f"H08-{kind}"
    payload = message(
        name, "ORM^O01", f"ORC|NW|H08{kind}^CPOE\rOBR|1|H08{kind}^CPOE||{LIMITED.decode()}|||20260115||||||{body}"
    )
    with served.row() as row:
        sender = served.peer()
        began = time.monotonic()
        assert exchange(sender, payload) == (b"AA", name.encode())
        assert time.monotonic() - began < 4.0  # 2 s on a quiet machine; the vetting thread has 1 s
        assert exchange(sender, message(name + "-NEXT")) == (b"AA", name.encode() + b"-NEXT")
        assert len(row.forwarded(2)) == 2


def test_h09_a_raw_cr_in_a_field_is_forwarded_and_never_matched_across(served: Served) -> None:
    with served.row() as row:
        order = message(
            "H09",
            "ORM^O01",
            f"PV1|1|O\rORC|NW|H09^CPOE\rOBR|1|H09^CPOE||{LIMITED.decode()}|||20260115||||||left calf\rcalcification on x-ray\r",
        )
        assert exchange(served.peer(), order) == (b"AA", b"H09")
        assert row.forwarded(1) == [order]


def test_h10_a_batch_goes_on_as_one_unit_under_its_own_control_id(served: Served) -> None:
    with served.row() as row:
        sender = served.peer()
        whole = (
            b"FHS|^~\\&|A|B|C|D|2026||||H10-F\rBHS|^~\\&|A|B|C|D|2026||||H10-B\r"
            + target("H10-1")
            + target("H10-2")
            + b"BTS|2\rFTS|1\r"
        )
        bare = b"BHS|^~\\&|A|B|C|D|2026||||H10-C\r" + target("H10-3") + b"BTS|1\r"
        unnamed = b"FHS|^~\\&|A|B|C|D\rBHS|^~\\&|A|B|C|D|2026||||H10-D\r" + target("H10-4") + b"BTS|1\rFTS|1\r"
        for payload, name in ((whole, b"H10-F"), (bare, b"H10-C"), (unnamed, b"H10-D")):
            assert exchange(sender, payload) == (b"AA", name)
        assert row.forwarded(3) == [whole, bare, unnamed]


def test_h10_a_route_may_refuse_batches_by_their_own_control_id_and_keep_them(served: Served) -> None:
    with served.row() as row:
        sender = served.peer("single")
        whole = b"FHS|^~\\&|A|B|C|D|2026||||H10-R\rBHS|^~\\&|A|B|C|D\r" + target("H10-6") + b"BTS|1\rFTS|1\r"
        assert exchange(sender, whole) == (b"AR", b"H10-R")
        assert exchange(sender, message("H10-SINGLE")) == (b"AA", b"H10-SINGLE")
        assert row.quarantined(2) == [("H_BATCH", whole)]
        row.event("H_REFUSED", fault="H_BATCH")
        assert row.forwarded(1) == [message("H10-SINGLE")]


@pytest.mark.parametrize(
    "service", [b'""', b"", b"^US VENOUS LIMITED LEFT", b"^^^93971^LIMITED^C4", b"GIBTSNICHT^US VENOUS LIMITED LEFT^L"]
)
def test_h11_an_unclear_obr_4_stays_as_it_is(served: Served, service: bytes) -> None:
    name = f"H11-{service.hex()[:24]}"
    order = target(name).replace(LIMITED, service)
    with served.row() as row:
        assert exchange(served.peer(), order) == (b"AA", name.encode())
        (out,) = row.forwarded(1)
        obr = next(line for line in out.split(b"\r") if line.startswith(b"OBR"))
        assert obr.split(b"|")[4] == service


def test_h12_of_several_orders_only_the_matching_one_is_changed_and_its_notes_go_on_counting(served: Served) -> None:
    body = target("H12").split(b"\r", 2)[2]
    other = b"ORC|NW|Q-1^CPOE\rOBR|1|Q-1^CPOE||XRCHEST^CHEST^L|||20260115\rNTE|1||as before\r"
    last = b"ORC|NW|Q-2^CPOE\rOBR|3|Q-2^CPOE||XRFOOT^FOOT^L|||20260115\r"
    second = body.replace(b"PV1|1|O\r", b"").replace(b"OBR|1", b"OBR|2") + b"NTE|1||a note\rNTE|2||another\r"
    order = message("H12", "ORM^O01^ORM_O01", "PV1|1|O\r") + other + second + last
    with served.row() as row:
        assert exchange(served.peer(), order) == (b"AA", b"H12")
        (out,) = row.forwarded(1)
        assert other in out and out.endswith(last) and LIMITED not in out
        inserted = out.split(b"NTE|2||another\r")[1].split(b"ORC|")[0]
        assert inserted.startswith(b"NTE|3|")


def passed_by_gate(served: Served) -> float:
    """Return how many orders were left alone, all gates together."""
    lines = served.stage.get("/metrics")[2].decode().splitlines()
    found = [line for line in lines if line.startswith('hl7calf_verdict_total{action="pass",gate="X')]
    return sum(float(line.rsplit(" ", 1)[1]) for line in found)


@pytest.mark.parametrize(
    "text", ["No calcification of the left calf", "s/p removal of left calf calcification 2010, resolved"]
)
def test_h13_negation_and_history_change_nothing_and_are_counted(served: Served, text: str) -> None:
    name = f"H13-{len(text)}"
    order = target(name, text).replace(b"on x-ray, pain 5 days", b"")
    before = passed_by_gate(served)
    with served.row() as row:
        assert exchange(served.peer(), order) == (b"AA", name.encode())
        (out,) = row.forwarded(1)
        assert out == order
        assert passed_by_gate(served) == before + 1


def test_h13_code_and_text_that_contradict_each_other_change_no_code(served: Served) -> None:
    order = target("H13-C").replace(LIMITED, b"USVENLTDL^CT HEAD WITHOUT CONTRAST^L")
    with served.row() as row:
        assert exchange(served.peer(), order) == (b"AA", b"H13-C")
        (out,) = row.forwarded(1)
        assert b"USVENLTDL^CT HEAD WITHOUT CONTRAST^L" in out


def test_h14_what_came_from_us_is_not_changed_again(served: Served) -> None:
    with served.row() as row:
        sender = served.peer()
        exchange(sender, target("H14-A"))
        (ours,) = row.forwarded(1)
        again = ours.replace(b"|H14-A|", b"|H14-B|")
        assert exchange(sender, again) == (b"AA", b"H14-B")
        assert row.forwarded(2)[1] == again


@pytest.mark.parametrize("kind", [b"T", b"D"])
def test_h15_training_and_debugging_are_treated_like_production_and_marked(served: Served, kind: bytes) -> None:
    name = b"H15-" + kind
    with served.row() as row:
        order = target(name.decode()).replace(b"|P|2.5.1", b"|" + kind + b"|2.5.1")
        answer = served.peer().exchange(order)
        assert parts(answer) == (b"AA", name)
        assert answer.split(b"\r")[0].split(b"|")[10] == kind
        (out,) = row.forwarded(1)
        assert out != order and LIMITED not in out
        row.event("H_TRAINING")


def test_h15_a_route_may_pass_them_on_untouched(served: Served) -> None:
    with served.row() as row:
        order = target("H15-PASS").replace(b"|P|2.5.1", b"|T|2.5.1")
        assert exchange(served.peer("pass"), order) == (b"AA", b"H15-PASS")
        assert row.forwarded(1) == [order]


def test_what_the_corpus_holds_goes_on_byte_for_byte_or_is_refused_and_kept(served: Served) -> None:
    files = sorted(shared_folder("corpus").rglob("*.hl7"))[::15]
    sender = served.peer("relay")
    before, sent = len(served.receiver.payloads), []
    for path in files:
        payload = path.read_bytes()
        if not payload.strip() or b"\x0b" in payload or b"\x1c" in payload:
            continue
        sent.append(payload)
        sender.socket.sendall(frame(payload))
        sender.answer()
    arrived = served.receiver.payloads[before:]
    until(lambda: served.reader.books().queued == 0)
    assert len(set(sent)) == len(set(arrived)) and set(sent) == set(arrived)
