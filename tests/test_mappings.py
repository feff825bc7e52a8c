"""The shipped mappings and what guards them: sound under `check`, every kind of defect found, no row without use.

The record `shipped_rows.jsonl` says what each shipped row does to an order; after a change of rows that is meant,
`python tests/shipped_rows.py` writes it anew.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import pytest

from hl7calf.calf.check import check_mappings
from hl7calf.calf.schema import SCHEMAS
from hl7calf.calf.tables import Tables, load_tables
from hl7calf.service.mappings import read_mappings, shipped_mappings
from tests.shipped_rows import Entry, failing, read_record, row_name
from tests.small_mappings import added, replaced, small_mappings

SMALL = small_mappings()
NOTE = SMALL["note.txt"]
README = shipped_mappings() / "README.md"
CHECK_BUDGET_S = 20.0


# ------------------------------------------------------------------------------------------ as shipped


def test_the_shipped_mappings_are_sound_and_checked_in_time() -> None:
    started = process_time()
    defects = check_mappings(read_mappings(shipped_mappings()))
    assert [str(d) for d in defects] == []
    assert process_time() - started < CHECK_BUDGET_S


def test_the_small_mappings_are_sound() -> None:
    assert [str(d) for d in check_mappings(SMALL)] == []


@pytest.fixture(scope="module")
def shipped() -> tuple[dict[str, str], Tables, list[Entry]]:
    files = read_mappings(shipped_mappings())
    return files, load_tables(files), read_record()


def test_every_shipped_row_still_does_what_the_record_says(shipped: tuple[dict[str, str], Tables, list[Entry]]) -> None:
    _, tables, record = shipped
    known = {(entry["file"], entry["row"]) for entry in record}
    new = [r.place for rows in tables.rows.values() for r in rows if (r.file, row_name(r.file, r.values)) not in known]
    lost = failing(record, tables)
    told = "if this is meant, run `python tests/shipped_rows.py` and commit tests/shipped_rows.jsonl"
    assert not lost, f"{told}: {lost[:10]}"
    assert not new, f"rows not yet in the record; {told}: {new[:10]}"


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_row_deleted_from_any_table_makes_the_record_fail(
    name: str, shipped: tuple[dict[str, str], Tables, list[Entry]]
) -> None:
    files, tables, record = shipped
    lines = files[name].splitlines(keepends=True)
    victim = len(lines) // 2
    less = {**files, name: "".join(lines[:victim] + lines[victim + 1 :])}
    gone = next(row for row in tables.rows[name] if row.line == victim + 1)
    lost = failing([e for e in record if e["file"] == name], load_tables(less))
    assert f"{name}: {row_name(name, gone.values)}" in lost


# ------------------------------------------------------------------------------- one fault, one defect


def _map(row: str) -> dict[str, str]:
    return added(SMALL, "study_map.csv", row)


def _note(line: str) -> dict[str, str]:
    return {**SMALL, "note.txt": NOTE + line + "\n"}


def _without(name: str) -> dict[str, str]:
    return {n: text for n, text in SMALL.items() if n != name}


FAULTS: dict[str, tuple[dict[str, str], str]] = {
    "a table is missing": (_without("sides.csv"), "sides.csv: M_MISSING"),
    "the note is missing": (_without("note.txt"), "note.txt: M_MISSING"),
    "a file has an unknown name": ({**SMALL, "side.csv": "x"}, "side.csv: F_UNKNOWN"),
    "semicolons for commas": ({**SMALL, "sides.csv": SMALL["sides.csv"].replace(",", ";")}, "sides.csv:1:1: M_COLUMNS: the columns are separated by semicolons"),
    "tabs for commas": ({**SMALL, "sides.csv": SMALL["sides.csv"].replace(",", "\t")}, "sides.csv:1:1: M_COLUMNS: the columns are separated by tabs"),
    "a column has another name": (replaced(SMALL, "sides.csv", "phrase,side", "phrase,sid"), "sides.csv:1:8: M_COLUMNS"),
    "a comma without quotes": (added(SMALL, "sides.csv", "rt,R,rt calf, calcification"), "sides.csv:5:1: M_CELLS"),
    "quotes in the wrong place": (added(SMALL, "sides.csv", 'rt,R,"rt calf" calcification'), "sides.csv:5:1: M_CSV"),
    "an empty phrase": (added(SMALL, "sides.csv", ",R,rt calf calcification"), "sides.csv:5:1: M_EMPTY"),
    "a word the column does not allow": (replaced(SMALL, "cues.csv", "no,negated", "no,negatd"), "cues.csv:2:4: M_WORD: `cue` does not know `negatd` (did you mean `negated`?)"),
    "a near miss in an open column": (added(SMALL, "sites.csv", "shank,claf,calf,calcification in left shank,,"), "sites.csv:6:7: M_WORD: `site` does not know `claf` (did you mean `calf`?)"),
    "a control character": (added(SMALL, "sides.csv", "rt,R,rt\x01 calf calcification"), "sides.csv:5:8: F_CHARACTER: a control character"),
    "an invisible character": (added(SMALL, "sides.csv", "r\u200bt,R,rt calf calcification"), "sides.csv:5:2: F_CHARACTER: an invisible character"),
    "a byte order mark within": (added(SMALL, "sides.csv", "\ufeffrt,R,rt calf calcification"), "sides.csv:5:1: F_CHARACTER: an invisible character"),
    "two encodings": (added(SMALL, "sides.csv", "d\u00c3\u00a9rt,R,rt calf calcification"), "sides.csv:5:2: F_CHARACTER: text saved in one encoding"),
    "a lost character": (added(SMALL, "sides.csv", "r\ufffdt,R,rt calf calcification"), "sides.csv:5:2: F_CHARACTER: a character was lost"),
    "a space at the end": (added(SMALL, "sides.csv", "rt ,R,rt calf calcification"), "sides.csv:5:1: M_SPACES"),
    "a phrase of nothing": (added(SMALL, "sides.csv", "_,R,rt calf calcification"), "sides.csv:5:1: M_NEVER"),
    "a unit of two words": (added(SMALL, "durations.csv", "day s,day,left calf pain x 3 day s"), "durations.csv:4:1: M_NEVER"),
    "a phrase twice": (added(SMALL, "sides.csv", "Left,L,left calf calcification"), "sides.csv:5:1: M_DUPLICATE: the same phrase stands in sides.csv:2 as `left`"),
    "a phrase twice, with a hyphen": (added(SMALL, "extent.csv", 'limited-study,limited,text,"limited-study, left calf calcification"'), "extent.csv:5:1: M_DUPLICATE"),
    "a phrase in two findings tables": (added(SMALL, "findings.csv", "pain,other,pain in left calf"), "findings.csv:3:1: M_SHADOW: the same phrase stands in symptoms.csv:2"),
    "a phrase with two meanings": (added(SMALL, "sides.csv", "left,R,left calf calcification"), "sides.csv:5:1: M_SHADOW"),
    "a location that is not ASCII": (added(SMALL, "sites.csv", "shank,calf,H\u00fcfte,calcification in left shank,,"), "sites.csv:6:12: M_OWN_WORDS"),
    "a judgement in the note's words": (added(SMALL, "characteristics.csv", "harmless,benign,harmless calcification left calf"), "characteristics.csv:3:10: M_JUDGES"),
    "a misspelling of itself": (added(SMALL, "misspellings.csv", "calcification,calcification"), "misspellings.csv:3:1: M_SAME"),
    "a misspelling twice": (added(SMALL, "misspellings.csv", "calcifcation,calcified"), "misspellings.csv:3:1: M_DUPLICATE"),
    "a misspelling that is another word": (added(SMALL, "misspellings.csv", "calculus,calcification"), "misspellings.csv:3:1: M_STOP_WORD"),
    "a misspelling that a table uses": (added(SMALL, "misspellings.csv", "knee,calf"), "misspellings.csv:3:1: M_KNOWN_WORD: `knee` is a word of sites.csv:3"),
    "a misspelling of nothing": (added(SMALL, "misspellings.csv", "clf,calff"), "misspellings.csv:3:5: M_WORD: no table knows `calff`: the row changes nothing (did you mean `calf`?)"),
    "a misspelling of two words": (added(SMALL, "misspellings.csv", "calci fication,calcification"), "misspellings.csv:3:1: M_NEVER"),
    "a system by its other name": (added(SMALL, "study_codes.csv", "C4,76882,nonvascular,limited,,focal"), "study_codes.csv:6:1: C_SYSTEM: codes are looked up under the system's own name, not as `C4` (write `CPT`)"),
    "an unknown system": (added(SMALL, "study_codes.csv", "LNN,46363-8,venous ultrasound,complete,,veins"), "study_codes.csv:6:1: C_SYSTEM: systems.csv does not know the coding system `LNN` (did you mean `LN`?)"),
    "a study code twice": (added(SMALL, "study_codes.csv", "CPT,93971,venous,unspecified,,one limb"), "study_codes.csv:6:5: M_DUPLICATE"),
    "no CPT code": (added(SMALL, "study_codes.csv", "CPT,9397,venous,unspecified,,one limb"), "study_codes.csv:6:5: C_FORM"),
    "a LOINC check digit": (added(SMALL, "study_codes.csv", "LN,46363-7,venous ultrasound,complete,,veins"), "study_codes.csv:6:4: C_FORM"),
    "a CPT descriptor": (replaced(SMALL, "study_codes.csv", "one limb", "unilateral or limited study"), "study_codes.csv:2:42: C_DESCRIPTOR"),
    "no ICD-10-CM code": (added(SMALL, "diagnoses.csv", "61.46,calcification calf,,x"), "diagnoses.csv:4:1: C_FORM"),
    "an unknown kind of meaning": (added(SMALL, "diagnoses.csv", "R60.0,symptoms swelling,,x"), "diagnoses.csv:4:7: C_MEANING: the rule does not read `symptoms` of a diagnosis (did you mean `symptom`?)"),
    "an unknown meaning": (added(SMALL, "diagnoses.csv", "R60.0,symptom sweling,,x"), "diagnoses.csv:4:7: C_MEANING: `symptom` does not know `sweling` (did you mean `swelling`?)"),
    "an unknown site": (added(SMALL, "diagnoses.csv", "R60.0,calcification knea,,x"), "diagnoses.csv:4:7: C_MEANING: `calcification` does not know `knea` (did you mean `knee`?)"),
    "a side inside the code": (added(SMALL, "diagnoses.csv", "M79.661,symptom pain,5,x"), "diagnoses.csv:4:22: C_SIDE_AT"),
    "a side beyond the code": (added(SMALL, "diagnoses.csv", "S8,symptom pain,6,x"), "diagnoses.csv:4:17: C_SIDE_AT"),
    "a diagnosis twice": (added(SMALL, "diagnoses.csv", "M6146,calcification calf,6,x"), "diagnoses.csv:4:1: M_DUPLICATE"),
    "no target": (_map("A1,L,L,,US VENOUS COMPLETE LEFT,L,x"), "study_map.csv:4:8: M_EMPTY"),
    "a map with an unknown system": (_map("A1,LX,L,A2,US VENOUS COMPLETE LEFT,L,x"), "study_map.csv:4:4: C_SYSTEM"),
    "a map by the system's other name": (_map("93971,C4,L,93971,US VENOUS COMPLETE LEFT,,x"), "study_map.csv:4:7: C_SYSTEM"),
    "a target code too long": (_map("A1,L,L,A2345678901234567,US VENOUS COMPLETE LEFT,L,x"), "study_map.csv:4:8: S_TOO_LONG"),
    "a target text too long": (_map(f"A1,L,L,A2,US VENOUS COMPLETE LEFT {'X' * 50},L,x"), "study_map.csv:4:11: S_TOO_LONG"),
    "a target that is not ASCII": (_map("A1,L,L,A2,US VENOUS COMPLETE LEFT \u00e9,L,x"), "study_map.csv:4:11: S_ASCII"),
    "a complete source": (_map("69392-9,LN,L,A2,US VENOUS COMPLETE LEFT,L,x"), "study_map.csv:4:1: S_SOURCE"),
    "a limited target": (_map("A1,L,L,80860-0,US VENOUS COMPLETE LEFT,LN,x"), "study_map.csv:4:8: S_TARGET"),
    "93971 to 93970": (_map("93971,CPT,L,93970,US VENOUS COMPLETE LEFT,,x"), "study_map.csv:4:13: S_93970"),
    "another side in the text": (_map("A1,L,L,A2,US VENOUS COMPLETE RIGHT,L,x"), "study_map.csv:4:11: S_SIDE: the target text says right, the entry is for left"),
    "another side in the code": (_map("A1,L,R,69392-9,US VENOUS COMPLETE,LN,x"), "study_map.csv:4:8: S_SIDE"),
    "one leg made two": (_map("A1,L,L,93970,US VENOUS COMPLETE,CPT,x"), "study_map.csv:4:8: S_SIDE: `93970` is a study of both legs"),
    "limited kept": (_map("A1,L,L,A2,US VENOUS LIMITED LEFT,L,x"), "study_map.csv:4:11: S_LIMITED"),
    "nothing says complete": (_map("A1,L,L,A2,US VENOUS LEFT,L,x"), "study_map.csv:4:11: S_TARGET"),
    "no venous study": (_map("A1,L,L,A2,COMPLETE LEFT,L,x"), "study_map.csv:4:11: S_TARGET: the target does not read as a venous"),
    "source and target the same": (_map("A1,L,L,A1,US VENOUS COMPLETE LEFT,L,x"), "study_map.csv:4:8: S_SAME"),
    "a chain": (_map("A1,L,L,USVENLTDL,US VENOUS COMPLETE LEFT,L,x"), "study_map.csv:4:8: S_CHAIN"),
    "a source twice": (_map("USVENLTDL,L,L,A2,US VENOUS COMPLETE LEFT,L,x"), "study_map.csv:4:1: M_DUPLICATE"),
    "an entry no order reaches": (_map("A^1,L,L,A2,US VENOUS COMPLETE LEFT,L,x"), "study_map.csv:4:1: P_MAP"),
    "a note line without text": (_note("upgrade | AI"), "note.txt:4:1: N_PARTS"),
    "a note line for another action": (_note("upgrad | AI | x"), "note.txt:4:1: N_ACTION"),
    "an unknown NTE-4": (_note("upgrade | XX | x"), "note.txt:4:1: N_TYPE"),
    "an open brace": (_note("upgrade | AI | {side"), "note.txt:4:1: N_BRACES"),
    "an unknown placeholder": (_note("upgrade | AI | {symptom}"), "note.txt:4:1: N_PLACEHOLDER"),
    "a placeholder with a width": (_note("upgrade | AI | {side:>40}"), "note.txt:4:1: N_FORMAT"),
    "a note that is not ASCII": (_note("upgrade | AI | caf\u00e9"), "note.txt:4:19: N_CHARACTER"),
    "a note that judges": (_note("upgrade | AI | likely benign"), "note.txt:4:1: N_JUDGES"),
    "a note line too long": (_note(f"upgrade | AI | {'x' * 81}"), "note.txt:4:1: N_TOO_LONG"),
    "a note of too many lines": (_note("upgrade | AI | line\n" * 20), "note.txt: N_TOO_MANY"),
    "a marker for one action only": ({**SMALL, "note.txt": NOTE.replace("upgrade annotate | RE", "upgrade | RE")}, "note.txt:3:1: N_MARKER"),
    "an action without a note": ({**SMALL, "note.txt": NOTE.replace("upgrade annotate", "upgrade")}, "note.txt: N_EMPTY: no line is written for `annotate`"),
    "no example": (added(SMALL, "sides.csv", "rt,R,"), "sides.csv:5:6: P_NO_EXAMPLE"),
    "an example without its phrase": (added(SMALL, "sides.csv", "rt,R,right calf calcification"), "sides.csv:5:6: P_SILENT: the example does not hold the phrase"),
    "an example that uses another row": (added(SMALL, "cues.csv", "no left,negated,before,list,no calcification in left calf,"), "cues.csv:5:29: P_SILENT: the example does not use this row: cues.csv:2 (`no`) takes its place"),
    "a row that another covers": (added(SMALL, "extent.csv", 'limited study only,limited,text,"limited study only, left calf calcification"'), "extent.csv:5:33: P_COVERED: the example reads the same without this row: extent.csv:4 (`limited study`) already says it"),
    "a row that does nothing": (added(SMALL, "cues.csv", "maybe so,contrast,before,none,maybe so left calf calcification,"), "cues.csv:5:31: P_COVERED: the example reads the same without this row, and nothing else comes of it"),
    "a needless system": (added(SMALL, "systems.csv", "XX,YY,x"), "systems.csv:6:1: P_COVERED"),
    "a needless diagnosis": (added(SMALL, "diagnoses.csv", "Z86.718,risk cancer,,x"), "diagnoses.csv:4:1: P_COVERED"),
    "a counterexample that fires": (replaced(SMALL, "calcification.csv", "calcaneal spur, left", "calcification of heel, left"), "calcification.csv:2:59: P_COUNTER"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault_gives_exactly_its_defect(fault: str) -> None:
    files, expected = FAULTS[fault]
    defects = check_mappings(files)
    assert [str(d)[: len(expected)] for d in defects] == [expected], [str(d) for d in defects]
    assert all(d.hint for d in defects), "every defect says how to mend it"


@pytest.mark.parametrize("change", ["\r\n", "\r", "bom", "no last line end"])
def test_what_spreadsheets_do_to_line_ends_is_tolerated(change: str) -> None:
    def changed(text: str) -> str:
        if change == "bom":
            return "\ufeff" + text
        return text.rstrip("\n") if change == "no last line end" else text.replace("\n", change)

    assert check_mappings({name: changed(text) for name, text in SMALL.items()}) == []


def test_every_code_of_a_defect_is_explained_to_analysts() -> None:
    source = Path(check_mappings.__code__.co_filename).parent
    text = "".join((source / f"{n}.py").read_text("utf-8") for n in _CHECKERS)
    codes = set(re.findall(r'"([FMCSNP]_[A-Z0-9_]+)"', text))
    explained = README.read_text("utf-8")
    assert len(codes) > 35
    assert [c for c in sorted(codes) if f"`{c}`" not in explained] == []
    shown = {expected.split(": ")[1] for _, expected in FAULTS.values()} | {"M_LANGUAGE"}  # only settings ask for one
    assert sorted(codes - shown) == [], "a kind of defect that no fault of this file shows"


_CHECKERS = ("schema", "tables", "note", "check", "check_phrases", "check_codes", "check_map", "check_note", "proofs")


# ---------------------------------------------------------------------------------------- the tutorial


def test_every_table_column_and_word_is_in_the_readme() -> None:
    text = README.read_text("utf-8")
    lines = {
        line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `") and "." in line.split("`")[1]
    }
    for name, schema in SCHEMAS.items():
        words = [*schema.columns, *(w for v in schema.vocabulary.values() for w in v if w and not w.startswith("X"))]
        if name == "study_codes.csv":
            words = [w for w in words if w not in SCHEMAS["studies.csv"].vocabulary["means"]]
        assert [w for w in words if f"`{w}`" not in lines[name]] == [], name


def _blocks() -> Iterator[tuple[str, str, str]]:
    """Yield language, argument and content of the fenced blocks, in order."""
    fence: list[str] | None = None
    head = ""
    for line in README.read_text("utf-8").splitlines():
        if line.startswith("```"):
            if fence is None:
                head, fence = line[3:], []
            else:
                language, _, argument = head.partition(" ")
                yield language, argument, "\n".join(fence) + "\n"
                fence = None
        elif fence is not None:
            fence.append(line)


def _commands(content: str) -> Iterator[tuple[str, list[str]]]:
    command, expected = "", []
    for line in [*content.splitlines(), "$ "]:
        if line.startswith("$ "):
            if command:
                yield command, expected
            command, expected = line[2:], []
        else:
            expected.append(line)


def _run(command: str, folder: Path) -> str:
    program, *words = command.split()
    assert program == "hl7calf"
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    done = subprocess.run(
        [sys.executable, "-m", "hl7calf", *words],
        cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_the_tutorial_can_be_followed_to_the_letter(tmp_path: Path) -> None:
    run = 0
    for language, argument, content in _blocks():
        if language == "csv":
            with (tmp_path / "site" / "mappings" / argument).open("a", encoding="utf-8") as table:
                table.write(content)
        elif language == "hl7":
            (tmp_path / argument).write_text(content, "utf-8")
        elif language == "console":
            for command, expected in _commands(content):
                output = _run(command, tmp_path)
                run += 1
                rest = " ".join(output.split())
                for line in expected:
                    wanted = " ".join(line.split())
                    assert wanted in rest, f"after `{command}`: {line!r} is not in\n{output}"
                    rest = rest[rest.index(wanted) + len(wanted) :]
    assert run >= 8
