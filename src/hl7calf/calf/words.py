"""Order text cut into tokens that remember where they stand.

Law: linear time, no regular expressions, nothing lost: every token knows its character span, and the
normal form is used for comparing only. A tight hyphen joins (`non-specific` reads as `non specific`),
a spaced one separates; a point between digits belongs to the number; a line break ends a sentence.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

HYPHENS = "-‐‑‒–—"
APOSTROPHES = "'’"
CLOSERS = ".;!?\n[]"
ABBREVIATED = frozenset(
    "l r lt rt dr mr mrs ms pt hx approx vs post ant med lat bilat calc calcif prox dist inf sup dx "
    "hist eval st incl poss prob resp exam ext ven dopp lim ltd".split()
)
"""Words after which a point is an abbreviation's, not a sentence's end: `R. calf`, `approx. 3 cm`."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or mark: `norm` is folded and lower case, `start`/`end` are character offsets.

    `tight` tells that nothing but the token itself stood between it and the token before.
    """

    norm: str
    start: int
    end: int
    tight: bool
    is_word: bool


def fold(text: str) -> str:
    """Return `text` in lower case without diacritics; used for comparing, never for writing."""
    if text.isascii():
        return text.lower()
    folded = unicodedata.normalize("NFKD", text.lower())
    for mark in {c for c in set(folded) if c > "\x7f" and unicodedata.combining(c)}:  # few different ones
        folded = folded.replace(mark, "")
    return folded


def tokenize(value: str, respelled: Mapping[str, str] | None = None) -> list[Token]:
    """Cut `value` into tokens, in order.

    Args:
        respelled: closed list of misspelt words and what they mean; whole words only. A capital abbreviation
            (`MO`) counts as written, in text that is not all capitals and not behind a number (`2 MO`).
    """
    tokens: list[Token] = []
    respelled = respelled or {}
    shouts = value.isupper()
    position, size, last_end = 0, len(value), -1
    while position < size:
        char = value[position]
        if char.isalnum():
            end = _word_end(value, position, size)
            written = value[position:end]
            norm = fold(written).replace("’", "'")
            meant = respelled.get(norm, norm)
            if written in respelled and not shouts and not (tokens and tokens[-1].norm[-1:].isdigit()):
                meant = respelled[written]
            tokens.append(Token(meant, position, end, position == last_end, True))
            position = last_end = end
        elif char == "\n" or not (char.isspace() or char == "_" or unicodedata.combining(char)):
            if char in HYPHENS and _is_joint(value, position, size):
                position += 1
                last_end = position
                continue
            norm = "-" if char in HYPHENS else char
            tokens.append(Token(norm, position, position + 1, position == last_end, False))
            position += 1
            last_end = position
        else:
            position += 1
    return tokens


def _word_end(value: str, position: int, size: int) -> int:
    end = position + 1
    while end < size:
        char = value[end]
        following = value[end + 1] if end + 1 < size else " "
        if char.isalnum() or unicodedata.combining(char):
            end += 1
        elif _joins(value[end - 1], char, following):
            end += 2
        else:
            break
    return end


def _joins(before: str, char: str, after: str) -> bool:
    """An apostrophe before a letter and a point between digits belong to the word."""
    return (char in APOSTROPHES and after.isalpha()) or (char == "." and before.isdigit() and after.isdigit())


def _is_joint(value: str, position: int, size: int) -> bool:
    return 0 < position < size - 1 and value[position - 1].isalnum() and value[position + 1].isalnum()


def words_of(phrase: str) -> tuple[str, ...]:
    """Return the normal forms of a table phrase, cut exactly as order text is."""
    return tuple(t.norm for t in tokenize(phrase))


def ends_sentence(tokens: list[Token], index: int) -> bool:
    """Tell whether the mark at `index` ends a sentence.

    A point does not after an abbreviation or between two tight words (`p.o.`); a question mark only when
    it is tight to the word before it (`calcification?`), for `? calcification` asks about what follows.
    """
    token = tokens[index]
    if token.is_word or token.norm not in CLOSERS:
        return False
    before = tokens[index - 1] if index else None
    if token.norm == ".":
        if before is not None and before.is_word and before.norm in ABBREVIATED:
            return False
        following = tokens[index + 1] if index + 1 < len(tokens) else None
        return not (
            following is not None
            and following.is_word
            and following.tight
            and before is not None
            and len(before.norm) == 1
        )
    if token.norm == "?":
        return before is not None and before.is_word and token.tight
    return True
