import re

import pytest

from hl7calf.console.pages import mappings
from tests.console.stage import Stage


def test_every_file_is_listed_with_its_rows(stage: Stage) -> None:
    body = mappings.show(stage.desk, stage.visit()).body
    for name in ("calcification.csv", "study_map.csv", "note.txt"):
        assert f"/mappings/{name}" in body
    assert "the same as in the last decision" in body


def test_mappings_that_the_service_does_not_use_yet_are_told(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    real = stage.desk.archive.log_page

    def other(*args: object, **more: object) -> object:
        page = real(*args, **more)  # type: ignore[arg-type]
        for entry in page.entries:
            entry.content["mappings"] = "0123456789abcdef"
        return page

    monkeypatch.setattr(stage.desk.archive, "log_page", other)
    assert "They count after a reload of the service" in mappings.show(stage.desk, stage.visit()).body


def test_a_table_shows_rows_with_their_line_numbers(stage: Stage) -> None:
    body = mappings.table(stage.desk, stage.visit(args={"name": "study_map.csv"})).body
    assert 'id="line-2"' in body
    assert "USVENCOML" in body


def test_rows_are_found_by_text(stage: Stage) -> None:
    body = mappings.table(stage.desk, stage.visit(args={"name": "gates.csv"}, query={"q": "PAD"})).body
    rows = re.findall(r'id="line-(\d+)"', body)
    assert rows
    assert all("pad" in row.lower() for row in body.split('id="line-')[1:])


def test_line_numbers_are_those_of_the_file(stage: Stage) -> None:
    text = stage.desk.mappings.texts()["gates.csv"].splitlines()
    body = mappings.table(stage.desk, stage.visit(args={"name": "gates.csv"}, query={"q": text[5].split(",")[0]})).body
    assert 'id="line-6"' in body


def test_a_text_file_is_shown_by_line_and_an_unknown_one_is_404(stage: Stage) -> None:
    assert "HL7CALF" in mappings.table(stage.desk, stage.visit(args={"name": "note.txt"})).body
    assert mappings.table(stage.desk, stage.visit(args={"name": "nothing.csv"})).status == 404


def test_many_rows_are_cut(stage: Stage) -> None:
    body = mappings.table(stage.desk, stage.visit(args={"name": "cues.csv"})).body
    assert body.count("<tr id=") == mappings.MOST_ROWS
    assert "the first 300 shown" in body


def test_a_csv_that_breaks_off_is_shown_as_far_as_it_goes() -> None:
    rows = mappings._rows("x.csv", 'a,b\n1,2\n"' + "x" * 200_000)
    assert rows[:2] == [(1, ["a", "b"]), (2, ["1", "2"])]
    assert "cannot be read" in rows[2][1][0]


def test_the_trial_begins_with_an_example(stage: Stage) -> None:
    body = mappings.show_trial(stage.desk, stage.visit()).body
    assert '<mark class="seen"' in body
    assert '<mark class="cue"' in body
    assert "is what the rule says" in body


def test_a_sentence_is_tried_with_facts_gates_and_what_would_be_written(stage: Stage) -> None:
    form = {
        "name": "US VENOUS LIMITED LEFT",
        "code": "USVENLTDL",
        "system": "L",
        "reason": "XR: calcification L calf, pain 3 days. In a cast.",
    }
    answer = mappings.run_trial(stage.desk, stage.visit(form=form))
    assert answer.body.lstrip().startswith("<!doctype")
    assert "X16" in answer.body
    assert "3 days" in answer.body
    form["reason"] = "XR: calcification L calf, pain 3 days."
    assert "NTE|1|O|HL7CALF" in mappings.run_trial(stage.desk, stage.visit(form=form)).body


def test_with_htmx_only_the_result_comes_back(stage: Stage) -> None:
    answer = mappings.run_trial(stage.desk, stage.visit(form={"reason": "left calf", "part": "1"}))
    assert "<html" not in answer.body
    assert "Facts" in answer.body


def test_the_form_may_be_empty_or_odd(stage: Stage) -> None:
    for form in ({}, {"reason": "x" * 10_000, "name": "|^~\\&", "order_control": "\r\nOBR|2"}):
        assert mappings.run_trial(stage.desk, stage.visit(form=form)).status == 200


def test_broken_mappings_are_told_on_both_pages(stage: Stage) -> None:
    stage.desk.mappings._folder = stage.folder / "nothing"
    assert "cannot be used" in mappings.show(stage.desk, stage.visit()).body
    assert "cannot be used" in mappings.show_trial(stage.desk, stage.visit()).body
