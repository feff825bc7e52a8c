"""What a page says ahead of "release upgraded": the codes, or why not; never a word of the patient."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from hl7calf.calf.verdict import Mode, Remembered
from hl7calf.console.journal import Message
from hl7calf.console.raising import MAPPINGS_BROKEN, Outlook, Rise, is_held, outlook
from hl7calf.service.journal.jobs import SetMode
from tests.calf.building import CLASSIC, LIMITED_RIGHT, group, message
from tests.console.stage import NOW, Stage, arrival, do, hold_back, shipped_tables

CAST = "review/x16-cast.hl7"
TWO = message([
    *group(CLASSIC + ", leg in a cast"),
    *group("Right calf calcification on x-ray, do not change this order", service=LIMITED_RIGHT, number="P-2^CPOE"),
])  # fmt: skip


def held(stage: Stage, payload: bytes) -> Message:
    from hl7calf.calf.vetting import vet
    from tests.console.stage import POLICY

    [recorded] = do(stage.store, arrival(payload, NOW, vet(payload, shipped_tables(), policy=POLICY), hold=True))
    found = stage.desk.journal.message(recorded.message_id)
    assert found is not None
    return found


def sample(stage: Stage) -> Message:
    found = stage.desk.journal.message(hold_back(stage.store, CAST))
    assert found is not None
    return found


def test_the_code_before_and_after_is_told(stage: Stage) -> None:
    looked = outlook(stage.desk, sample(stage))
    assert looked.why_not == "" and [rise.position for rise in looked.rises] == [1]
    assert looked.rises[0].before != looked.rises[0].after


def test_of_several_orders_those_that_can_be_raised_are_told_and_why_the_others_cannot(stage: Stage) -> None:
    looked = outlook(stage.desk, held(stage, TWO))
    assert looked == Outlook((Rise(1, "USVENLTDL", "USVENCOML"),), looked.why_not)
    assert looked.why_not.startswith("order 2: X15 ")


@pytest.mark.parametrize(("case", "why"), [("mode", "mode observe"), ("lapsed", "mode annotate")])
def test_mode_and_policy_of_now_are_asked(stage: Stage, case: str, why: str) -> None:
    found = sample(stage)
    if case == "mode":
        do(stage.store, SetMode(Mode.OBSERVE, "otto", "night", NOW))
    else:
        stage.desk.options = replace(stage.desk.options, today=lambda: date(2030, 1, 1))
    assert why in outlook(stage.desk, found).why_not


def test_mappings_with_defects_are_told(stage: Stage, tmp_path: Path) -> None:
    found = sample(stage)
    stage.desk.mappings._folder = tmp_path
    assert outlook(stage.desk, found) == Outlook(why_not=MAPPINGS_BROKEN)


def test_the_order_memory_is_asked(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    def remembered(journal: object, key: bytes) -> Remembered | None:
        asked.append(key)
        return None

    found = sample(stage)
    monkeypatch.setattr(type(stage.desk.journal), "remembered", remembered)
    outlook(stage.desk, found)
    assert asked


def test_only_a_parked_review_is_held(stage: Stage) -> None:
    assert is_held(sample(stage))
    for number in (1, 3, 6):
        found = stage.desk.journal.message(number)
        assert found is not None and not is_held(found)
