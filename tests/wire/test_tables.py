"""Names of the standard, from hl7apy, loaded when asked."""

import subprocess
import sys

import pytest

from hl7calf.wire.tables import field_name, known_version, reference


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("OBR-4", "Universal Service Identifier"),
        ("OBR[2]-4", "Universal Service Identifier"),
        ("OBR[1]-4.2", "Universal Service Identifier, Text"),
        ("OBR[1]-31(2).2", "Reason for Study, Text"),
        ("OBR-13", "Relevant Clinical Information"),
        ("PID-3.4.1", "Patient Identifier List, Assigning Authority, Namespace ID"),
        ("ORC-2", "Placer Order Number"),
        ("MSH-10", "Message Control ID"),
        ("NTE-3", "Comment"),
        ("NTE-3.1", "Comment"),
        ("OBR-4.99", "Universal Service Identifier"),
        ("OBR", ""),
        ("NTE", ""),
        ("ZDS-1", ""),
        ("OBR-999", ""),
        ("", ""),
        ("no path", ""),
    ],
)
def test_a_path_has_the_name_the_standard_gives_it(path: str, name: str) -> None:
    assert field_name(path) == name


def test_names_go_by_version_and_an_unknown_one_reads_as_the_usual() -> None:
    assert field_name("OBR-44", "2.3") == ""
    assert field_name("OBR-44", "2.4") == "Procedure Code"
    assert field_name("OBR-4", "2.3.1") == "Universal Service ID"
    assert field_name("OBR-4", "9.9") == field_name("OBR-4", "") == field_name("OBR-4")


def test_what_hl7apy_does_not_know_is_none_and_no_exception() -> None:
    assert reference("XYZ", "Segment", "2.5") is None
    assert reference("OBR", "Segment", "nonsense") is None
    assert reference("OBR", "Nonsense", "2.5") is None
    assert known_version("2.4") == "2.4"
    assert known_version("2.9") is None
    assert known_version("") is None


def test_hl7apy_is_loaded_only_when_asked() -> None:
    code = "import sys, hl7calf.wire.conformance, hl7calf.wire.tables; sys.exit('hl7apy' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, check=False).returncode
        == 0
    )
