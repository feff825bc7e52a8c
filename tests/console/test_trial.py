import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.calf.rule import Options
from hl7calf.calf.verdict import Mode
from hl7calf.console.trial import Asked, Mappings, made_message, try_sentence
from hl7calf.service.mappings import read_mappings, shipped_mappings
from hl7calf.wire.message import read_message
from hl7calf.wire.text import read_text
from tests.console.stage import POLICY, shipped_tables


def tried(reason: str, **more: str) -> tuple[str, list[tuple[str, str]]]:
    result = try_sentence(Asked(reason=reason, **more), shipped_tables(), Mode.UPGRADE, POLICY, Options())
    assert result.order is not None
    return result.order.action.value, [(p.text, p.kind) for p in result.fields[1][1]] if len(result.fields) > 1 else []


def test_a_sentence_is_vetted_as_in_the_service() -> None:
    action, pieces = tried("Left calf pain. XR: calcification in the left calf.")
    assert action == "upgrade"
    assert ("calcification", "seen") in pieces


def test_cues_are_marked_apart_from_mentions() -> None:
    action, pieces = tried("No calcification in the left calf.")
    assert action != "upgrade"
    assert ("No", "cue") in pieces
    assert ("calcification", "seen") in pieces


def test_the_marked_text_joined_is_the_text() -> None:
    reason = "R/O DVT & calc's | left^calf ~ 3\\4\nsecond line é"
    assert "".join(text for text, _ in tried(reason)[1]) == reason


@given(st.text(max_size=60))
def test_whatever_is_typed_stays_in_its_field(text: str) -> None:
    message = read_message(made_message(Asked(name=text, code=text, system=text, reason=text, order_control=text)))
    assert [segment.name for segment in message.segments] == ["MSH", "PID", "ORC", "OBR"]
    obr = message.segments[3]
    assert len(message.fields(obr)) == 31
    span = message.at("OBR-31.2")
    assert span is not None
    kept = "".join(c for c in text if c == "\n" or c.isprintable())
    assert read_text(message, span).value == kept


@given(st.text(max_size=60))
def test_whatever_is_typed_is_vetted_without_a_fault(text: str) -> None:
    try_sentence(Asked(reason=text), shipped_tables(), Mode.OBSERVE, None, Options())


def test_the_mode_in_force_holds_for_a_trial_too() -> None:
    asked = Asked(reason="XR: calcification in the left calf, pain.")
    result = try_sentence(asked, shipped_tables(), Mode.OBSERVE, POLICY, Options())
    assert result.order is not None
    assert (result.order.indicated.value, result.order.action.value) == ("upgrade", "pass")


def test_mappings_are_read_again_when_a_file_changes(tmp_path: Path) -> None:
    shutil.copytree(shipped_mappings(), tmp_path, dirs_exist_ok=True)
    reads: list[Path] = []
    mappings = Mappings(tmp_path, lambda folder: reads.append(folder) or read_mappings(folder))
    first = mappings.tables()
    assert first is mappings.tables()
    assert len(reads) == 1
    table = tmp_path / "calcification.csv"
    table.write_text(table.read_text() + "chalkiness,calcification,left calf chalkiness on XR,,\n")
    os.utime(table, (1, 1))
    second = mappings.tables()
    assert second is not None
    assert first is not None
    assert second.digest != first.digest


def test_broken_mappings_are_told_and_mended(tmp_path: Path) -> None:
    mappings = Mappings(tmp_path, read_mappings)
    assert mappings.tables() is None
    assert mappings.defects()
    shutil.copytree(shipped_mappings(), tmp_path, dirs_exist_ok=True)
    assert mappings.tables() is not None
    assert mappings.defects() == ()


def test_a_folder_that_is_not_there_is_a_defect(tmp_path: Path) -> None:
    assert Mappings(tmp_path / "nothing", read_mappings).defects()


@pytest.mark.parametrize("reason", ["", "calf " * 800])
def test_no_text_and_much_text_are_tried(reason: str) -> None:
    assert tried(reason)[0]
