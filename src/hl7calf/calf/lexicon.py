"""Phrases found in tokens: leftmost, longest, whole tokens, linear time.

Law: a phrase is compared token by token, so no phrase is ever found inside a word (`calf` not in `half`,
`calc` not in `calcaneal`). Where two phrases start at the same token the longer one wins; where one ends
the next may start, so mentions of one lexicon never overlap.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hl7calf.calf.words import Token


@dataclass(frozen=True, slots=True)
class Phrase:
    """One row of a table: the words looked for and what they mean.

    `table` is the file's stem (`calcification`), `concept` the meaning, `row` is `file.csv:line`.
    `where` is `name` (OBR-4 and its like), `text`, or `both`. `detail` carries the table's further column.
    """

    words: tuple[str, ...]
    table: str
    concept: str
    row: str
    where: str = "both"
    direction: str = "before"
    reach: str = "list"
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Mention:
    """A phrase found: tokens `first` to `last` (exclusive) of its passage."""

    phrase: Phrase
    first: int
    last: int

    @property
    def concept(self) -> str:
        """What the phrase means."""
        return self.phrase.concept


class Lexicon:
    """A set of phrases, indexed by their first word."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._by_first: dict[str, list[Phrase]] = {}
        for phrase in phrases:
            self._by_first.setdefault(phrase.words[0], []).append(phrase)
        for candidates in self._by_first.values():
            candidates.sort(key=lambda p: -len(p.words))

    def find(self, tokens: Sequence[Token], where: str, without: str | None = None) -> list[Mention]:
        """Return the mentions in `tokens`, in order.

        Args:
            where: `name` or `text`; rows meant for the other are left out.
            without: a row (`file.csv:line`) to leave out, by which `check` proves that a row is needed.
        """
        found: list[Mention] = []
        index, size = 0, len(tokens)
        by_first = self._by_first
        while index < size:
            for phrase in by_first.get(tokens[index].norm, ()):
                if phrase.where not in ("both", where) or phrase.row == without:
                    continue
                last = index + len(phrase.words)
                if last <= size and all(tokens[index + k].norm == w for k, w in enumerate(phrase.words)):
                    found.append(Mention(phrase, index, last))
                    index = last - 1
                    break
            index += 1
        return found

    def first_words(self) -> frozenset[str]:
        """Return every word a phrase starts with; the prefilter is made of them."""
        return frozenset(self._by_first)
