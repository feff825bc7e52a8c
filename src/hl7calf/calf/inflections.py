"""Forms of a cue that follow from its row: contracted `not`, and the possessive of a person.

Law: a table holds one row for `not seen` and one for `mother`; what English makes of them (`wasn't seen`,
`mother's`) is made here, so that no form is forgotten. A row written out wins over a form made.

Source: English grammar; the need for it: labelled orders of the project (tests/orders).
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from hl7calf.calf.lexicon import Phrase

CONTRACTED = (
    "isn't wasn't weren't aren't doesn't didn't don't hasn't haven't hadn't can't couldn't won't wouldn't ain't "
    "isnt wasnt werent arent doesnt didnt dont hasnt havent hadnt cant couldnt wont wouldnt cannot"
).split()


def with_forms(cues: Iterable[Phrase]) -> list[Phrase]:
    """Return the cues, then the forms made from them that no row writes out."""
    written = list(cues)
    known = {cue.words for cue in written}
    return [*written, *(form for cue in written for form in _forms(cue) if form.words not in known)]


def _forms(cue: Phrase) -> Iterator[Phrase]:
    if cue.words[0] == "not" and len(cue.words) > 1:
        for contracted in CONTRACTED:
            yield replace(cue, words=(contracted, *cue.words[1:]))
    if cue.concept == "other person" and not cue.words[-1].endswith("s"):
        yield replace(cue, words=(*cue.words[:-1], cue.words[-1] + "'s"))
        yield replace(cue, words=(*cue.words[:-1], cue.words[-1] + "s"))
