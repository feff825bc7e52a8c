"""How the change is written: OBR-4 through the study map, the note behind the order's own notes; [ClinicalNotes 3.4]."""

import pytest

from hl7calf.calf.decision import ANNOTATED, UPGRADED
from hl7calf.calf.study import Triplet
from hl7calf.calf.upgrade import NAME_LIMIT, find_targets
from hl7calf.calf.verdict import Action, Modification
from hl7calf.wire.splice import unsplice
from tests.calf.building import (
    CLASSIC,
    COMPLETE_LEFT,
    LIMITED_BOTH,
    LIMITED_LEFT,
    LIMITED_RIGHT,
    codes,
    decide,
    group,
    judge,
    lines_of,
    message,
    notes_written,
    order,
    segment,
    tables,
)

VISTA_LEFT = "93971^VENOUS DUPLEX LIMITED LEFT^C4^1871^US VENOUS LIMITED LEFT^99RAP"


def service(payload: bytes, position: int = 1) -> str:
    """Return OBR-4 of the order at this position."""
    return lines_of(payload, "OBR")[position - 1].split(b"|")[4].decode()


def names(payload: bytes, end: bytes = b"\r") -> list[str]:
    """Return the segment names in order, the notes hl7calf wrote in small letters, run together."""
    found: list[str] = []
    for line in payload.split(end):
        name = line[:3].decode()
        if name == "NTE" and line.split(b"|")[2:3] == [b"O"]:
            name = "nte"
        if name and not (found[-1:] == ["nte"] == [name]):
            found.append(name)
    return found


def told(payload: bytes) -> list[str]:
    """Return NTE-3 of the notes hl7calf wrote."""
    return [" ".join(cells[3].decode().split()) for cells in notes_written(payload)]


# ------------------------------------------------------------------ OBR-4


@pytest.mark.parametrize(("before", "reason", "after"), [
    (LIMITED_LEFT, CLASSIC, "USVENCOML^US VENOUS DUPLEX COMPLETE LEFT^L"),
    (LIMITED_RIGHT, "Right calf calcification", "USVENCOMR^US VENOUS DUPLEX COMPLETE RIGHT^L"),
    (LIMITED_BOTH, "Calcification in both calves", "USVENCOMB^US VENOUS DUPLEX COMPLETE BILATERAL^L"),
    ("93971^VENOUS DUPLEX LIMITED LEFT^C4", CLASSIC, "93971^VENOUS DUPLEX COMPLETE LEFT^C4"),
    ("93971^VENOUS DUPLEX LIMITED LEFT^CPT4", CLASSIC, "93971^VENOUS DUPLEX COMPLETE LEFT^CPT4"),
    ("93971^VENOUS DUPLEX LIMITED RIGHT^CPT", "Right calf calcification", "93971^VENOUS DUPLEX COMPLETE RIGHT^CPT"),
    ("80860-0^US Lower extremity veins - unilateral limited^LN", CLASSIC, "69392-9^US Lower extremity veins - left^LN"),
    ("usvenltdl^US venous limited left^L", CLASSIC, "USVENCOML^US VENOUS DUPLEX COMPLETE LEFT^L"),
    (VISTA_LEFT, CLASSIC, "93971^VENOUS DUPLEX COMPLETE LEFT^C4^1881^US VENOUS COMPLETE LEFT^99RAP"),
    (LIMITED_LEFT + "^ZZ9^US VENOUS LIMITED LEFT^99ZZZ", CLASSIC, "USVENCOML^US VENOUS DUPLEX COMPLETE LEFT^L"),
    (LIMITED_LEFT + "^^US VENOUS LTD^", CLASSIC, "USVENCOML^US VENOUS DUPLEX COMPLETE LEFT^L"),
    (LIMITED_LEFT + "^^^", CLASSIC, "USVENCOML^US VENOUS DUPLEX COMPLETE LEFT^L"),
])  # fmt: skip
def test_the_study_map_gives_the_complete_study_of_the_same_side(before: str, reason: str, after: str) -> None:
    verdict = judge(order(reason, service=before))
    assert (verdict.action, service(verdict.outbound), verdict.witness) == (Action.UPGRADE, after, "ok")


def test_93971_never_becomes_93970() -> None:
    for target in tables().study_map.values():
        assert target.code != "93970"
    for side in ("LEFT", "RIGHT"):
        outbound = judge(order(f"{side} calf calcification", service=f"93971^VENOUS DUPLEX LIMITED {side}^C4")).outbound
        assert b"93970" not in outbound and b"93971" in outbound


@pytest.mark.parametrize("unknown", [
    "ZZLTDL^US VENOUS LIMITED LEFT^L",
    "USVENLTDL^US VENOUS LIMITED LEFT^99OTHER",
    "USVENLTDL^US VENOUS LIMITED LEFT",
    "^US VENOUS LIMITED LEFT^L",
])  # fmt: skip
def test_without_an_entry_for_code_and_system_the_note_alone_is_written(unknown: str) -> None:
    verdict = judge(order(service=unknown))
    [decided] = verdict.orders
    assert (decided.indicated, decided.action, codes(decided)) == (Action.UPGRADE, Action.ANNOTATE, ["X23"])
    assert service(verdict.outbound) == unknown
    assert told(verdict.outbound)[0].endswith(ANNOTATED)
    assert verdict.remember == ()


def test_an_entry_counts_for_its_own_side_only() -> None:
    triplet = Triplet("80860-0", "US veins limited", "LN", 1)
    assert find_targets([triplet], "L", tables()) is not None
    assert find_targets([triplet], "R", tables()) is None
    assert find_targets([triplet], None, tables()) is None


def test_only_the_primary_code_is_mapped_and_never_the_alternate_instead() -> None:
    assert find_targets([Triplet("1871", "US VENOUS LIMITED LEFT", "99RAP", 4)], "L", tables()) is None
    assert find_targets([], "L", tables()) is None


def test_nothing_but_obr_4_and_notes_is_touched() -> None:
    verdict = judge(order(service=VISTA_LEFT))
    assert [m.path for m in verdict.modifications] == ["OBR[1]-4", "NTE"]
    inbound, outbound = verdict.payload.split(b"\r"), verdict.outbound.split(b"\r")
    kept = [line for line in outbound if not line.startswith(b"NTE")]
    changed = [(a, b) for a, b in zip(inbound, kept, strict=True) if a != b]
    assert len(changed) == 1
    [(before, after)] = changed
    assert before.split(b"|")[:4] + before.split(b"|")[5:] == after.split(b"|")[:4] + after.split(b"|")[5:]
    assert unsplice(verdict.outbound, verdict.modifications) == verdict.payload


def test_a_modification_says_where_what_and_why() -> None:
    verdict = judge(order())
    code, note = verdict.modifications
    assert isinstance(code, Modification)
    assert verdict.payload[code.offset : code.offset + code.length] == code.before == LIMITED_LEFT.encode()
    assert code.why.startswith("study_map.csv:") and "limited study raised" in code.why
    assert (note.length, note.before, note.why) == (0, b"", f"note.txt: {UPGRADED}")


@pytest.mark.parametrize(("changed", "place"), [
    ({"obr": {44: LIMITED_LEFT}}, "OBR[1]-44"),
    ({"obr": {44: "USVENLTDL"}}, "OBR[1]-44"),
    ({"answers": [("P^PROCEDURE^L", "US VENOUS LIMITED LEFT")]}, "OBX[1]-5"),
    ({"answers": [("H^HISTORY^L", "smoker"), ("P^PROCEDURE^L", "USVENLTDL")]}, "OBX[2]-5"),
    ({"service": VISTA_LEFT, "answers": [("P^PROCEDURE^L", "US VENOUS LIMITED LEFT")]}, "OBX[1]-5"),
])  # fmt: skip
def test_a_repeat_of_the_old_service_elsewhere_goes_to_a_person(changed: dict[str, object], place: str) -> None:
    payload = order(**changed)
    verdict = judge(payload)
    assert (verdict.action, verdict.outbound) == (Action.REVIEW, payload)
    [gate] = verdict.orders[0].gates
    assert gate.code == "X23" and f"{place} repeats the old service" in gate.why


@pytest.mark.parametrize("changed", [
    {"obr": {44: "76999^US VENOUS LEG^C4"}},
    {"obr": {45: "LT^Left side^HCPCS"}},
    {"answers": [("P^PROCEDURE^L", "VENOUS ULTRASOUND LEG")]},
    {"answers": [("H^HISTORY^L", "US VENOUS LIMITED LEFT was asked for")]},
])  # fmt: skip
def test_what_does_not_repeat_it_does_not_stop_the_change(changed: dict[str, object]) -> None:
    assert decide(**changed).action is Action.UPGRADE


def test_a_service_that_repeats_goes_to_a_person() -> None:
    verdict = judge(order(service=LIMITED_LEFT + "~USVENLT^US VENOUS LIMITED LEFT LEG^L"))
    assert (verdict.action, verdict.changed, codes(verdict.orders[0])) == (Action.REVIEW, False, ["X23"])


def test_a_name_longer_than_receivers_keep_is_never_cut_but_left_to_a_person() -> None:
    from hl7calf.calf.tables import load_tables
    from hl7calf.calf.vetting import vet
    from hl7calf.service.mappings import read_mappings, shipped_mappings

    files = read_mappings(shipped_mappings())
    for size, action in ((NAME_LIMIT, "upgrade"), (NAME_LIMIT + 1, "review")):
        long_name = "US VENOUS DUPLEX COMPLETE LEFT ".ljust(size, "X")
        changed = files["study_map.csv"].replace("US VENOUS DUPLEX COMPLETE LEFT", long_name)
        verdict = vet(order(), load_tables({**files, "study_map.csv": changed}))
        assert verdict.action == action
        assert verdict.changed is (action == "upgrade")


def test_a_code_that_cannot_be_escaped_with_the_messages_delimiters_is_not_written() -> None:
    # no escape character declared (MSH-2 `^~`), and `&` is no delimiter then: plain text, still written
    bare = order().replace(b"MSH|^~\\&|", b"MSH|^~|")
    verdict = judge(bare)
    assert verdict.witness in ("ok", "unchanged")
    assert not verdict.changed or service(verdict.outbound) == COMPLETE_LEFT


def test_without_a_component_separator_nothing_is_written_into_obr_4() -> None:
    bare = b"MSH||CPOE|HOSP|||20261123||ORM|X|P|2.3\rORC|NW|P-1\rOBR|1|P-1||USVENLTDL|||||||||Left calf calcification\r"
    assert judge(bare).changed is False


# ------------------------------------------------------------------ NTE: where


@pytest.mark.parametrize(("segments", "expected"), [
    ({}, "MSH PID PV1 ORC OBR nte"),
    ({"notes": ["one"]}, "MSH PID PV1 ORC OBR NTE nte"),
    ({"after_orc": ["one"]}, "MSH PID PV1 ORC NTE OBR nte"),
    ({"before_obx": ["ZDS|1.2.3^X^Application^DICOM"]}, "MSH PID PV1 ORC OBR nte ZDS"),
    ({"notes": ["one"], "before_obx": ["CTD|PH"]}, "MSH PID PV1 ORC OBR NTE nte CTD"),
    ({"diagnoses": ["M79.662"]}, "MSH PID PV1 ORC OBR nte DG1"),
    ({"answers": [("Smoker", "Y")]}, "MSH PID PV1 ORC OBR nte OBX"),
    ({"notes": ["one", "two"], "before_obx": ["ZXX"], "answers": [("Smoker", "Y")]},
     "MSH PID PV1 ORC OBR NTE NTE nte ZXX OBX"),
])  # fmt: skip
def test_the_note_stands_behind_the_orders_own_notes_and_before_all_else(
    segments: dict[str, object], expected: str
) -> None:
    assert names(judge(order(**segments)).outbound) == expected.split()


def test_each_order_has_its_note_behind_its_own_obr() -> None:
    both = message([
        *group(CLASSIC, notes=["a"]),
        *group("Right calf calcification", number="P-2^CPOE", service=LIMITED_RIGHT, position=2, notes=["b", "c"]),
    ])  # fmt: skip
    outbound = judge(both).outbound
    assert names(outbound) == "MSH PID PV1 ORC OBR NTE nte ORC OBR NTE NTE nte".split()
    numbers = [cells[1] for cells in notes_written(outbound)]
    half = len(numbers) // 2
    assert (numbers[0], numbers[half]) == (b"2", b"3")


def test_only_the_order_that_asks_is_changed() -> None:
    three = message([
        *group("Right calf calcification known", service="XRTFR^XR TIBIA FIBULA RIGHT^L", number="P-0^CPOE"),
        *group(CLASSIC, position=2),
        *group("Potassium", service="2823-3^Potassium^LN", number="P-3^CPOE", position=3),
    ])  # fmt: skip
    verdict = judge(three)
    assert [o.action for o in verdict.orders] == [Action.PASS, Action.UPGRADE, Action.PASS]
    assert [m.path for m in verdict.modifications] == ["OBR[2]-4", "NTE"]
    assert service(verdict.outbound, 2) == COMPLETE_LEFT
    assert names(verdict.outbound) == "MSH PID PV1 ORC OBR ORC OBR nte ORC OBR".split()


# ------------------------------------------------------------------ NTE: how


@pytest.mark.parametrize(("sent", "first"), [
    ([], 1),
    (["1"], 2),
    (["1", "2", "3"], 4),
    (["1", "2", "5", "9"], 10),
    (["9", "2"], 10),
    ([""], 2),
    (["1", ""], 3),
    (["x"], 2),
])  # fmt: skip
def test_the_numbering_goes_on_and_the_senders_numbers_stay(sent: list[str], first: int) -> None:
    own = [segment("NTE", {1: number, 3: "seen by nurse"}) for number in sent]
    outbound = judge(order(before_obx=own)).outbound
    written = notes_written(outbound)
    assert [int(cells[1]) for cells in written] == list(range(first, first + len(written)))
    assert [line.decode() for line in lines_of(outbound, "NTE")][: len(own)] == own


def test_notes_after_pid_orc_and_obx_have_numbers_of_their_own() -> None:
    payload = order(patient_notes=["p", "q"], after_orc=["r"], answers=[("Smoker", "Y")])
    payload = payload + b"NTE|1||after the answer\r"
    assert notes_written(judge(payload).outbound)[0][1] == b"1"


def test_every_line_is_from_another_system_and_at_most_80_printable_characters() -> None:
    for line in notes_written(judge(order(VERY_LONG)).outbound):
        assert line[2] == b"O"
        assert 0 < len(line[3]) <= 80
        assert line[3].decode("ascii").isprintable()


VERY_LONG = (
    "Nonspecific stippled eccentric calcification medial gastrocnemius left calf on x-ray and CT, pain, swelling, "
    "tenderness, lump, redness x 3 weeks. Cancer, prior DVT 2016, prior PE 2012, on warfarin, obese, smoker, long flight, "
    "immobile, recent surgery, OCP, factor V Leiden"
)


@pytest.mark.parametrize(("version", "typed"), [
    ("2.1", False), ("2.2", False), ("2.3", False), ("", False), ("2.3.1", True), ("2.4", True), ("2.5", True),
    ("2.5.1", True), ("2.6", True), ("2.7", True), ("2.8", True),
])  # fmt: skip
def test_the_comment_type_is_written_where_the_version_has_it(version: str, typed: bool) -> None:
    written = notes_written(judge(order(version=version)).outbound)
    assert written
    assert {len(cells) for cells in written} == {5 if typed else 4}
    if typed:
        assert {cells[4] for cells in written} == {
            b"AI^Ancillary Instructions^HL70364", b"RE^Remark^HL70364", b"1R^Primary Reason^HL70364",
        }  # fmt: skip


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_inserted_segments_end_as_the_senders_do(end: str) -> None:
    payload = order(end=end, notes=["one"])
    outbound = judge(payload).outbound
    assert names(outbound, end.encode()) == "MSH PID PV1 ORC OBR NTE nte".split()
    assert outbound.count(b"\r") == (0 if end == "\n" else outbound.count(end.encode()))
    assert outbound.endswith(end.encode())


def test_a_last_segment_without_an_end_still_has_none_afterwards() -> None:
    outbound = judge(order().removesuffix(b"\r")).outbound
    assert names(outbound)[-1] == "nte" and not outbound.endswith(b"\r")


def test_the_message_keeps_its_own_delimiters() -> None:
    hashed = order().replace(b"|", b"#").replace(b"^", b"*")
    outbound = judge(hashed).outbound
    assert b"#USVENCOML*US VENOUS DUPLEX COMPLETE LEFT*L#" in outbound
    assert notes_written(outbound, field=b"#")[1][4] == b"RE*Remark*HL70364"
    assert b"|" not in outbound and b"^" not in outbound


def test_vistas_delimiters_are_honoured() -> None:
    swap = bytes.maketrans(b"|^~\\&", b"^~|\\&")
    outbound = judge(order(service=VISTA_LEFT).translate(swap)).outbound
    assert b"^93971~VENOUS DUPLEX COMPLETE LEFT~C4~1881~US VENOUS COMPLETE LEFT~99RAP^" in outbound
    assert notes_written(outbound, field=b"^")[0][4] == b"RE~Remark~HL70364"


@pytest.mark.parametrize(("sent", "shown"), [
    ("US VENOUS LTD \\T\\ DVT LEFT", "Original order: USVENLTDL US VENOUS LTD \\T\\ DVT LEFT"),
    ("US VENOUS LIMITED LEFT \\F\\ LEG", "Original order: USVENLTDL US VENOUS LIMITED LEFT \\F\\ LEG"),
    ("US VENOUS LIMITED LEFT \\E\\", "Original order: USVENLTDL US VENOUS LIMITED LEFT \\E\\"),
    ("US VENOUS LIMITED\\.br\\LEFT", "Original order: USVENLTDL US VENOUS LIMITED"),
])  # fmt: skip
def test_text_of_the_order_is_escaped_again_in_the_note(sent: str, shown: str) -> None:
    verdict = judge(order(service=f"USVENLTDL^{sent}^L"))
    assert verdict.witness == "ok"
    assert any(line.startswith(shown) for line in told(verdict.outbound)), told(verdict.outbound)[:3]


@pytest.mark.parametrize(("charset", "encoding"), [("8859/1", "latin-1"), ("UNICODE UTF-8", "utf-8"), ("", "latin-1")])
def test_the_note_is_ascii_in_every_character_set(charset: str, encoding: str) -> None:
    payload = order("Left calf calcification, M\u00fcller, pain", service="USVENLTDL^US VENOUS LIMITED LEFT R\u00e9f^L",
                    msh={18: charset}, encoding=encoding)  # fmt: skip
    verdict = judge(payload)
    assert verdict.action is Action.UPGRADE
    assert all(line[3].isascii() for line in notes_written(verdict.outbound))
    assert "M\u00fcller".encode(encoding) in verdict.outbound


# ------------------------------------------------------------------ NTE: what


def test_an_upgrade_says_what_was_ordered_what_is_asked_and_what_is_missing() -> None:
    lines = told(judge(order("Stippled left calf calcification on x-ray, pain x 5 days. Prior DVT 2016")).outbound)
    assert lines[0].startswith("HL7CALF ") and " rule " in lines[0] and lines[0].endswith("protocol upgraded")
    for wanted in [
        "Original order: USVENLTDL US VENOUS LIMITED LEFT",
        "REQUEST: complete duplex US (CDUS), left leg",
        "Compression common femoral vein to ankle incl. post tibial + peroneal",
        "Color + spectral Doppler: both common femoral veins",
        "Color + spectral Doppler: popliteal vein, left",
        "Q1 Rule out DVT",
        "Symptoms: pain Duration: 5 days",
        "DVT risk factors: prior DVT",
        "Prior imaging: x-ray",
        "Not provided by orderer: nothing",
    ]:
        assert wanted in lines, lines
    assert any(line.startswith("Focused scan of calcification: ") and line.endswith(", left") for line in lines)
    assert any("Characterize calcification" in line for line in lines)
    assert any("tendinopathy, bursitis, mass" in line for line in lines)


def test_an_annotation_names_the_area_and_asks_for_no_other_study() -> None:
    lines = told(judge(order(service=COMPLETE_LEFT)).outbound)
    assert lines[0].endswith(ANNOTATED)
    assert any(line.startswith("AREA OF CONCERN: calcification, ") for line in lines)
    assert not any(line.startswith(("REQUEST", "Original order")) for line in lines)
    assert any("Rule out DVT" in line for line in lines)


def test_what_the_orderer_did_not_say_is_named_as_missing() -> None:
    lines = told(judge(order("Calcification left calf")).outbound)
    assert "Symptoms: not provided Duration: not provided" in lines
    assert "Prior imaging: not provided" in lines
    assert "DVT risk factors: none stated" in lines
    assert lines[-1].startswith("Not provided by orderer: ") and "symptoms" in lines[-1] and "duration" in lines[-1]


def test_both_legs_are_named_bilateral() -> None:
    lines = told(judge(order("Calcification in both calves", service=LIMITED_BOTH)).outbound)
    assert "Color + spectral Doppler: popliteal vein, bilateral" in lines
    assert "REQUEST: complete duplex US (CDUS), bilateral leg" in lines


def test_the_note_never_judges_the_calcification_whatever_the_order_says() -> None:
    reason = "Benign appearing laminated left calf calcification on x-ray, likely benign, not malignant"
    outbound = judge(order(reason)).outbound
    assert told(outbound)
    assert not any(word in line.lower() for line in told(outbound) for word in ("benign", "malignant"))


def test_no_free_text_of_the_order_reaches_the_note() -> None:
    outbound = judge(order(CLASSIC + ". Call Dr XYZZY 555-0100", notes=["PLUGH"])).outbound
    assert told(outbound)
    assert not any(word in line for line in told(outbound) for word in ("XYZZY", "555-0100", "PLUGH"))
