"""What can be wrong with the code tables: coding systems, study codes and diagnoses.

Law: a code is only ever known together with its system, in the form that system gives its codes; what a code means
is one of the closed set the rule reads. CPT rows carry codes and own words, never the descriptors of the AMA.

Source: form of CPT, LOINC (check digit), SNOMED CT and ICD-10-CM codes as published by their owners [ICD10CM],
[SANER], [CPTpages]; licence of CPT, [ClinicalNotes 8].
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches

from hl7calf.calf.check_phrases import column_defect
from hl7calf.calf.schema import GATES, RISKS, SYMPTOMS, Row
from hl7calf.errors import Defect

MEANINGS: Mapping[str, frozenset[str] | None] = {
    "calcification": None,
    "symptom": frozenset(SYMPTOMS),
    "risk": frozenset(RISKS),
    "gate": frozenset(GATES),
    "site": frozenset({"calf"}),
    "film": frozenset({"", "abnormal"}),
    "calciphylaxis": frozenset({""}),
}
"""What a diagnosis may mean, kind by kind; None: any site of sites.csv, or nothing for a code without a site."""
DESCRIPTOR_WORDS = (
    "duplex scan of", "real time with image", "real-time with image", "including responses to", "unilateral or limited",
    "imaging supervision and", "complete bilateral study", "image documentation", "bilateral study",
)  # fmt: skip
"""Turns of phrase by which an official CPT descriptor gives itself away."""
LONGEST_OWN_WORDS = 90


def check_codes(rows: Mapping[str, Sequence[Row]]) -> Iterator[Defect]:
    """Yield the defects of systems.csv, study_codes.csv and diagnoses.csv."""
    systems = rows.get("systems.csv", ())
    names = {row["system"].strip() for row in systems}
    sites = {row["site"] for row in rows.get("sites.csv", ())}
    yield from _repeated(systems, "written", lambda r: r["written"].strip().upper())
    yield from _repeated(rows.get("study_codes.csv", ()), "code", lambda r: (r["system"], r["code"].strip().upper()))
    yield from _repeated(rows.get("diagnoses.csv", ()), "code", lambda r: r["code"].strip().upper().replace(".", ""))
    for row in systems:
        if not row["system"].strip():
            yield column_defect(row, "system", "M_EMPTY", "`system` is empty", "name the system")
    for row in rows.get("study_codes.csv", ()):
        yield from check_system(row, "system", systems, names)
        yield from _study_code(row)
    for row in rows.get("diagnoses.csv", ()):
        yield from _diagnosis(row, sites)


def check_system(row: Row, column: str, systems: Sequence[Row], names: set[str]) -> Iterator[Defect]:
    """Yield a defect where a system is not one that systems.csv leads to."""
    value = row[column].strip()
    if value in names:
        return
    alias = next((r["system"] for r in systems if r["written"].strip().upper() == value.upper()), None)
    if alias:
        why = f"codes are looked up under the system's own name, not as `{value}`"
        yield column_defect(row, column, "C_SYSTEM", why, f"write `{alias}`")
        return
    near = get_close_matches(value.upper(), sorted(n.upper() for n in names), 1, 0.6)
    hint = f"did you mean `{near[0]}`?" if near else "add the system to systems.csv"
    yield column_defect(row, column, "C_SYSTEM", f"systems.csv does not know the coding system `{value[:20]}`", hint)


def _repeated(rows: Sequence[Row], column: str, key: Callable[[Row], object]) -> Iterator[Defect]:
    seen: dict[object, Row] = {}
    for row in rows:
        first = seen.setdefault(key(row), row)
        if first is not row:
            yield column_defect(row, column, "M_DUPLICATE", f"the same stands in {first.place}", "keep one of the two")


def _study_code(row: Row) -> Iterator[Defect]:
    code, system = row["code"].strip(), row["system"].strip()
    if not code:
        yield column_defect(row, "code", "M_EMPTY", "`code` is empty", "fill it or delete the row")
    elif system == "CPT" and not (len(code) == 5 and code[:4].isdigit() and code[4].isalnum() and code.isascii()):
        yield column_defect(row, "code", "C_FORM", f"`{code[:20]}` is no CPT code", "five characters, such as 93971")
    elif system == "LN" and not is_loinc(code):
        why = f"`{code[:20]}` is no LOINC code, or its check digit is wrong"
        yield column_defect(row, "code", "C_FORM", why, "digits, a hyphen, the check digit")
    elif system == "SCT" and not (code.isdigit() and 6 <= len(code) <= 18):
        yield column_defect(row, "code", "C_FORM", f"`{code[:20]}` is no SNOMED CT code", "6 to 18 digits")
    low = row["why"].lower()
    if system == "CPT" and (any(w in low for w in DESCRIPTOR_WORDS) or len(low) > LONGEST_OWN_WORDS):
        why = "reads like an official CPT descriptor, which must not be copied here"
        yield column_defect(row, "why", "C_DESCRIPTOR", why, "say in a few own words what it is for")


def is_loinc(code: str) -> bool:
    """Tell whether a code has the form of a LOINC code with its right check digit (mod 10)."""
    number, hyphen, digit = code.partition("-")
    if not (hyphen and code.isascii() and number.isdigit() and digit.isdigit() and len(digit) == 1):
        return False
    doubled = int(number[::-1][0::2]) * 2
    total = sum(map(int, str(doubled))) + sum(map(int, number[::-1][1::2]))
    return (10 - total % 10) % 10 == int(digit)


def is_icd_stem(code: str) -> bool:
    """Tell whether a code can be an ICD-10-CM code or the beginning of some: `C`, `S8`, `M61.46`, `Z86718`."""
    bare = code.replace(".", "", 1)
    if not (bare.isascii() and bare.isalnum()) or len(bare) > 7 or not code[0].isalpha():
        return False
    if ("." in code and code.index(".") != 3) or code.endswith("."):
        return False
    return not bare[1:2] or bare[1].isdigit()


def _diagnosis(row: Row, sites: set[str]) -> Iterator[Defect]:
    code = row["code"].strip()
    if not is_icd_stem(code):
        why = f"`{code[:20]}` cannot be an ICD-10-CM code or category"
        yield column_defect(row, "code", "C_FORM", why, "a letter, a digit, one more, a dot, up to four more: M61.462")
        return
    yield from _side_at(row, code.replace(".", ""))
    for part in row["means"].split(";"):
        kind, _, value = part.strip().partition(" ")
        if kind not in MEANINGS:
            near = get_close_matches(kind, sorted(MEANINGS), 1, 0.5)
            hint = f"did you mean `{near[0]}`?" if near else "one of: " + ", ".join(sorted(MEANINGS))
            yield column_defect(row, "means", "C_MEANING", f"the rule does not read `{kind[:30]}` of a diagnosis", hint)
            continue
        allowed = MEANINGS[kind] if kind != "calcification" else frozenset({"", *sites})
        if allowed is not None and value not in allowed:
            near = get_close_matches(value, sorted(allowed), 1, 0.5)
            known = ", ".join(a or "nothing" for a in sorted(allowed))
            hint = f"did you mean `{near[0]}`?" if near else "known: " + known
            yield column_defect(row, "means", "C_MEANING", f"`{kind}` does not know `{value[:30]}`", hint)


def _side_at(row: Row, bare: str) -> Iterator[Defect]:
    """Yield a defect where the side cannot stand: within the code already written, or behind half a category."""
    if not row["side_at"]:
        return
    place = int(row["side_at"][:1])
    if len(bare) < 3:
        why = f"the side is said to stand at character {place}, but `{bare}` is no category of three characters yet"
        yield column_defect(row, "side_at", "C_SIDE_AT", why, "name the category in full, or leave the side out")
    elif len(bare) >= place and bare[place - 1] not in ("45" if row["side_at"] == "6x" else "123"):
        why = f"the side is said to stand at character {place}, where `{bare}` has `{bare[place - 1]}`"
        yield column_defect(row, "side_at", "C_SIDE_AT", why, "count the characters without the dot")
