"""A small set of mapping tables, sound under `check`, for tests that break one thing and look.

Law: one to five rows a table, so that a whole check takes milliseconds; every row is needed by its example.
"""

from collections.abc import Mapping

from hl7calf.calf.schema import SCHEMAS

ROWS: Mapping[str, str] = {
    "calcification.csv": """\
calcification,calcification,left calf calcification on XR,"calcaneal spur, left calf pain",
calcified,calcification,calcified focus in left calf,,
""",
    "sites.csv": """\
calf,calf,calf,calcification in left calf,calf circumference 38 cm,
knee,knee,knee,calcification in left knee,,
calf circumference,none,,"calf circumference 38 cm, left leg calcification",,a measure
leg,leg,leg,calcification in left leg,,
""",
    "symptoms.csv": """\
pain,pain,pain in left calf
swelling,swelling,swelling of left calf
""",
    "risk_factors.csv": """\
cancer,cancer,"cancer, left calf calcification"
""",
    "findings.csv": """\
dvt,dvt,"r/o dvt, left calf calcification"
""",
    "cues.csv": """\
no,negated,before,list,no calcification in left calf,
r/o,question,before,list,r/o calcification in left calf,
removed,removed,after,next,left calf calcification removed,
""",
    "sections.csv": """\
allergies,allergies,allergies calcification. Left calf pain
""",
    "sides.csv": """\
left,L,left calf calcification
right,R,right calf calcification
lt,L,lt calf calcification
""",
    "durations.csv": """\
days,day,left calf pain x 3 days
weeks,week,left calf pain x 3 weeks
""",
    "imaging.csv": """\
xr,XR,left calf calcification on xr
""",
    "characteristics.csv": """\
stippled,stippled,stippled calcification left calf
""",
    "extent.csv": """\
limited,limited,name,US VENOUS LIMITED LEFT
complete,complete,name,US VENOUS COMPLETE LEFT
limited study,limited,text,"limited study, left calf calcification"
""",
    "studies.csv": """\
us,ultrasound,US LEFT LEG
venous,venous,US VENOUS LEFT
leg,lower extremity,VENOUS LEG
""",
    "gates.csv": """\
cast,X16,text,"left leg cast, calf calcification"
""",
    "questions.csv": """\
insurance,skip,insurance: cancer plan
""",
    "misspellings.csv": """\
calcifcation,calcification
""",
    "systems.csv": """\
C4,CPT,as feeds write it
L,L,local codes
I10C,I10,diagnoses
LN,LN,LOINC
""",
    "study_codes.csv": """\
CPT,93971,venous ultrasound,unspecified,,one limb
CPT,93970,venous ultrasound,complete,B,both limbs
LN,69392-9,venous ultrasound,complete,L,veins left
LN,80860-0,venous ultrasound,limited,,"veins, one leg, limited"
""",
    "diagnoses.csv": """\
M61.46,calcification calf,6,calcification of muscle
Z86.71,risk cancer,,invented for the test
""",
    "study_map.csv": """\
USVENLTDL,L,L,USVENCOML,US VENOUS COMPLETE LEFT,L,demonstration
USVENLTDR,L,R,USVENCOMR,US VENOUS COMPLETE RIGHT,L,demonstration
""",
}
NOTE = """\
# a comment
upgrade annotate | RE | HL7CALF {version} rule {rule} policy {policy}: {what}
upgrade annotate | AI | Focused scan of calcification: {location}, {side}
"""


def small_mappings() -> dict[str, str]:
    """Return the files: name to content."""
    tables = {name: ",".join(schema.columns) + "\n" + ROWS[name] for name, schema in SCHEMAS.items()}
    return {**tables, "note.txt": NOTE}


def replaced(files: Mapping[str, str], name: str, old: str, new: str) -> dict[str, str]:
    """Return the files with `old` replaced once by `new` in one of them; `old` must be there."""
    assert old in files[name], f"{name} holds no {old!r}"
    return {**files, name: files[name].replace(old, new, 1)}


def added(files: Mapping[str, str], name: str, *lines: str) -> dict[str, str]:
    """Return the files with lines added at the end of one of them."""
    return {**files, name: files[name] + "".join(line + "\n" for line in lines)}
