"""Writes the JUnit XML that build servers read, for `check --junit` and `replay --junit`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from hl7calf.cli.terminal import clean


@dataclass(frozen=True, slots=True)
class Case:
    """One thing tried: `failure` says what was wrong, None when it was right; `skipped` why it was not tried."""

    group: str
    name: str
    failure: str | None = None
    skipped: str | None = None
    seconds: float = 0.0


def write_junit(path: Path, suite: str, cases: Sequence[Case]) -> None:
    """Write one test suite; control characters, which XML cannot hold, are written out."""
    top = ElementTree.Element(
        "testsuite",
        {
            "name": suite,
            "tests": str(len(cases)),
            "errors": "0",
            "failures": str(sum(case.failure is not None for case in cases)),
            "skipped": str(sum(case.skipped is not None for case in cases)),
            "time": f"{sum(case.seconds for case in cases):.3f}",
        },
    )
    for case in cases:
        element = ElementTree.SubElement(
            top, "testcase", {"classname": clean(case.group), "name": clean(case.name), "time": f"{case.seconds:.3f}"}
        )
        if case.failure is not None:
            text = clean(case.failure, keep="\n")
            ElementTree.SubElement(element, "failure", {"message": text.split("\n")[0]}).text = text
        elif case.skipped is not None:
            ElementTree.SubElement(element, "skipped", {"message": clean(case.skipped)})
    ElementTree.indent(top)
    ElementTree.ElementTree(top).write(path, encoding="utf-8", xml_declaration=True)
