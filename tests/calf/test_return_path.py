"""The return path: the placer's own code, and nothing else, on the way back."""

from pathlib import Path

from hl7calf.calf.return_path import map_back
from hl7calf.calf.tables import load_tables
from hl7calf.calf.verdict import Remembered
from hl7calf.calf.vetting import vet

MAPPINGS = Path(__file__).resolve().parents[2] / "mappings"
TABLES = load_tables({p.name: p.read_text("utf-8") for p in MAPPINGS.iterdir() if p.suffix in (".csv", ".txt")})
ORDER = (
    b"MSH|^~\\&|CPOE|H|RIS|R|20260102||ORM^O01|A1|P|2.5.1\rPID|1||1\rORC|NW|P-1^CPOE\r"
    b"OBR|1|P-1^CPOE||USVENLTDL^US VENOUS LIMITED LEFT^L|||||||||||||||||||||||||||^Left calf calcification on XR\r"
)
RESULT = (
    b"MSH|^~\\&|RIS|R|CPOE|H|20260102||ORU^R01|R1|P|2.5.1\rPID|1||1\rORC|RE|P-1^CPOE\r"
    b"OBR|1|P-1^CPOE|F-9|USVENCOML^US VENOUS DUPLEX COMPLETE LEFT^L||||||||||||||||||||||F\rOBX|1|TX|X||no DVT||||||F\r"
)


def memory() -> dict[bytes, Remembered]:
    """What the journal remembers after the order was upgraded."""
    return {kept.placer_key: kept for kept in vet(ORDER, TABLES).remember}


def test_the_placer_gets_its_own_code_back() -> None:
    verdict = map_back(RESULT, memory().get)
    assert verdict.outbound == RESULT.replace(
        b"USVENCOML^US VENOUS DUPLEX COMPLETE LEFT^L", b"USVENLTDL^US VENOUS LIMITED LEFT^L"
    )
    assert [m.path for m in verdict.modifications] == ["OBR[1]-4"]


def test_a_result_of_another_order_goes_back_untouched() -> None:
    other = RESULT.replace(b"P-1", b"P-2")
    assert map_back(other, memory().get).outbound is other


def test_another_service_under_the_same_order_is_not_renamed() -> None:
    other = RESULT.replace(b"USVENCOML^US VENOUS DUPLEX COMPLETE LEFT^L", b"73590^XR TIBIA FIBULA LEFT^CPT")
    assert map_back(other, memory().get).outbound is other


def test_bytes_without_a_header_pass() -> None:
    junk = b"no header at all"
    assert map_back(junk, memory().get).outbound is junk


def test_two_headers_in_one_frame_pass() -> None:
    double = RESULT + RESULT
    assert map_back(double, memory().get).outbound is double
