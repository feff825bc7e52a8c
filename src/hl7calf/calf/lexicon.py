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
    """A set of phrases, indexed by their first two words."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        self._single: dict[str, list[Phrase]] = {}
        self._longer: dict[tuple[str, str], list[Phrase]] = {}
        for phrase in phrases:
            if len(phrase.words) == 1:
                self._single.setdefault(phrase.words[0], []).append(phrase)
            else:
                self._longer.setdefault(phrase.words[:2], []).append(phrase)  # type: ignore[arg-type]  # two words
        for candidates in self._longer.values():
            candidates.sort(key=lambda p: -len(p.words))

    def find(self, tokens: Sequence[Token], where: str, without: str | None = None) -> list[Mention]:
        """Return the mentions in `tokens`, in order.

        Args:
            where: `name` or `text`; rows meant for the other are left out.
            without: a row (`file.csv:line`) to leave out, by which `check` proves that a row is needed.
        """
        words = [token.norm for token in tokens]
        words.append("")
        found: list[Mention] = []
        index, size = 0, len(words) - 1
        while index < size:
            phrase = self._at(words, index, where, without)
            if phrase is None:
                index += 1
                continue
            last = index + len(phrase.words)
            found.append(Mention(phrase, index, last))
            index = last
        return found

    def _at(self, words: Sequence[str], index: int, where: str, without: str | None) -> Phrase | None:
        """Return the longest phrase that starts at this word."""
        for phrase in self._longer.get((words[index], words[index + 1]), ()):
            whole = tuple(words[index : index + len(phrase.words)]) == phrase.words
            if whole and phrase.where in ("both", where) and phrase.row != without:
                return phrase
        for phrase in self._single.get(words[index], ()):
            if phrase.where in ("both", where) and phrase.row != without:
                return phrase
        return None
