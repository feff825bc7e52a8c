"""One passage read: its sentences and sections, its findings with their status, its cues and sites.

Law: linear in the length of the passage; a check box decides about its own label, whatever the cues say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hl7calf.calf.boxes import read_boxes
from hl7calf.calf.cues import read_cues
from hl7calf.calf.lexicon import Mention
from hl7calf.calf.passages import Passage
from hl7calf.calf.scope import Found, Scope
from hl7calf.calf.tables import Tables
from hl7calf.calf.words import Token, ends_sentence

MAX_MENTIONS = 200
"""Findings, sites, cues, sides, boxes and spans of one text; more is no order a person wrote, and is left unread."""


@dataclass(frozen=True, slots=True)
class Read:
    """One passage read: findings with status, and the other mentions in order.

    `idle` are the cues that reached no finding.
    """

    passage: Passage
    findings: tuple[Found, ...]
    cues: tuple[Mention, ...]
    sites: tuple[Mention, ...]
    sentences: tuple[int, ...]
    ticked: Mapping[int, bool] = field(default_factory=dict)
    unread: bool = False
    idle: tuple[Mention, ...] = ()

    def sentence_of(self, token: int) -> int:
        """Return the number of the sentence a token stands in."""
        return self.sentences[token]


def read_passage(passage: Passage, tables: Tables, without: str | None = None) -> Read:
    """Find the mentions of a passage and give each finding its status."""
    where = "name" if passage.kind == "name" else "text"
    mentions = tables.findings.find(passage.tokens, where, without)
    sites_found = tables.sites.find(passage.tokens, where, without)
    if passage.unread or _is_crowded(passage, len(mentions) + len(sites_found), tables):
        return Read(passage, (), (), (), tuple(0 for _ in passage.tokens), unread=True)
    cues = tuple(
        _freed(
            read_cues(passage, mentions, tables, without),
            [m for m in mentions if m.phrase.table in ("risk_factors", "findings")],
        )
    )
    inside = {t for cue in cues for t in range(cue.first, cue.last)} | read_boxes(passage.tokens)[1]
    sentences = _sentences(passage, inside)
    sections = _sections(passage, tables, sentences, without)
    found = [
        Found(m, passage, sentence=sentences[m.first], section=sections.get(m.first, ""))
        for m in mentions
        if m.concept != "not"
        and not any(m.first >= c.first and m.last <= c.last for c in cues if c.concept == "no cue")
    ]
    ticked, _ = read_boxes(passage.tokens)
    sites = tuple(m for m in sites_found if ticked.get(m.first, True))
    scope = Scope(passage, found, cues, sentences)
    statuses = [_ticked(f, ticked) for f in scope.apply()]
    idle = tuple(c for c in cues if c not in scope.reaching)
    return Read(passage, tuple(statuses), cues, sites, tuple(sentences), ticked, idle=idle)


def _is_crowded(passage: Passage, found: int, tables: Tables) -> bool:
    """Tell whether a text holds more than can be related to each other in bounded time (all counts are linear)."""
    if len(passage.tokens) < MAX_MENTIONS:
        return False
    for token in passage.tokens:
        found += token.norm in ("(", "[", "?") or token.norm in tables.units
    if found > MAX_MENTIONS:
        return True
    others = (tables.cues, tables.sides, tables.extent, tables.gates, tables.sections, tables.imaging)
    return found + sum(len(lexicon.find(passage.tokens, "text")) for lexicon in others) > MAX_MENTIONS


def _ticked(found: Found, ticked: Mapping[int, bool]) -> Found:
    """A finding that is a box's label has the box's status."""
    tick = ticked.get(found.mention.first)
    return found if tick is None else replace(found, status="affirmed" if tick else "negated", is_boxed=True)


def _freed(cues: Sequence[Mention], mentions: Sequence[Mention]) -> list[Mention]:
    """Drop the cues inside a mention (`hx vte`) and cut those that reach into one (`no hx` before `hx vte`)."""
    starts = {t: m.first for m in mentions for t in range(m.first, m.last)}
    return [
        replace(c, last=starts[c.last - 1]) if c.last - 1 in starts and c.first < starts[c.last - 1] else c
        for c in cues
        if c.first not in starts
    ]


def read_statuses(
    passage: Passage, mentions: Sequence[Mention], tables: Tables, without: str | None = None
) -> list[Found]:
    """Give mentions of another lexicon (the gates') their status, as `read_passage` does for findings.

    A cue that is part of the mention itself (`known dvt`, `no pulses`) does not govern it; one that reaches into
    it (`no known` before `known dvt`) does.
    """
    if not mentions:
        return []
    cues = tuple(_freed(read_cues(passage, mentions, tables, without), mentions))
    sentences = _sentences(passage, {t for c in cues for t in range(c.first, c.last)})
    sections = _sections(passage, tables, sentences, without)
    found = [Found(m, passage, sentence=sentences[m.first], section=sections.get(m.first, "")) for m in mentions]
    ticked, _ = read_boxes(passage.tokens)
    return [_ticked(f, ticked) for f in Scope(passage, found, cues, sentences).apply()]


def _sentences(passage: Passage, inside: set[int]) -> list[int]:
    numbers: list[int] = []
    number = 0
    tokens = list(passage.tokens)
    for index in range(len(tokens)):
        if index and _starts_item(tokens, index):
            number += 1
        numbers.append(number)
        may_end = index not in inside or tokens[index].norm == "?"
        if may_end and ends_sentence(tokens, index):
            number += 1
    return numbers


def _starts_item(tokens: Sequence[Token], index: int) -> bool:
    """Tell whether a numbered item starts here: `1) AF 2) calf swelling`."""
    if not tokens[index].norm.isdigit() or index + 1 >= len(tokens) or tokens[index + 1].norm != ")":
        return False
    opened = [t.norm for t in tokens[max(0, index - 12) : index] if t.norm in ("(", ")")]
    return opened[-1:] != ["("]


def _sections(passage: Passage, tables: Tables, sentences: Sequence[int], without: str | None) -> dict[int, str]:
    """Return, for each token inside a section such as `ALLERGIES:`, the section's name."""
    headers = tables.sections.find(passage.tokens, "text", without)
    marked: dict[int, str] = {}
    for number, header in enumerate(headers):
        stop = headers[number + 1].first if number + 1 < len(headers) else len(passage.tokens)
        for token in range(header.last, stop):
            if sentences[token] != sentences[header.last - 1]:
                break
            marked[token] = header.concept
    return marked
