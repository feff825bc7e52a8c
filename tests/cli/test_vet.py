import json
from pathlib import Path

import pytest

ORDER = (
    b"MSH|^~\\&|CPOE|WARD|RIS|RAD|20260115||ORM^O01^ORM_O01|%s|P|2.5.1\rPID|1||1^^^A^MR||CANARY^JANE||19600101|F\rPV1|1|O\r"
    b"ORC|%s|P-1^CPOE\rOBR|1|P-1^CPOE||USVENLTDL^US VENOUS LIMITED LEFT^L|||20260115"
    b"||||||||||||||||||||||||^Left calf calcification on x-ray, pain 5 days\r"
)
ADT = b"MSH|^~\\&|A|B|C|D|20260101||ADT^A08|T1|P|2.5.1\rPID|1||1||CANARY\r"
KEYS = [
    "source",
    "control_id",
    "message_type",
    "version",
    "action",
    "changed",
    "reasons",
    "fault",
    "orders",
    "witness",
    "conformance",
]


def order(control_id: bytes = b"V1", control: bytes = b"NW") -> bytes:
    return ORDER % (control_id, control)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "order.hl7"
    path.write_bytes(order())
    return path


def test_a_change_is_shown_with_its_reason_and_totals_go_to_stderr(run, file) -> None:
    shown = run("vet", file)
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.startswith(f"{file}#1  ORM^O01  V1  upgrade\n--- as received\n+++ as it would be sent\n")
    assert "-OBR|1|P-1^CPOE||USVENLTDL^" in shown.stdout and "+OBR|1|P-1^CPOE||USVENCOML^" in shown.stdout
    assert "CANARY" not in shown.stdout
    assert shown.stderr.startswith("1 message: 1 upgrade; 1 changed. Mode upgrade, mappings ")


def test_an_unchanged_message_is_one_line(run, tmp_path) -> None:
    (tmp_path / "adt.hl7").write_bytes(ADT)
    shown = run("vet", tmp_path / "adt.hl7")
    assert shown.stdout.count("\n") == 1 and "  pass  " in shown.stdout


def test_json_has_the_keys_of_the_contract_and_nothing_else_is_on_stdout(run, file) -> None:
    shown = run("vet", "--json", file, stdin=None)
    told = json.loads(shown.stdout)
    assert list(told) == KEYS
    assert (told["source"], told["action"], told["changed"], told["fault"], told["witness"]) == (
        f"{file}#1",
        "upgrade",
        True,
        None,
        "ok",
    )
    assert set(told["conformance"]) == {"before", "after", "new"}
    changed = told["orders"][0]["modifications"]
    assert changed[0]["path"].startswith("OBR[1]-4") and "before" in changed[0]
    assert "before" not in changed[-1] and changed[-1]["after"].strip().startswith("NTE|1|")


def test_an_unreadable_message_is_refused_with_its_fault(run, tmp_path) -> None:
    (tmp_path / "x.hl7").write_bytes(b"PID|1||CANARY\r")
    shown = run("vet", "--json", tmp_path / "x.hl7")
    told = json.loads(shown.stdout)
    assert shown.exit_code == 1
    assert told["action"] == "refuse" and told["fault"]["code"].startswith("H_") and told["conformance"] is None
    assert run("vet", tmp_path / "x.hl7").exit_code == 1


def test_standard_input_is_read_when_nothing_is_named(run) -> None:
    assert "-#1  ORM^O01  V1  upgrade" in run("vet", stdin=order()).stdout
    assert "-#1  ORM^O01  V1  upgrade" in run("vet", "-", stdin=order()).stdout


def test_a_later_cancel_in_the_same_run_carries_the_code(run, tmp_path) -> None:
    (tmp_path / "two.hl7").write_bytes(order() + order(b"V2", b"CA"))
    told = [json.loads(line) for line in run("vet", "--json", tmp_path / "two.hl7").stdout.splitlines()]
    assert [one["changed"] for one in told] == [True, True]
    assert not run("vet", "--json", "-", stdin=order(b"V2", b"CA")).stdout.count('"changed": true')


@pytest.mark.parametrize(("mode", "action"), [("observe", False), ("annotate", True), ("upgrade", True)])
def test_the_mode_decides_how_far_to_go(run, file, mode: str, action: bool) -> None:
    told = json.loads(run("vet", "--json", "--mode", mode, file).stdout)
    assert told["changed"] is action
    assert told["orders"][0]["indicated"] == "upgrade"
    recoded = any(changed["path"].startswith("OBR") for changed in told["orders"][0]["modifications"])
    assert recoded is (mode == "upgrade")


def test_out_writes_what_would_be_sent_and_overwrites_nothing(run, file, tmp_path) -> None:
    out = tmp_path / "out"
    assert run("vet", file, "--out", out).exit_code == 0
    written = (out / "order.hl7").read_bytes()
    assert b"USVENCOML" in written and b"NTE|1|" in written
    again = run("vet", file, "--out", out)
    assert again.exit_code == 2 and "is there already" in again.stderr
    assert run("vet", file, "--out", out, "--force", "--mode", "observe").exit_code == 0
    assert (out / "order.hl7").read_bytes() == order()


def test_out_writes_each_message_of_a_file_apart_and_no_refused_one(run, tmp_path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "two.hl7").write_bytes(ADT + ADT)
    (tmp_path / "in" / "bad.hl7").write_bytes(b"nothing")
    run("vet", tmp_path / "in", "--out", tmp_path / "out")
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == {
        "two.1.hl7": ADT,
        "two.2.hl7": ADT,
    }


def test_no_file_name_comes_from_a_message(run, tmp_path) -> None:
    (tmp_path / "a.hl7").write_bytes(order(b"../../evil"))
    run("vet", tmp_path / "a.hl7", "--out", tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["a.hl7"]


def test_own_output_is_not_changed_again(run, file, tmp_path) -> None:
    run("vet", file, "--out", tmp_path / "out")
    assert "0 changed" in run("vet", tmp_path / "out").stderr


def test_the_settings_name_mappings_mode_and_policy(run, file, tmp_path) -> None:
    run("init", tmp_path / "site")
    settings = tmp_path / "site" / "hl7calf.toml"
    settings.write_text(settings.read_text().replace('mode = "upgrade"', 'mode = "annotate"'))
    shown = run("vet", "-c", settings, file)
    assert f"Mode annotate, policy DEMO, mappings {tmp_path / 'site' / 'mappings'}." in shown.stderr
    assert "USVENCOML" not in shown.stdout


def test_mappings_in_the_current_folder_are_used_by_default(run, file, tmp_path, monkeypatch) -> None:
    run("init", tmp_path / "site")
    monkeypatch.chdir(tmp_path / "site")
    assert run("vet", file).stderr.endswith("mappings mappings.\n")
    monkeypatch.chdir(tmp_path)
    assert not run("vet", file).stderr.endswith("mappings mappings.\n")


def test_broken_mappings_name_file_and_line(run, file, tmp_path) -> None:
    run("init", tmp_path / "site")
    table = tmp_path / "site" / "mappings" / "sites.csv"
    table.write_text(table.read_text() + "only one cell\n")
    shown = run("vet", file, "--mappings", tmp_path / "site" / "mappings")
    assert shown.exit_code == 2 and "sites.csv:" in shown.stderr


@pytest.mark.parametrize(
    "arguments", [["nowhere.hl7"], ["--mappings", "nowhere", "-"], ["-c", "nowhere.toml", "-"], ["--mode", "off", "-"]]
)
def test_unusable_arguments_are_one_sentence_and_exit_code_2(run, arguments: list[str]) -> None:
    shown = run("vet", *arguments, stdin=order())
    assert shown.exit_code == 2 and shown.stderr.count("\n") == 1 and not shown.stdout


def test_colour_only_where_it_is_asked_for(process, file) -> None:
    assert "\x1b[" not in process("vet", file).stdout
    assert "\x1b[" in process("vet", file, FORCE_COLOR="1").stdout
    assert "\x1b[" not in process("vet", file, FORCE_COLOR="1", NO_COLOR="1").stdout


@pytest.mark.parametrize("width", [40, 80])
def test_narrow_windows_stay_readable(process, file, width: int) -> None:
    lines = process("vet", file, COLUMNS=str(width)).stdout.splitlines()
    assert max(map(len, lines)) <= width + len(str(file))


def test_the_advisor_is_not_imported_for_a_difference(process, file) -> None:
    done = process("vet", file, PYTHONPROFILEIMPORTTIME="1")
    assert "hl7apy" not in done.stderr and "twisted" not in done.stderr
