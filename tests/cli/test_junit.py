from pathlib import Path
from xml.etree import ElementTree

from hl7calf.cli.junit import Case, write_junit


def test_a_build_server_reads_names_failures_and_times(tmp_path: Path) -> None:
    write_junit(
        tmp_path / "r.xml",
        "suite",
        [Case("g", "good", seconds=0.5), Case("g", "bad", "first\nsecond"), Case("g", "later", skipped="no server")],
    )
    top = ElementTree.parse(tmp_path / "r.xml").getroot()
    assert (top.get("tests"), top.get("failures"), top.get("skipped"), top.get("time")) == ("3", "1", "1", "0.500")
    failure = top.find("testcase[@name='bad']/failure")
    assert failure is not None and failure.get("message") == "first" and failure.text == "first\nsecond"


def test_control_characters_do_not_make_the_file_unreadable(tmp_path: Path) -> None:
    write_junit(tmp_path / "r.xml", "s", [Case("g", "\x0b\x1c\udc80", "]]>\x00")])
    case = ElementTree.parse(tmp_path / "r.xml").getroot().find("testcase")
    assert case is not None and case.get("name") == "\\x0b\\x1c\\udc80"
