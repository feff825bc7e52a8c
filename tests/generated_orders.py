"""Orders nobody wrote: any delimiters, ends, versions, groups and words, from a source of chance.

Law: everything comes from the `random.Random` handed in, so that a seed is a message and hypothesis can shrink one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

DELIMITERS = "|^~\\&#*$%!@+;<>{}"
VERSIONS = ("2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.8", "", "9.9")
ENDS = ("\r", "\r", "\n", "\r\n", "mixed")
CHARSETS = ("", "", "", "8859/1", "UNICODE UTF-8", "ASCII", "8859/1~ISO IR87", "NOT A SET")
CONTROLS = ("NW", "NW", "NW", "RO", "XO", "CA", "SC", "CH", "XX", "SN", "")
STATUSES = ("", "", "", "SC", "IP", "CM")
SERVICES = (
    ("USVENLTDL", "US VENOUS LIMITED LEFT", "L"), ("USVENLTDR", "US VENOUS LIMITED RIGHT", "L"),
    ("USVENLTDB", "US VENOUS LIMITED BILATERAL", "L"), ("USVENCOML", "US VENOUS DUPLEX COMPLETE LEFT", "L"),
    ("93971", "VENOUS DUPLEX LIMITED LEFT", "C4"), ("93971", "TROPONIN PANEL", "LOCAL"),
    ("80860-0", "US Lower extremity veins - unilateral limited", "LN"), ("1871", "US VENOUS LIMITED LEFT", "99RAP"),
    ("IMG5522", "US DOPPLER VENOUS LEG LIMITED LEFT", "EAP"), ("XRTFL", "XR TIBIA FIBULA LEFT", "L"),
    ("USVENL", "US VENOUS DUPLEX LEFT LEG", "L"), ("ZZ1", "US VENOUS LTD LEFT", "99ZZZ"), ("", "US VENOUS LIMITED LEFT", ""),
)  # fmt: skip
REMARKS = ("Please call the ward", "Smoker", "Pain & swelling | 3 days", "M\u00fcller ^ Meier ~ \\ #", "")
WORDS = (
    "left right L R bilateral calf calf calf gastroc lower leg knee thigh breast calcification calcification calcs "
    "calcifcation calcified phlebolith Ca++ pain swelling tender lump DVT no denies without not r/o ? possible removed "
    "mother seen on x-ray CT prior US negative limited complete mobility cast splint wound BKA biopsy reflux mapping "
    "graft known follow up compartment syndrome pregnant warfarin cancer smoker 3 days x2wks 2016 and , . ; : - ( ) but "
    "now yesterday do not change per radiologist 12 yo M\u00fcller & | ^ ~ \\ #"
).split()
PHRASES = (
    "Left calf calcification on x-ray, pain 5 days", "Right calf calcs, ?DVT", "no calf calcification",
    "Calcification of the left calf", "Left calf calcification", "calf pain", "bilateral calf calcifications", "",
)  # fmt: skip
DIAGNOSES = ("M61.462", "M61461", "M79.662", "R60.0", "I82.4Z2", "Z33.1", "M65.272", "L94.2", "Q99.9")
ASKING = (
    (("USVENLTDL", "US VENOUS LIMITED LEFT", "L"), "Left calf calcification on x-ray, pain 5 days"),
    (("USVENLTDR", "US VENOUS LIMITED RIGHT", "L"), "Right calf calcs, ?DVT"),
    (("USVENLTDB", "US VENOUS LIMITED BILATERAL", "L"), "bilateral calf calcifications"),
    (("93971", "VENOUS DUPLEX LIMITED LEFT", "C4"), "Calcification of the left gastroc & soleus | lump"),
    (("93971", "VENOUS DUPLEX LIMITED LEFT", "C4", "1871", "US VENOUS LIMITED LEFT", "99RAP"), "L calf calcification"),
    (("80860-0", "US Lower extremity veins - unilateral limited", "LN"), "Calcified lump left calf"),
    (("USVENCOML", "US VENOUS DUPLEX COMPLETE LEFT", "L"), "Left calf calcification on x-ray"),
    (("ZZ1", "US VENOUS LTD ^~& LEFT", "99ZZZ"), "Left calf calcification on x-ray"),
)
"""Service and reason of orders that ask the question, so that enough of them are changed."""
QUESTIONS = ("Reason for exam", "H*HISTORY*L", "A*ALLERGIES*L", "M*MODIFIERS*L", "Calcification?", "CLIN_INFO")


@dataclass(slots=True)
class Writer:
    """Writes the segments of one message with its own delimiters and ends."""

    chance: Random
    marks: Sequence[str]
    version: str
    end: str

    def text(self, value: str) -> str:
        """Escape text with the message's delimiters, as a correct sender does."""
        field, component, repetition, escape, subcomponent = self.marks
        letters = {field: "F", component: "S", repetition: "R", escape: "E", subcomponent: "T"}
        return "".join(f"{escape}{letters[c]}{escape}" if c in letters else c for c in value)

    def coded(self, *parts: str) -> str:
        """Join components."""
        return self.marks[1].join(self.text(part) for part in parts)

    def segment(self, name: str, fields: dict[int, str]) -> str:
        """Join fields given by number; sometimes with empty ones behind."""
        last = max(fields, default=0) + self.chance.choice((0, 0, 0, 3))
        return self.marks[0].join([name, *(fields.get(number, "") for number in range(1, last + 1))])

    def words(self) -> str:
        """Return free text: a phrase that asks, words at random, or both."""
        chosen = [self.chance.choice(WORDS) for _ in range(self.chance.randint(0, 12))]
        return " ".join([self.chance.choice(PHRASES), *chosen][: self.chance.choice((1, 1, 99))]).strip()

    def ending(self) -> str:
        """Return the next segment end."""
        return self.chance.choice(("\r", "\n", "\r\n")) if self.end == "mixed" else self.end


def generate(chance: Random) -> bytes:
    """Return one message with one to four orders."""
    marks = chance.choice((list("|^~\\&"), chance.sample(DELIMITERS, 5)))
    writer = Writer(chance, marks, chance.choice(VERSIONS), chance.choice(ENDS))
    charset = chance.choice(CHARSETS)
    lines = [*_heading(writer, charset)]
    for number in range(chance.choice((1, 1, 1, 2, 3, 4))):
        lines += _order(writer, number + 1)
    text = "".join(line + writer.ending() for line in lines)
    if chance.random() < 0.1:
        text = text.rstrip("\r\n")
    return text.encode("utf-8" if "UTF-8" in charset else "latin-1", "replace")


def _heading(writer: Writer, charset: str) -> Iterable[str]:
    field, component, repetition, escape, subcomponent = writer.marks
    kind = writer.chance.choice(("ORM*O01", "ORM*O01*ORM_O01", "OMG*O19", "OMI*O23", "ORM*O01", "ORM*O01"))
    sent = {3: "CPOE", 4: "HOSP", 7: "20261123080000", 9: kind.replace("*", component), 10: "T1", 11: "P"}
    fields = {**sent, 12: writer.version, 18: charset.replace("~", repetition)}
    joined = field.join(fields.get(number, "") for number in range(3, 19)).rstrip(field)
    yield "MSH" + field + component + repetition + escape + subcomponent + field + joined
    yield writer.segment(
        "PID", {1: "1", 3: writer.coded("T1", "", "", "HOSP"), 5: writer.coded("TEST", "M\u00fcller"), 7: "19600101"}
    )
    if writer.chance.random() < 0.2:
        yield writer.segment("NTE", {1: "1", 3: writer.text(writer.words())})
    yield writer.segment("PV1", {1: "1", 2: "O"})


def _order(writer: Writer, position: int) -> Iterable[str]:
    chance, coded = writer.chance, writer.coded
    number = coded(f"P-{position}", "CPOE")
    asks = chance.random() < 0.5
    control, status = ("NW", "") if asks else (chance.choice(CONTROLS), chance.choice(STATUSES))
    if asks or chance.random() < 0.95:
        yield writer.segment("ORC", {1: control, 2: number, 5: status})
    yield from _notes(writer, chance.choice((0, 0, 0, 1)))
    if asks:
        service, reason = chance.choice(ASKING)
    else:
        service, reason = chance.choice(SERVICES), writer.words()
        service += chance.choice((*SERVICES, (), (), ())) if chance.random() < 0.3 else ()
    fields = {1: str(position), 2: number, 4: coded(*service), 31: coded("", reason)}
    if chance.random() < 0.2:
        fields[13] = writer.text(writer.words())
    if chance.random() < 0.1:
        fields[44] = coded(*service[:3])
    if chance.random() < 0.1:
        fields[18] = '""'
    yield writer.segment("OBR", fields)
    yield from _notes(writer, chance.choice((0, 0, 1, 3)))
    yield from (
        f"Z{chance.choice('DXPQ')}S" + writer.marks[0] + writer.text("1.2.3 raw & text")
        for _ in range(chance.choice((0, 0, 1)))
    )
    for index in range(chance.choice((0, 0, 1, 2))):
        yield writer.segment("DG1", {1: str(index + 1), 3: coded(chance.choice(DIAGNOSES), "", "I10C")})
    for index in range(chance.choice((0, 0, 1, 3))):
        question = writer.marks[1].join(map(writer.text, chance.choice(QUESTIONS).split("*")))
        yield writer.segment("OBX", {1: str(index + 1), 2: "TX", 3: question, 5: writer.text(writer.words()), 11: "F"})
    yield from _notes(writer, chance.choice((0, 0, 0, 1)))


def _notes(writer: Writer, count: int) -> Iterable[str]:
    for index in range(count):
        number = writer.chance.choice((str(index + 1), str(index + 1), "", "7"))
        said = writer.words() if writer.chance.random() < 0.3 else writer.chance.choice(REMARKS)
        yield writer.segment("NTE", {1: number, 3: writer.text(said)})
