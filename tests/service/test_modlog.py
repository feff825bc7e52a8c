"""The chain of the modification log: what it says, and that no change goes unseen (P15)."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl7calf.service.modlog import (
    DAY_US,
    GENESIS,
    Anchor,
    Finding,
    StoredEntry,
    bytes_as_text,
    canonical_json,
    entry_body,
    entry_hash,
    placers_of,
    text_as_bytes,
    time_as_text,
    verify,
    with_findings,
)

AT = 1_767_225_600_000_000


def chain(length: int, key: bytes = b"", kinds: dict[int, dict[str, object]] | None = None) -> list[StoredEntry]:
    entries = []
    previous = GENESIS
    for sequence in range(1, length + 1):
        fields = {
            "kind": "message",
            "route": "orders",
            "action": "pass",
            "control_id": f"A{sequence}",
            "message_id": sequence,
            "orders": [{"placer_key": f"P-{sequence}^CPOE"}],
        }
        fields = (kinds or {}).get(sequence, fields)
        body = entry_body(sequence, AT + sequence, "node-1", previous, fields)
        previous = entry_hash(body, key)
        entries.append(
            StoredEntry(
                sequence,
                AT + sequence,
                (AT + sequence) // DAY_US,
                str(fields["kind"]),
                str(fields.get("route", "")),
                str(fields.get("action", "")),
                str(fields.get("control_id", "")),
                fields.get("message_id"),  # type: ignore[arg-type]
                placers_of(fields),
                body,
                previous,
            )
        )
    return entries


def end_of(entries: list[StoredEntry]) -> Anchor:
    return Anchor(entries[-1].sequence, entries[-1].hash)


def test_a_whole_chain_is_whole() -> None:
    entries = chain(5)
    result = verify(entries, end_of(entries))
    assert (result.ok, result.checked, result.head) == (True, 5, end_of(entries))


def whats(entries: list[StoredEntry], anchor: Anchor | None = None) -> list[tuple[int, str]]:
    """What verifying found, place and sentence."""
    return [(finding.sequence, finding.what) for finding in verify(entries, anchor).findings]


def relinked(entry: StoredEntry, **content: object) -> StoredEntry:
    """The entry rewritten by somebody who can hash: other content, its own hash right again."""
    body = canonical_json({**json.loads(entry.body), **content})
    return replace(entry, body=body, hash=entry_hash(body))


def test_the_chain_begins_with_32_zero_bytes_and_a_day_is_a_day() -> None:
    first = json.loads(chain(1)[0].body)
    assert (first["previous"], first["node"], first["sequence"]) == ("0" * 64, "node-1", 1)
    assert DAY_US == 24 * 60 * 60 * 1_000_000
    assert verify([]).head == Anchor(0, bytes(32))


def test_each_fault_has_its_own_sentence() -> None:
    one, two, three, four = chain(4)
    changed = replace(two, hash=b"x" * 32)
    assert whats([one, changed, three]) == [
        (2, "the entry was changed: its hash is wrong"),
        (3, "the entry does not follow the one before it"),
    ]
    assert whats([one, replace(two, route="x")]) == [(2, "the entry's columns or place differ from what it says")]
    unreadable = replace(two, body=b"not JSON", hash=entry_hash(b"not JSON"))
    assert whats([one, unreadable]) == [(2, "the entry cannot be read")]
    assert whats([one, two], Anchor(2, b"x" * 32)) == [(2, "the entry is not the one the anchor names")]
    assert whats([one, two], end_of([four])) == [(4, "entries after 2 are missing: the anchor is not there")]
    assert whats([three, four]) == [(3, "entries before this one are missing, and no purge entry says so")]


def test_an_entry_that_only_claims_to_be_the_first_is_none() -> None:
    one, two = chain(2)
    said = "entries before this one are missing, and no purge entry says so"
    assert whats([relinked(one, previous="11" * 32)]) == [(1, said)]
    assert whats([relinked(two, previous=GENESIS.hex())]) == [(2, said)]


def test_what_a_purge_cut_off_is_exactly_what_the_anchor_need_not_find() -> None:
    whole = chain(2)
    purge = {"kind": "purge", "details": {"through": "2", "through_hash": whole[1].hash.hex()}}
    left = chain(4, kinds={3: purge})[2:]
    assert verify(left, Anchor(2, b"x" * 32)).ok, "purged itself"
    assert verify(left, end_of(left)).ok
    assert whats(left[:1], end_of(left)) == [(4, "entries after 3 are missing: the anchor is not there")]


def test_an_entry_is_found_by_the_first_component_of_each_placer_number_once_and_sorted() -> None:
    keys = ["P-2^CPOE^X", "P-1", "P-2^OTHER", "", "^CPOE"]
    assert placers_of({"orders": [{"placer_key": key} for key in keys]}) == ("P-1", "P-2")
    assert placers_of({}) == ()


def test_what_is_not_printable_is_written_as_the_standard_library_does() -> None:
    for text in ("\x7f", "\x7fa\n", "\u20ac", "\udc80"):
        assert canonical_json({"b": text, "a": 1}) == json.dumps({"a": 1, "b": text}, separators=(",", ":")).encode()


def test_an_empty_log_is_whole_unless_the_anchor_knows_better() -> None:
    assert verify([]).ok
    assert verify([], Anchor(0, GENESIS)).ok
    assert not verify([], Anchor(1, b"x" * 32)).ok


def test_an_anchor_of_the_past_is_found_in_a_longer_chain() -> None:
    entries = chain(5)
    assert verify(entries, end_of(entries[:3])).ok
    assert not verify(entries, Anchor(3, b"x" * 32)).ok


def test_a_cut_tail_is_found_with_an_anchor_and_only_with_one() -> None:
    entries = chain(5)
    assert not verify(entries[:4], end_of(entries)).ok
    assert verify(entries[:4]).ok


def test_a_cut_head_is_found_unless_a_purge_entry_names_the_last_one_cut() -> None:
    entries = chain(5)
    assert not verify(entries[2:]).ok
    purge = {"kind": "purge", "details": {"through": "2", "through_hash": entries[1].hash.hex()}}
    purged = chain(6, kinds={6: purge})
    assert verify(purged[2:]).ok
    assert verify(purged[2:], end_of(purged[:1])).ok  # the anchor was purged itself
    assert not verify(purged[3:]).ok
    assert verify(purged).ok  # a purge entry whose entries came back does no harm


def test_a_forged_chain_is_found_where_the_site_has_a_key() -> None:
    assert verify(chain(3, b"key"), key=b"key").ok
    assert not verify(chain(3), key=b"key").ok
    assert not verify(chain(3, b"other"), key=b"key").ok


def test_a_rewritten_chain_is_found_by_the_anchor() -> None:
    entries = chain(3)
    other = chain(3, kinds={2: {"kind": "message"}})
    assert verify(other).ok
    assert not verify(other, end_of(entries)).ok


@pytest.mark.parametrize(
    "change",
    [
        {"at": AT},
        {"day": 3},
        {"kind": "mode"},
        {"route": "x"},
        {"action": "upgrade"},
        {"control_id": "B"},
        {"message_id": 9},
        {"message_id": None},
        {"placers": ()},
        {"placers": ("P-2", "P-9")},
        {"sequence": 99},
        {"body": b"{}"},
        {"body": b"not JSON"},
        {"body": b"[]"},
        {"hash": b"x" * 32},
    ],
    ids=str,
)
def test_each_column_is_held_to_what_the_entry_says(change: dict[str, object]) -> None:
    entries = chain(3)
    entries[1] = replace(entries[1], **change)  # type: ignore[arg-type]
    result = verify(entries)
    assert not result.ok
    assert {finding.sequence for finding in result.findings} & {2, 3, 99}


@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_entry_that_was_rewritten_with_a_hash_of_its_own_is_found_at_any_place(at: int) -> None:
    entries = chain(3)
    body = entries[at].body.replace(b"node-1", b"node-9", 1)
    entries[at] = replace(entries[at], body=body, hash=entry_hash(body))
    if at < 2:
        assert [finding.sequence for finding in verify(entries).findings] == [at + 2]  # the one after it shows it
    assert not verify(entries, end_of(chain(3))).ok


def test_a_removed_entry_is_said_to_be_missing() -> None:
    entries = chain(4)
    [finding] = verify([entries[0], entries[1], entries[3]]).findings
    assert (finding.sequence, finding.what) == (4, "entries are missing after 2")


def test_findings_stop_before_they_fill_the_screen() -> None:
    entries = [replace(one, hash=b"x" * 32) for one in chain(300)]
    assert len(verify(entries).findings) == 100


def test_findings_of_another_kind_can_be_added() -> None:
    result = with_findings(verify([]), [Finding(3, "stray")])
    assert not result.ok


def test_times_are_written_in_utc_to_the_microsecond() -> None:
    assert time_as_text(AT) == "2026-01-01T00:00:00.000000Z"
    assert time_as_text(AT + 1) == "2026-01-01T00:00:00.000001Z"
    assert time_as_text(-1) == "1969-12-31T23:59:59.999999Z"


@given(st.binary())
def test_bytes_survive_their_way_through_text(value: bytes) -> None:
    text = bytes_as_text(value)
    assert text_as_bytes(text) == value
    assert json.loads(canonical_json({"v": text}))["v"] == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4))
def test_the_quick_encoder_writes_what_the_standard_library_writes(content: dict[str, object]) -> None:
    plain = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")
    assert canonical_json(content) == plain
